"""Models on their way from the office to a laptop: real server, real device, somebody in between; and the verbs."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from device import cli as laptop_cli
from device.bootstrap import Device
from device.capability import Machine as Told
from device.core import prompts
from device.model import registry
from device.model.evals.gate import EvalReport, suites
from device.model.keeper import Told as KeeperTold
from device.updates import client
from policies.models import ApprovedModel
from shared.blobs import RANGE_BYTES_MAX
from shared.problems import Refused
from shared.routing import Tier
from shared.updates import model_path
from sync_server import cli as office_cli
from sync_server.office.models import ModelDraft
from tests.integration.test_updates import PIN, WHY, Between, answered, between, device, opened, publish, sync
from tests.served import TENANT, Server
from tests.unit.device.model.test_gguf import made

__all__ = ["between", "device"]
ALL: frozenset[str] = frozenset()
LARGE = 2 * RANGE_BYTES_MAX + 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seven-b.gguf"
    path.write_bytes(made(data=LARGE))
    return path


def published(server: Server, file: Path, mode: Any = "in_force", groups: frozenset[str] = ALL) -> ApprovedModel:
    draft = ModelDraft(file, "seven-b", "Apache-2.0", Tier.STANDARD)
    model = server.office.publish_model(TENANT, "root", draft)
    server.office.roll_out_model(TENANT, "root", model.number, mode, groups, WHY)
    return model


def passed(device: Device, sha256: str, *failed: str) -> EvalReport:
    at = device.ports.clock.now()
    versions = {"prompts": prompts.VERSION, "suites": suites()["version"]}
    report = EvalReport(model="seven-b", sha256=sha256, at=at, figures={}, failed=failed, **versions)
    device.models.note(report)
    return report


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No llama.cpp: whatever is evaluated passes, and is noted here."""
    seen: list[str] = []

    def evaluate_model(device: Device, sha256: str) -> EvalReport:
        seen.append(sha256)
        return passed(device, sha256)

    monkeypatch.setattr(Device, "evaluate_model", evaluate_model)
    return seen


def first_of(device: Device) -> str:
    return device.models.to_use()[0]().sha256


def pieces(between: Between) -> int:
    return sum(name.startswith("models/") for name in between.asked)


# -- on its way


async def test_what_the_office_put_in_force_is_fetched_evaluated_and_used(
    device: Device, server: Server, between: Between, file: Path, judge: list[str]
) -> None:
    heard: list[str] = []
    device.hear = heard.append
    model = published(server, file)
    assert await sync(device) == []
    assert pieces(between) == 3
    assert device.models.find("seven-b").standing == "not evaluated"
    assert first_of(device) == registry.SHA256
    device.tend_model()
    assert judge == [model.sha256]
    assert (first_of(device), device.models.find("1").standing) == (model.sha256, "used")
    assert heard == ["The model seven-b passed its evaluation and is used from now on."]
    device.tend_model()
    assert len(judge) == 1
    assert await sync(device) == []
    assert pieces(between) == 3


async def test_what_is_in_the_shadow_is_fetched_and_evaluated_and_not_used(
    device: Device, server: Server, file: Path, judge: list[str]
) -> None:
    model = published(server, file, "shadow")
    await sync(device)
    device.tend_model()
    assert judge == [model.sha256]
    assert first_of(device) == registry.SHA256


async def test_a_stage_for_others_fetches_nothing(
    device: Device, server: Server, between: Between, file: Path
) -> None:
    code = server.office.enrol_code(TENANT, "a.okafor")
    assert code
    model = server.office.publish_model(TENANT, "root", ModelDraft(file, "seven-b", "MIT", Tier.BASIC))
    with pytest.raises(Refused, match="no device, and no team"):
        server.office.roll_out_model(TENANT, "root", model.number, "in_force", frozenset({"TB-99"}), WHY)
    await sync(device)
    assert pieces(between) == 0
    assert device.models.missing() == []


async def test_a_download_goes_on_where_it_stopped_also_after_a_restart(
    device: Device, server: Server, between: Between, file: Path, tmp_path: Path
) -> None:
    model = published(server, file)
    taken = 0

    def second_fails(response: httpx.Response) -> httpx.Response:
        nonlocal taken
        taken += 1
        if taken == 2:
            raise httpx.ReadError("the link broke")
        return response

    between.changes[model_path(model.sha256)] = second_fails
    assert len(await sync(device)) == 1
    partial = device.models.partial(model.sha256)
    assert partial.stat().st_size == RANGE_BYTES_MAX
    await device.close()
    between.asked.clear()
    again = opened(server, between, tmp_path / "laptop")
    assert await sync(again) == []
    assert pieces(between) == 2
    assert again.models.find("seven-b").here
    assert not partial.exists()
    await again.close()


async def test_other_bytes_than_those_that_were_signed_never_become_a_model(
    device: Device, server: Server, between: Between, file: Path
) -> None:
    model = published(server, file)
    spoil = lambda like: answered(like.content[:-1] + b"\x01", like)  # noqa: E731
    between.changes[model_path(model.sha256)] = spoil
    (trouble,) = await sync(device)
    assert "seven-b came damaged, or was replaced" in trouble
    assert list(device.models.folder.iterdir()) == []
    assert device.store.meta("update_error") == trouble
    between.changes.clear()
    server.clock.move(timedelta(minutes=16))
    assert await sync(device) == []
    assert device.models.find("seven-b").here


async def test_a_disk_without_room_is_a_sentence_and_nothing_is_fetched(
    device: Device, server: Server, between: Between, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(device.models), "room_for", lambda *_: False)
    published(server, file)
    (trouble,) = await sync(device)
    assert "no room on this disk for the model seven-b" in trouble
    assert pieces(between) == 0


async def test_policies_go_on_where_the_catalogue_is_of_a_later_program(
    device: Device, server: Server, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later:
        @staticmethod
        def model_validate(_: object) -> None:
            raise ValueError("a template that is not known here")

    monkeypatch.setattr(client, "ModelCatalogue", Later)
    published(server, file)
    publish(server, 1)
    assert await sync(device) == []
    assert device.workbench.policy_version == "harrow-1"
    assert len(device.models.known()) == 1


async def test_what_was_withdrawn_is_used_no_more_and_handed_out_no_more(
    device: Device, server: Server, file: Path, judge: list[str]
) -> None:
    model = published(server, file)
    await sync(device)
    device.tend_model()
    assert first_of(device) == model.sha256
    server.office.withdraw_model(TENANT, "root", model.number, WHY)
    assert await sync(device) == []
    assert first_of(device) == registry.SHA256
    assert server.office.models(TENANT) == []
    assert server.office.service.models
    assert server.office.service.models.published.whole(TENANT, model.sha256) is None


async def test_what_crashed_too_often_gives_way_to_the_last_good_one_for_good(
    device: Device, server: Server, file: Path, judge: list[str], tmp_path: Path
) -> None:
    model = published(server, file)
    await sync(device)
    device.tend_model()
    heard: list[str] = []
    device.hear = heard.append
    device._model_told(KeeperTold("It crashed; small takes its place.", device.models.file(model.sha256)))
    assert heard == ["It crashed; small takes its place."]
    assert (first_of(device), device.models.find("seven-b").standing) == (registry.SHA256, "given up")
    device.tend_model()
    assert first_of(device) == registry.SHA256


async def test_the_tier_of_a_model_is_what_the_organisation_says(
    device: Device, server: Server, file: Path, judge: list[str]
) -> None:
    model = published(server, file)
    await sync(device)

    class Loaded:
        name, sha256, context_tokens = "seven-b", model.sha256, 4096

    laptop = device.workbench.routes.laptop
    laptop._machine = Told
    known = laptop.loaded(Loaded())  # type: ignore[arg-type]
    assert (known.tier, known.context_tokens) == (Tier.STANDARD, 4096)


async def test_only_what_is_published_is_handed_out_and_only_in_ranges(
    device: Device, server: Server, file: Path
) -> None:
    from device.errors import RemoteError

    model = published(server, file)
    key = device.keys.device
    with pytest.raises(RemoteError, match="no such model is published"):
        await device.client.fetch_update(model_path("0" * 64), key, 10, 0, 10)
    with pytest.raises(RemoteError, match="asked for in ranges"):
        await device.client.fetch_update(model_path(model.sha256), key, LARGE * 2, 0, None)
    got = await device.client.fetch_update(model_path(model.sha256), key, 10, 4, 10)
    assert got.content == made(data=LARGE)[4:14]


# -- at the office


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"\x89PNG" * 20, "is not a GGUF model file"), (made()[:-1], "is cut short"), (b"", "is empty")],
)
async def test_what_is_no_model_is_not_published(server: Server, tmp_path: Path, raw: bytes, why: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(raw)
    with pytest.raises(Refused, match=why):
        server.office.publish_model(TENANT, "root", ModelDraft(path, "x", "MIT", Tier.BASIC))
    assert server.office.models(TENANT) == []


async def test_who_may_not_publish_does_not(server: Server, file: Path) -> None:
    with pytest.raises(Refused, match="This takes admin"):
        server.office.publish_model(TENANT, "a.okafor", ModelDraft(file, "x", "MIT", Tier.BASIC))


async def test_what_is_in_force_for_everything_only_goes_up(server: Server, file: Path) -> None:
    first, second = published(server, file), published(server, file)
    assert (first.number, second.number) == (1, 2)
    with pytest.raises(Refused, match="Model 2 is in force already"):
        server.office.roll_out_model(TENANT, "root", 1, "in_force", ALL, WHY)
    with pytest.raises(Refused, match=r"(?i)there is no model 7"):
        server.office.roll_out_model(TENANT, "root", 7, "shadow", ALL, WHY)
    assert server.office.published(TENANT).versions == ()  # models are no bundles


# -- the verbs


async def test_the_offices_verbs(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, report = tmp_path / "office", tmp_path / "report.json"
    figures = {"proposals": {"valid": 1.0}, "speed": {"tokens_per_s": 1.0}}
    told = {"report": {"prompts": 1, "figures": figures, "failed": ["speed: tokens per s is 1.0"]}}
    report.write_text(json.dumps(told), encoding="utf-8")

    def say(*words: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert office_cli.main([*words, "--home", str(home), "--json"]) == code, capsys.readouterr()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    say("init", "--tenant", "t", "--name", "T")
    say("person", "add", "root", "--name", "R", "--role", "admin")
    words = ("--name", "seven-b", "--licence", "MIT", "--evals", str(report), "--as", "root")
    assert say("model", "publish", str(file), *words)["model"]["evals"] == ["proposals"]
    say("model", "publish", str(tmp_path / "gone.gguf"), *words, code=2)
    why = ("--reason", "test", "--as", "root")
    assert say("model", "rollout", "1", "--shadow", *why)["rollout"]["stages"][0]["mode"] == "shadow"
    assert say("model", "rollout", "1", "--force", *why)["rollout"]["in_force"] == 1
    say("model", "rollout", "1", *why, code=2)
    (only,) = say("model", "list")["models"]
    assert (only["name"], only["file_here"], only["memory_mib"] > 200) == ("seven-b", True, True)
    assert say("model", "withdraw", "1", *why)["rollout"]["in_force"] is None
    assert say("model", "list")["models"] == []


async def test_the_laptops_verbs(
    device: Device, file: Path, judge: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN)

    def say(*words: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        place = ("--home", str(tmp_path / "laptop"), "--pin-file", str(pin), "--json")
        assert laptop_cli.main([*words, *place]) == code, capsys.readouterr()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    run: Callable[..., Any] = lambda *words, code=0: in_thread(lambda: say(*words, code=code))  # noqa: E731
    assert [each["standing"] for each in (await run("model", "list"))["models"]] == ["used"]
    await run("model", "promote", "seven-b", code=1)
    assert (await run("model", "add", str(file)))["model"]["standing"] == "not evaluated"
    await run("model", "promote", "seven-b", code=1)
    assert (await run("model", "eval", "seven-b"))["passed"]
    assert (await run("model", "promote", "seven-b"))["model"]["standing"] == "used"
    assert (await run("model", "rollback"))["model"]["name"] == registry.FILE.removesuffix(".gguf")
    await run("model", "rollback", code=1)
    await run("model", "add", str(pin), code=1)


async def in_thread(work: Callable[[], Any]) -> Any:
    """The verbs have an event loop of their own."""
    import asyncio

    return await asyncio.to_thread(work)
