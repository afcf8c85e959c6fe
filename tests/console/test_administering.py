"""Administrators at the console: policies tried, published, rolled out, taken back; people, roles and passwords."""

import json
from html import unescape
from pathlib import Path

import pytest

from policies.bundle import FILES
from policies.models import MODELS_MAX
from policies.rollout import STAGES_MAX
from shared.commands.base import Role
from shared.model_evals import Evaluated
from shared.problems import Refused
from shared.routing import Tier
from sync_server.office.models import LICENCE_CHARS_MAX, ModelDraft
from sync_server.store import Person
from sync_server.updates.bundles import shipped_bundle
from tests.console.conftest import PASSWORD, PERSON, Browser
from tests.console.test_every_page import EVERYBODY
from tests.served import TENANT, Laptop, Server
from tests.unit.device.model.test_gguf import made as a_gguf

POLICIES = "/console/policies"


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser, server: Server) -> None:
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()


def files(version: int) -> dict[str, str]:
    """The bundle that ships, under another number, as the form sends it."""
    texts = dict(shipped_bundle().files)
    texts["manifest.toml"] = texts["manifest.toml"].replace("version = 1", f"version = {version}", 1)
    return {f"file.{name}": texts[name].replace("\n", "\r\n") for name in FILES}


async def test_a_bundle_is_published_tried_in_the_shadow_put_in_force_and_taken_back(
    browser: Browser, server: Server, laptop: Laptop
) -> None:
    page = await browser.send(POLICIES, act="publish", which="publish", **files(2))
    assert "Published. It is in force nowhere until it is rolled out." in page.text
    page = await browser.send(
        POLICIES, act="rollout", which="rollout", version="2", mode="shadow", groups=laptop.name, reason="try it"
    )
    assert "o In shadow" in page.text
    assert laptop.name in page.text
    page = await browser.send(POLICIES, act="withdraw", which="withdraw", version="2", reason="enough")
    assert server.office.published(TENANT).rollout.stages == ()
    await browser.send(POLICIES, act="rollout", which="rollout", version="2", mode="in_force", reason="it is good")
    assert server.office.published(TENANT).rollout.in_force == 2
    page = await browser.send(POLICIES, act="rollback", which="rollback", version="2", reason="it was not")
    assert "Rolled back" in page.text
    assert server.office.published(TENANT).rollout.in_force == 3


async def test_a_bundle_that_cannot_be_used_is_refused_and_its_text_is_kept(browser: Browser, server: Server) -> None:
    spoilt = {**files(2), "file.boundary.cedar": "permit (everything);"}
    page = await browser.send(POLICIES, act="publish", which="publish", **spoilt)
    assert page.status_code == 422
    assert "permit (everything);" in page.text
    assert server.office.published(TENANT).versions == ()


async def test_a_roll_out_takes_a_reason_and_a_group_that_is_there(browser: Browser, server: Server) -> None:
    await browser.send(POLICIES, act="publish", which="publish", **files(2))
    for form in ({"reason": ""}, {"reason": "x", "groups": "nobody"}, {"reason": "x", "version": "77"}):
        told = {"version": "2", "mode": "in_force", **form}
        page = await browser.send(POLICIES, act="rollout", which="rollout", **told)
        assert page.status_code in {404, 422}, form
    assert server.office.published(TENANT).rollout.in_force is None


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ("purpose=answer&class=internal&device=basic&tier=basic", "THIS LAPTOP"),
        ("purpose=answer&class=restricted&device=none&private_cluster=none", "NOWHERE"),
        ("purpose=answer&class=nonsense&device=%22&chars=x&link=<b>&tier=", "NOWHERE"),
    ],
)
async def test_what_would_be_decided_is_said_with_every_why_not(browser: Browser, facts: str, place: str) -> None:
    page = await browser.get(f"{POLICIES}/what-if?{facts}")
    assert page.status_code == 200
    assert f'<bdi lang="en">{place}: ' in page.text
    assert "not CLOUD" in page.text


async def test_somebody_is_added_changed_given_a_password_and_closed_out(browser: Browser, server: Server) -> None:
    form = {"person": "n.dahl", "name": "N. Dahl", "role.resolver": "on", "teams": "north, south"}
    page = await browser.send("/console/people", act="add", which="add", **form)
    assert page.url.path == "/console/people/n.dahl"
    (person,) = [each for each in server.office.people(TENANT) if each.id == "n.dahl"]
    assert (person.roles, person.teams) == (frozenset({Role.RESOLVER}), frozenset({"north", "south"}))
    changed = {"name": "Nils Dahl", "role.dispatcher": "on", "teams": ""}
    await browser.send("/console/people/n.dahl", act="change", which="change", **changed)
    (person,) = [each for each in server.office.people(TENANT) if each.id == "n.dahl"]
    assert (person.name, person.roles, person.teams) == ("Nils Dahl", frozenset({Role.DISPATCHER}), None)
    page = await browser.send("/console/people/n.dahl", act="password", which="secret", password="short")
    assert page.status_code == 422
    assert "short" not in page.text
    await browser.send("/console/people/n.dahl", act="password", which="secret", password=PASSWORD)
    assert server.office.sign_in(None, "n.dahl", PASSWORD, "there").person == person
    page = await browser.send("/console/people/n.dahl", act="close", which="close", closing="n.dal")
    assert "type n.dahl to confirm" in page.text.casefold()
    await browser.send("/console/people/n.dahl", act="close", which="close", closing="n.dahl")
    with pytest.raises(Refused):
        server.office.sign_in(None, "n.dahl", PASSWORD, "there")


async def test_nobody_takes_the_keys_from_themselves_or_somebody_elses_password(
    browser: Browser, server: Server
) -> None:
    page = await browser.send(f"/console/people/{PERSON}", act="change", which="change", name="M. Reyes")
    assert page.status_code == 422
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", frozenset({Role.RESOLVER})))
    page = await browser.send("/console/people/root", act="password", which="secret", password=PASSWORD)
    assert page.status_code == 403
    page = await browser.send(f"/console/people/{PERSON}", act="password", which="secret", password=f"{PASSWORD} 2")
    assert page.status_code == 401, "their own they may set, and are signed out by it"
    assert server.office.sign_in(None, PERSON, f"{PASSWORD} 2", "there").person.id == PERSON


async def test_a_model_is_rolled_out_by_stage_and_withdrawn(browser: Browser, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "seven-b.gguf"
    file.write_bytes(a_gguf(data=4000))
    model = server.office.publish_model(TENANT, "root", ModelDraft(file, "seven-b", "MIT", Tier.STANDARD))
    number = str(model.number)
    page = await browser.get("/console/models")
    for told in ("seven-b", "nothing yet: evaluated nowhere", "- Nowhere"):
        assert told in page.text, told
    page = await browser.send("/console/models", act="rollout", which="rollout", number="one", reason="x")
    assert page.status_code == 422
    page = await browser.send("/console/models", act="rollout", which="rollout", number=number, reason="try")
    assert "o In shadow" in page.text
    form = {"number": number, "mode": "in_force", "reason": "it passed"}
    page = await browser.send("/console/models", act="rollout", which="rollout", **form)
    assert "+ In force" in page.text
    page = await browser.send("/console/models", act="withdraw", which="withdraw", number=number, reason="crashes")
    assert "+ Withdrawn." in page.text
    assert server.office.model_catalogue(TENANT).rollout.in_force is None


async def test_a_model_is_published_with_its_eval_results_from_the_page_and_gone_back_to(
    browser: Browser, server: Server
) -> None:
    incoming = server.office.models_folder
    page = await browser.get("/console/models")
    assert "No file lies there." in page.text
    incoming.mkdir()
    for number in (1, 2):
        (incoming / f"model-{number}.gguf").write_bytes(a_gguf(data=4000 * number))
    told = {
        "prompts": 3,
        "figures": {"notes": {"right": 0.93}, "speed": {"tokens_per_s": 3.5}},
        "failed": ["speed: slow"],
    }
    (incoming / "model-1.json").write_text(json.dumps({"report": told}))
    form = {"name": "first", "licence": "MIT", "tier": "standard"}
    for wrong in ("../secret", "model-3.gguf", ""):
        page = await browser.send("/console/models", act="publish", which="publish", file=wrong, **form)
        assert page.status_code == 404, wrong
    page = await browser.send("/console/models", act="publish", which="publish", file="model-1.gguf", **form)
    for words in ("+ Published.", "right: 0.93", "speed: slow", "tokens per s: 3.5"):
        assert words in page.text, words
    assert server.office.models(TENANT)[0][0].evals == ("notes",)
    form |= {"name": "second"}
    await browser.send("/console/models", act="publish", which="publish", file="model-2.gguf", **form)
    for each in ("1", "2"):
        rolled = {"number": each, "mode": "in_force", "reason": "next"}
        await browser.send("/console/models", act="rollout", which="rollout", **rolled)
    page = await browser.send("/console/models", act="rollback", which="rollback", number="1", reason="crashes")
    assert "Rolled back" in page.text
    for name in ("Evaluation of 1: first", "Evaluation of 3: first"):
        assert page.text.count(f'role="region" aria-label="{name}"') == 1, "two regions of one name are told apart"
    catalogue = server.office.model_catalogue(TENANT)
    assert catalogue.rollout.in_force == 3
    again = catalogue.model(3)
    assert again
    assert again.name == "first"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"licence": "y" * (LICENCE_CHARS_MAX + 1)}, "Say under which licence the model is, in 1 to 120 characters"),
        ({"licence": " "}, "Say under which licence the model is, in 1 to 120 characters"),
        ({"name": "y" * (1 << 20)}, "cannot be the short name of a model"),
        ({"file": "y" * (1 << 20)}, "There is no file yyy"),
        ({"tier": "y" * (1 << 20)}, "Choose a tier"),
    ],
)
async def test_what_is_said_of_a_model_has_limits_and_is_refused_in_words(
    browser: Browser, server: Server, wrong: dict[str, str], words: str
) -> None:
    server.office.models_folder.mkdir()
    (server.office.models_folder / "m.gguf").write_bytes(a_gguf(data=4000))
    form = {"file": "m.gguf", "name": "m", "licence": "MIT", "tier": "basic", **wrong}
    page = await browser.send("/console/models", act="publish", which="publish", **form)
    assert page.status_code in {404, 422}
    assert words in unescape(page.text)
    assert f'name="licence" type="text" value="{form["licence"]}" maxlength="{LICENCE_CHARS_MAX}"' in page.text
    assert server.office.models(TENANT) == []


async def test_a_suite_that_cannot_be_named_is_refused_in_words(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(a_gguf(data=4000))
    draft = ModelDraft(file, "m", "MIT", Tier.BASIC, Evaluated(1, {"all notes": {"right": 1.0}}))
    with pytest.raises(Refused, match="'all notes' cannot be the short name of a suite"):
        server.office.publish_model(TENANT, "root", draft)


async def test_a_catalogue_that_is_full_says_so_and_a_withdrawal_makes_room(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(a_gguf(data=4000))
    for number in range(1, MODELS_MAX + 1):
        server.office.publish_model(TENANT, "root", ModelDraft(file, f"m{number}", "MIT", Tier.BASIC))
    server.office.models_folder.mkdir()
    (server.office.models_folder / "one-more.gguf").write_bytes(a_gguf(data=8000))
    form = {"file": "one-more.gguf", "name": "one-more", "licence": "MIT", "tier": "basic"}
    page = await browser.send("/console/models", act="publish", which="publish", **form)
    assert page.status_code == 422
    assert "32 models are published, and no more can be; withdraw one first, for example 1: m1." in page.text
    page = await browser.send("/console/models", act="rollback", which="rollback", number="1", reason="crashes")
    assert "32 models are published, and no more can be" in page.text
    await browser.send("/console/models", act="withdraw", which="withdraw", number="1", reason="no longer used")
    page = await browser.send("/console/models", act="publish", which="publish", **form)
    assert "+ Published." in page.text


async def test_more_stages_than_laptops_read_are_refused_in_words(
    browser: Browser, server: Server, laptop: Laptop, tmp_path: Path
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(a_gguf(data=4000))
    for number in range(1, STAGES_MAX // 2 + 2):
        server.office.publish_model(TENANT, "root", ModelDraft(file, f"m{number}", "MIT", Tier.BASIC))
    rolled = [
        {"number": str(number), "mode": mode, "groups": laptop.name, "reason": "try"}
        for number in range(1, STAGES_MAX // 2 + 2)
        for mode in ("shadow", "in_force")
    ]
    for form in rolled[:STAGES_MAX]:
        page = await browser.send("/console/models", act="rollout", which="rollout", **form)
        assert page.status_code == 200
    page = await browser.send("/console/models", act="rollout", which="rollout", **rolled[STAGES_MAX])
    assert page.status_code == 422
    assert "There are too many stages; withdraw what is not needed." in page.text
    assert len(server.office.model_catalogue(TENANT).rollout.stages) == STAGES_MAX


async def test_a_report_that_cannot_be_read_publishes_nothing(browser: Browser, server: Server) -> None:
    incoming = server.office.models_folder
    incoming.mkdir()
    (incoming / "m.gguf").write_bytes(a_gguf(data=4000))
    (incoming / "m.json").write_text("{}")
    form = {"file": "m.gguf", "name": "m", "licence": "MIT", "tier": "basic"}
    page = await browser.send("/console/models", act="publish", which="publish", **form)
    assert page.status_code == 422
    assert "! The report beside it cannot be read" in page.text
    assert server.office.models(TENANT) == []
