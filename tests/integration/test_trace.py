"""A real laptop's queue and link, written down, read back, and played again in a judged world."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from device import bootstrap, trace_commands
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.core.recording import read_recording
from device.errors import LocalError, StoreError
from device.settings import Settings
from device.store import exchanges
from device.trace_commands import recording_of
from shared.problems import Code, problem
from simulators import world
from simulators.disks import obstacle
from simulators.explore import judge
from simulators.faults import LOSSY
from simulators.network import LosesFirstReply, Refusing, Switch
from simulators.replay import likeness
from simulators.replay.plan import plan
from tests.served import TENANT, Server, in_place

JOB, OTHER, PIN = "work_order/WO-1", "work_order/WO-2", "2468"
SECRETS = ("Zaphod", "gatecode-4711", "a.okafor", "WO-1", "PUMP", "sync-host.example", "asset")
needs_worlds = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    yield
    world.forget_templates()


@pytest.fixture
async def cable(server: Server) -> Switch:
    return Switch(server.http._transport)


@pytest.fixture
async def device(server: Server, cable: Switch, tmp_path: Path) -> AsyncIterator[Device]:
    settings, ports = Settings(tmp_path / "laptop"), server.office.service.ports
    code = server.office.enrol_code(TENANT, "a.okafor")
    url = "https://sync-host.example"
    await bootstrap.enrol(settings, url, code, PIN, "Zaphod's laptop", ports, transport=cable)
    opened = bootstrap.open_device(settings, PIN, ports, transport=cable, run_blocking=in_place)
    yield opened
    await opened.close()


async def ask(device: Device) -> None:
    device.agent.session.send_now()
    await device.agent.settle()


def pass_time(server: Server, seconds: float) -> None:
    server.clock.move(timedelta(seconds=seconds))


class Answers(httpx.AsyncBaseTransport):
    """Somebody who answers everything in the same way."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers, content = self._response.headers, self._response.content
        return httpx.Response(self._response.status_code, headers=headers, content=content, request=request)


def busy() -> httpx.Response:
    told = problem(Code.BUSY, "too much to do").model_dump_json(exclude_none=True)
    return httpx.Response(503, content=told, headers={"content-type": "application/problem+json"})


class Breaks(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed connection", request=request)


async def a_day_with_a_bad_link(device: Device, server: Server, cable: Switch) -> None:
    good = cable.inner
    await ask(device)
    for seconds, link, job, text in [
        (30.0, good, JOB, "gatecode-4711 is new"),
        (40.0, Refusing(), JOB, "Zaphod was here"),
        (90.0, LosesFirstReply(good), OTHER, "tightened the flange"),
        (90.0, Answers(httpx.Response(200, html="<h1>Welcome to the hotel</h1>")), OTHER, "half a litre"),
        (90.0, Answers(busy()), OTHER, "leak at PUMP-1"),
        (90.0, Breaks(), OTHER, "again"),
        (90.0, good, JOB, "done"),
    ]:
        pass_time(server, seconds)
        cable.inner = link
        device.workbench.note(job, text)
        pass_time(server, 5.0)
        await ask(device)
    cable.inner = good
    pass_time(server, 60.0)
    device.workbench.confirm(
        [Proposal("field.updated", JOB, {"field": "description", "value": "Zaphod says so"}, {})],
        sentence="Zaphod says so",
        source="form",
    )
    device.workbench.go(online=False)


async def test_every_exchange_is_remembered_with_what_came_of_it(
    device: Device, server: Server, cable: Switch
) -> None:
    await a_day_with_a_bad_link(device, server, cable)
    met = device.store.exchanges()
    words = Counter(each.what for each in met)
    failures = {"unreachable", "timed_out", "something_else", "turned_away:busy", "broken"}
    assert words.keys() == {"answered", *failures}
    assert all(words[each] == 1 for each in failures)
    assert all(each.up > 0 for each in met)
    assert all((each.down > 0) is (each.what not in {"unreachable", "timed_out", "broken"}) for each in met)
    assert [each.began.wall for each in met] == sorted(each.began.wall for each in met)


@pytest.mark.parametrize("reached", [True, False])
async def test_no_round_commits_more_often_than_before(
    device: Device, cable: Switch, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    async def commits() -> int:
        device.workbench.note(JOB, "one")
        begun: list[int] = []
        begin = device.store._begin
        with monkeypatch.context() as watched:

            def counted() -> None:
                begun.append(1)
                begin()

            watched.setattr(device.store, "_begin", counted)
            await ask(device)
        return len(begun)

    await ask(device)
    if not reached:
        cable.inner = Refusing()
    await commits()  # from here on every round is like the one before
    remembering = await commits()
    monkeypatch.setattr(type(device.store), "add_exchanges", lambda *_: None)
    monkeypatch.setattr(type(device.agent), "_keeping_exchanges", lambda _: nullcontext())
    assert await commits() == remembering


async def test_what_could_not_be_written_down_is_remembered_with_the_next(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(device)
    before = len(device.store.exchanges())

    def full(*_: object) -> None:
        raise StoreError("full")

    with monkeypatch.context() as broken:
        broken.setattr(device.store, "mark_settled", full)
        device.workbench.note(JOB, "one")
        with pytest.raises(StoreError):
            await ask(device)
    assert len(device.store.exchanges()) == before
    await ask(device)
    assert len(device.store.exchanges()) > before + 1
    assert not device.client.met


async def test_only_the_last_exchanges_are_kept(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "KEPT", 3)
    for _ in range(5):
        await ask(device)
    assert len(device.store.exchanges()) == 3


async def test_a_trace_holds_nothing_of_anybodys(
    device: Device, server: Server, cable: Switch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_day_with_a_bad_link(device, server, cable)
    monkeypatch.setattr(trace_commands, "with_device", lambda _, work: work(device))
    path = tmp_path / "trace.json"
    report = trace_commands.exported(SimpleNamespace(file=str(path)))  # type: ignore[arg-type]
    assert report.data["commands"] == 8
    text = path.read_text().lower()
    ids = [item.command.id for item in device.workbench.outbox()]
    keys = [device.keys.device.public.hex(), device.identity.receipt_key]
    boots = [server.clock.boot]
    for secret in (*SECRETS, *ids, *keys, *boots, device.identity.device, "2026-11", "flange"):
        assert secret.lower() not in text, secret
    assert read_recording(path.read_bytes()).commands[-1].kind == "field.updated"
    with pytest.raises(LocalError, match="is there already"):
        trace_commands.exported(SimpleNamespace(file=str(path)))  # type: ignore[arg-type]
    with pytest.raises(LocalError, match="no folder"):
        trace_commands.exported(SimpleNamespace(file=str(tmp_path / "no" / "x")))  # type: ignore[arg-type]


async def test_where_nothing_happened_nothing_is_exported(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_commands, "with_device", lambda _, work: work(device))
    with pytest.raises(LocalError, match="nothing to export"):
        trace_commands.exported(SimpleNamespace(file=str(tmp_path / "x")))  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


async def test_a_recording_tells_what_stood_in_the_queue(device: Device, server: Server, cable: Switch) -> None:
    await a_day_with_a_bad_link(device, server, cable)
    told = recording_of(device.store)
    assert [each.record for each in told.commands] == [1, 1, 2, 2, 2, 2, 1, 1]
    assert [each.outcome for each in told.commands] == ["applied"] * 7 + ["saved"]
    assert [each.bytes for each in told.commands] == [
        len(item.envelope.payload) for item in device.workbench.outbox()
    ]
    assert told.commands[0].at_s == 30.0
    assert told.length_s == 615.0


@needs_worlds
async def test_what_a_real_laptop_met_is_replayed_and_judged(device: Device, server: Server, cable: Switch) -> None:
    await a_day_with_a_bad_link(device, server, cable)
    recording = recording_of(device.store)
    played = _on_a_thread(lambda: world.run(3, plan(recording, LOSSY).options))
    real, again = likeness.recorded(recording), likeness.replayed(played)
    assert judge(played) == []
    assert (again.commands, again.outcomes) == (8, {"applied": 8})
    assert abs(again.bytes - real.bytes) < real.bytes * 0.05
    assert (real.answered, real.failed) == (5, 4)
    assert {"unreachable", "something_else", "timed_out"} <= again.link.keys()


def _on_a_thread(work: Any) -> Any:
    """A world is an event loop of its own, and one runs here already."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
