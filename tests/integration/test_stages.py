"""What the office tries on some laptops, for some tasks: who decides there, and that the shadow only looks on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from device.routes import Question
from device.updates.bundles import Ruling
from policies.bundle import Bundle
from policies.rollout import Rollout, Stage
from shared.assist import Answer, AssistRequest
from shared.problems import Code
from shared.routing import DataClass, Decision, Route
from tests.laptops import Place, place
from tests.routing import bundle_of, shipped, shipped_files

SUMMARY = "Summarise: the pump ran at 4.2 bar for three weeks. " * 12
NOTE = Question("answer", "Which filter fits?", DataClass.INTERNAL, conversation="WO-1042")
PERSONAL = replace(NOTE, words="Ms Harrington called")
#: The laptop's own name.
HERE = "TB-07"


def numbered(version: int, cedar: str) -> Bundle:
    manifest = shipped_files()["manifest.toml"].replace("version = 1", f"version = {version}")
    return bundle_of(manifest=manifest, cedar=cedar)


def closed(version: int) -> Bundle:
    """Nothing runs anywhere."""
    return numbered(version, '@id("closed") @reason("it is closed") forbid (principal, action, resource);')


def opened(version: int) -> Bundle:
    """Everything runs everywhere."""
    return numbered(version, '@id("opened") @reason("it is open") permit (principal, action, resource);')


def ruled(*bundles: Bundle, stages: tuple[Stage, ...]) -> Ruling:
    told = Rollout(serial=4, stages=stages)
    return Ruling(shipped(), "program", 4, None, told, {each.manifest.version: each for each in bundles})


def stage(version: int, mode: Any = "in_force", **of: Any) -> Stage:
    return Stage(version=version, mode=mode, **of)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    yield made
    made.world.device.store.close()


def put(laptop: Place, *bundles: Bundle, stages: tuple[Stage, ...]) -> None:
    laptop.world.device.workbench.rule_by(ruled(*bundles, stages=stages))


def shadows(laptop: Place) -> list[tuple[str, Decision]]:
    """What was decided in shadow: the hash of the decision that was followed, and the one that was not."""
    kept = [json.loads(each.body) for each in laptop.world.device.store.evidence() if each.kind == "shadow"]
    return [(each["followed"], Decision.model_validate(each["decision"])) for each in kept]


# -- in force


@pytest.mark.parametrize(
    ("of", "asked", "version"),
    [
        ({}, NOTE, "shipped-2"),
        ({"purposes": {"answer"}}, NOTE, "shipped-2"),
        ({"purposes": {"propose"}}, NOTE, "shipped-1"),
        ({"classes": {"internal"}}, NOTE, "shipped-2"),
        ({"classes": {"internal"}}, PERSONAL, "shipped-1"),
        ({"classes": {"personal"}}, PERSONAL, "shipped-2"),
        ({"classes": {"restricted"}}, replace(NOTE, declared=None), "shipped-2"),
        ({"groups": {HERE, "TB-99"}}, NOTE, "shipped-2"),
        ({"groups": {"TB-99"}}, NOTE, "shipped-1"),
    ],
)
def test_a_stage_decides_for_its_tasks_on_its_laptops_and_for_no_other(
    laptop: Place, of: dict[str, Any], asked: Question, version: str
) -> None:
    assert laptop.world.device.identity.device == HERE
    put(laptop, closed(2), stages=(stage(2, **of),))
    decision = laptop.routes.decide(asked, laptop.model)
    assert decision.bundle_version == laptop.routes.look(asked, laptop.model).bundle_version == version
    assert decision.route is (Route.REFUSE if version == "shipped-2" else Route.DEVICE)
    assert laptop.world.device.workbench.policy_version == "shipped-1"


def test_a_class_that_rose_in_the_conversation_chooses_the_stage(laptop: Place) -> None:
    put(laptop, closed(2), stages=(stage(2, classes={"personal"}),))
    assert laptop.routes.decide(NOTE, laptop.model).bundle_version == "shipped-1"
    laptop.world.device.store.raise_conversation("WO-1042", DataClass.PERSONAL)
    assert laptop.routes.decide(NOTE, laptop.model).bundle_version == "shipped-2"


async def test_a_stage_that_is_not_here_leaves_its_tasks_on_this_laptop_and_no_others(laptop: Place) -> None:
    put(laptop, stages=(stage(2, purposes={"answer"}),))
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert came.route is Route.PRIVATE_CLUSTER
    laptop.elsewhere.calls.clear()
    put(laptop, stages=(stage(2, purposes={"summarise"}),))
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert came.route is Route.DEVICE
    assert laptop.elsewhere.calls == []


# -- in shadow


async def test_what_is_in_shadow_would_open_everything_and_opens_nothing(laptop: Place) -> None:
    assert laptop.routes.take_capabilities(laptop.elsewhere.capabilities())
    put(laptop, opened(2), stages=(stage(2, "shadow"),))
    laptop.elsewhere.calls.clear()
    followed = laptop.routes.decide(PERSONAL, None)
    assert (followed.route, followed.bundle_version) == (Route.REFUSE, "shipped-1")
    ((beside, looked_on),) = shadows(laptop)
    assert (looked_on.route, looked_on.bundle_version) == (Route.PRIVATE_CLUSTER, "shipped-2")
    assert beside == followed.hash
    assert looked_on.request == followed.request
    came = await laptop.assistant.ask("Ms Harrington called. What now?", purpose="answer")
    assert isinstance(came, Answer)
    assert came.route is Route.DEVICE
    assert (laptop.elsewhere.calls, laptop.elsewhere.asked) == ([], [])


async def test_what_is_in_shadow_would_close_everything_and_closes_nothing(laptop: Place) -> None:
    put(laptop, closed(2), stages=(stage(2, "shadow"),))
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert (came.route, came.bundle_version) == (Route.PRIVATE_CLUSTER, "shipped-1")
    assert [each.route for _, each in shadows(laptop)] == [Route.REFUSE]


def test_the_shadow_leaves_nothing_but_its_entry(laptop: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = place(tmp_path / "other")
    put(laptop, closed(2), opened(3), stages=(stage(2, "shadow"), stage(3, "shadow")))
    for each in (laptop, other):
        for asked in (NOTE, PERSONAL, NOTE):
            each.routes.decide(asked, each.model)
    store, beside = laptop.world.device.store, other.world.device.store
    assert store.decisions() == beside.decisions()
    assert store.meta("stability") == beside.meta("stability")
    assert len(shadows(laptop)) == 6
    assert laptop.routes.evidence.broken() is None
    beside.close()


def test_a_dry_look_casts_no_shadow(laptop: Place) -> None:
    put(laptop, closed(2), stages=(stage(2, "shadow"),))
    laptop.routes.again(laptop.routes.look(NOTE, laptop.model).request)
    assert shadows(laptop) == []


def test_a_shadow_that_cannot_be_read_does_not_decide(laptop: Place) -> None:
    put(laptop, stages=(stage(2, "shadow"),))
    assert laptop.routes.decide(NOTE, laptop.model).bundle_version == "shipped-1"
    assert shadows(laptop) == []


def test_what_may_be_told_of_a_shadow_holds_nobody(laptop: Place) -> None:
    put(laptop, closed(2), stages=(stage(2, "shadow"),))
    laptop.routes.decide(PERSONAL, laptop.model)
    traces = laptop.routes.evidence.traces(0, 100)
    told = [json.loads(each.told) for each in traces]
    assert [each.kind for each in traces[-2:]] == ["decision", "shadow"]
    assert (told[-1]["followed"], told[-1]["route"]) == (told[-2]["ref"], Route.REFUSE)
    for word in ("Harrington", "WO-1042", "okafor", HERE, "riverside"):
        assert word not in json.dumps(told), word


# -- what began


async def test_a_task_that_began_keeps_its_bundle_for_its_retries(laptop: Place) -> None:
    def rolled_out_meanwhile(_: AssistRequest) -> httpx.Response:
        put(laptop, closed(2), stages=(stage(2),))
        return laptop.elsewhere.refused(Code.BUSY)

    laptop.elsewhere.answers = rolled_out_meanwhile
    came = await laptop.assistant.ask(SUMMARY, purpose="summarise")
    assert isinstance(came, Answer)
    assert [each.route for each in came.attempts] == [Route.PRIVATE_CLUSTER, Route.DEVICE]
    assert came.bundle_version == "shipped-1"
    assert not isinstance(await laptop.assistant.ask(SUMMARY, purpose="summarise"), Answer)
    versions = [each.bundle_version for each in laptop.world.device.store.decisions()]
    assert versions[-1] == "shipped-2"
    assert set(versions[:-1]) == {"shipped-1"}


async def test_what_began_narrowed_is_not_widened_by_what_comes_meanwhile(laptop: Place) -> None:
    put(laptop, stages=(stage(2),))
    asked = laptop.routes.begin(NOTE)
    put(laptop, opened(2), stages=(stage(2),))
    assert laptop.routes.take_capabilities(laptop.elsewhere.capabilities())
    assert laptop.routes.decide(NOTE, None).route is Route.PRIVATE_CLUSTER
    assert laptop.routes.decide(asked, None).route is not Route.PRIVATE_CLUSTER
