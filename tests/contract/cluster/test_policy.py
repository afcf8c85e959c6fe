"""The gateway under the policies that ship, with what the server itself knows."""

import json
from collections.abc import AsyncIterator

import pytest

from policies.bundle import CEDAR, MANIFEST, pack
from policies.rollout import Rollout
from policies.rollout import Stage as Tried
from shared.routing import DataClass, Route
from sync_server.cluster.policy import ServerPolicies, shipped_policies
from sync_server.office import Office
from sync_server.office.policies import Scope
from sync_server.updates.bundles import shipped_bundle
from tests.contract.cluster.stage import CLOUD, Stage, answer_of, staged, upstream
from tests.served import TENANT, Laptop
from tests.unit.shared.vocabulary.history import RAW


@pytest.fixture
def policies(office: Office) -> ServerPolicies:
    made = shipped_policies()
    made.read(office.service)
    return made


@pytest.fixture
async def stage(office: Office, policies: ServerPolicies) -> AsyncIterator[Stage]:
    async with staged(office, upstream("one"), upstream("cloud", CLOUD), policies=policies) as made:
        yield made


async def test_a_question_runs_in_the_private_cluster_and_says_so(stage: Stage, laptop: Laptop) -> None:
    answer = answer_of(await stage.ask(laptop))
    assert (answer.route, answer.bundle_version) == (Route.PRIVATE_CLUSTER, "shipped-1")
    assert "private cluster" in answer.disclosure
    (entry,) = await stage.audited()
    assert "our-own-cluster" in entry["policies"]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Call Ada Okafor about it", "personal"),
        ("the password: hunter2-Xk9f-22b", "restricted"),
        ("fi\u200blter", "restricted"),
    ],
)
async def test_what_the_server_finds_out_itself_stays_on_the_laptop(
    stage: Stage, laptop: Laptop, prompt: str, found: str
) -> None:
    response = await stage.ask(laptop, prompt, data_class="public")
    assert (response.status_code, response.json()["code"]) == (403, "consent_needed")
    assert stage.reached() == 0
    (entry,) = await stage.audited()
    assert entry["data_class"] == found


async def test_what_the_organisations_vocabulary_marks_stays_on_the_laptop(
    stage: Stage, laptop: Laptop, office: Office, policies: ServerPolicies
) -> None:
    office.publish_vocabulary(TENANT, "root", RAW)
    policies.read(office.service)
    response = await stage.ask(laptop, "Orinoco asked about the valve", data_class="public")
    assert (response.status_code, response.json()["code"]) == (403, "consent_needed")
    assert stage.reached() == 0


async def test_a_consent_for_one_task_opens_the_cluster_for_it(stage: Stage, laptop: Laptop) -> None:
    raw = json.loads(stage.question("Call Ada Okafor about it"))
    raw["consents"] = [stage.consent(laptop, raw["task"])]
    answer = answer_of(await stage.signed(laptop, "POST", "/v1/assist", json.dumps(raw).encode()))
    assert (answer.route, answer.data_class) == (Route.PRIVATE_CLUSTER, DataClass.PERSONAL)


async def test_the_cloud_is_off_whatever_the_laptop_permits(stage: Stage, laptop: Laptop) -> None:
    for seat in stage.parts.gateway.seats.values():
        if seat.name == "one":
            for _ in range(3):
                seat.health.report(0.0, well=False)
    response = await stage.ask(laptop, data_class="public", boundaries=["private_cluster", "managed_cloud"])
    assert response.json()["code"] == "no_capacity"
    assert stage.reached() == 0


def test_before_the_names_are_known_nothing_is_classified(office: Office) -> None:
    assert shipped_policies().classify(TENANT, "hello") is None


def packed(version: int) -> bytes:
    """The bundle that ships, under another number, with a cluster that may work on nothing."""
    files = dict(shipped_bundle().files)
    files[MANIFEST] = files[MANIFEST].replace("version = 1", f"version = {version}")
    files[CEDAR] += '@id("closed") @reason("the cluster is closed") forbid (principal, action, resource) '
    files[CEDAR] += 'when { resource == Tailboard::Boundary::"private_cluster" };'
    return pack(files)


async def test_what_the_office_rolled_out_decides_for_what_it_is_for(
    stage: Stage, laptop: Laptop, office: Office
) -> None:
    """From the next question on: what was narrowed must not be open for another half a minute."""
    assert answer_of(await stage.ask(laptop, purpose="propose")).bundle_version == "shipped-1"
    office.publish_bundle(TENANT, "root", packed(2))
    office.roll_out(TENANT, "root", 2, "in_force", Scope(purposes=frozenset({"propose"})), "tried first with notes")
    assert answer_of(await stage.ask(laptop, purpose="answer")).bundle_version == "shipped-1"
    refused = await stage.ask(laptop, purpose="propose")
    assert (refused.status_code, refused.json()["code"]) == (403, "route_refused")
    assert "the cluster is closed" in refused.json()["detail"]


async def test_a_bundle_that_this_program_cannot_read_opens_nothing(
    stage: Stage, laptop: Laptop, office: Office, policies: ServerPolicies
) -> None:
    with office.service.store.transaction() as tx:
        office.service.publisher(tx, TENANT).publish({2: b"of a later program"}, Rollout(in_force=2))
    policies.read(office.service)
    assert (await stage.ask(laptop)).json()["code"] == "route_refused"
    assert stage.reached() == 0


async def test_a_stage_that_this_program_cannot_read_opens_nothing_to_its_tasks(
    stage: Stage, laptop: Laptop, office: Office, policies: ServerPolicies
) -> None:
    tried = Rollout(stages=(Tried(version=2, mode="in_force", purposes=frozenset({"summarise"})),))
    with office.service.store.transaction() as tx:
        office.service.publisher(tx, TENANT).publish({2: b"of a later program"}, tried)
    policies.read(office.service)
    assert (await stage.ask(laptop, purpose="summarise")).json()["code"] == "route_refused"
    assert stage.reached() == 0
    assert answer_of(await stage.ask(laptop, purpose="answer")).bundle_version == "shipped-1"
