"""The real agent and store against the real server, over links that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from device import bootstrap
from device.bootstrap import Device
from device.core import session
from device.errors import LocalError, StoreError
from device.settings import Settings
from device.store import State
from shared.outcomes import Standing
from shared.records import Choice
from shared.sync import CHANGES_MAX
from simulators.network import LosesFirstReply, Refusing, Switch
from tests.builders import NOW as AT
from tests.served import TENANT, Server, in_place

T = TypeVar("T")
JOB, PIN = "work_order/WO-1", "2468"


@pytest.fixture
async def cable(server: Server) -> Switch:
    return Switch(server.http._transport)


@pytest.fixture
async def device(server: Server, cable: Switch, tmp_path: Path) -> AsyncIterator[Device]:
    settings, ports = Settings(tmp_path / "laptop"), server.office.service.ports
    code = server.office.enrol_code(TENANT, "a.okafor")
    await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=cable)
    opened = bootstrap.open_device(settings, PIN, ports, transport=cable, run_blocking=in_place)
    await opened.agent.settle()
    yield opened
    await opened.close()


def texts(server: Server) -> list[str]:
    notes: Any = server.records()[JOB].fields["notes"]
    return [note["text"] for note in notes]


def standings(device: Device) -> list[Standing]:
    return [item.standing for item in device.workbench.outbox()]


async def again(device: Device) -> None:
    device.agent.session.send_now()
    await device.agent.settle()


async def test_offline_work_is_accepted_after_reconnecting(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "hello")
    assert await device.agent.settle() == []
    assert standings(device) == [Standing.SAVED]
    device.workbench.go(online=True)
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert texts(server) == ["hello"]


async def test_a_lost_reply_is_asked_about_and_nothing_happens_twice(
    device: Device, server: Server, cable: Switch
) -> None:
    device.workbench.note(JOB, "once")
    inner = cable.inner
    cable.inner = LosesFirstReply(inner)
    steps = await device.agent.settle()
    assert steps[-1].error
    assert standings(device) == [Standing.SENT]
    assert texts(server) == ["once"]
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert texts(server) == ["once"]


async def test_rounds_that_leave_ahead_settle_everything_in_order(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 2)
    wanted = [f"note {number}" for number in range(5)]
    for text in wanted:
        device.workbench.note(JOB, text)
    steps = await device.agent.settle()
    assert [len(step.sent) for step in steps] == [2, 2, 1]
    assert texts(server) == wanted
    assert standings(device) == [Standing.ACCEPTED] * 5


async def test_if_an_answer_cannot_be_written_down_the_round_ahead_of_it_is_in_doubt_too(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 2)
    wanted = [f"note {number}" for number in range(5)]
    for text in wanted:
        device.workbench.note(JOB, text)

    def full(*_: object) -> None:
        raise StoreError("full")

    with monkeypatch.context() as broken:
        broken.setattr(device.store, "mark_settled", full)
        with pytest.raises(StoreError):
            await device.agent.settle()
    assert standings(device) == [Standing.SENT] * 4 + [Standing.SAVED]
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert [bool(step.asked) for step in steps[:2]] == [True, True]
    assert texts(server) == wanted
    assert standings(device) == [Standing.ACCEPTED] * 5


async def test_while_answers_cannot_be_written_down_the_server_is_asked_less_and_less(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(device.store, "mark_settled", full)
    device.agent.session.send_now()
    for failures in (1, 2, 3):
        with pytest.raises(StoreError):
            await device.agent.step()
        step = await device.agent.step()
        assert step.rested
        assert step.rest_until is not None
        assert step.rest_until - AT >= timedelta(seconds=2**failures / 4)
        device.agent.session.not_before = None


async def test_a_lost_request_is_asked_about_then_sent_again(device: Device, server: Server, cable: Switch) -> None:
    device.workbench.note(JOB, "once")
    inner, cable.inner = cable.inner, Refusing()
    await device.agent.settle()
    assert standings(device) == [Standing.SENT]
    cable.inner = inner
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert [bool(step.asked) for step in steps][:1] == [True]
    assert texts(server) == ["once"]


def portal(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, html="<h1>Welcome to the hotel network</h1>")


def broken(_: httpx.Request) -> httpx.Response:
    return httpx.Response(502, text="bad gateway")


def truncated(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b'{"protocol":1,"answers":[', headers={"content-type": "application/json"})


def redirect(_: httpx.Request) -> httpx.Response:
    return httpx.Response(307, headers={"location": "http://elsewhere/v1/sync"})


@pytest.mark.parametrize("answer", [portal, broken, truncated, redirect])
async def test_something_that_is_not_the_server_settles_nothing(
    device: Device, server: Server, cable: Switch, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    device.workbench.note(JOB, "kept")
    inner, cable.inner = cable.inner, httpx.MockTransport(answer)
    steps = await device.agent.settle()
    assert steps[-1].error
    assert standings(device) == [Standing.SENT]
    assert device.workbench.status().last_error
    cable.inner = inner
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert texts(server) == ["kept"]


class Forger(httpx.AsyncBaseTransport):
    """Lets the request through and spoils the receipts on the way back."""

    def __init__(self, inner: httpx.AsyncBaseTransport, spoil: Callable[[bytes], bytes]) -> None:
        self.inner, self.spoil = inner, spoil

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = self.spoil(await response.aread())
        return httpx.Response(response.status_code, content=body, headers={"content-type": "application/json"})


def other_signature(body: bytes) -> bytes:
    import json

    reply = json.loads(body)
    for root in reply["roots"]:
        sig = root["signatures"][0]
        sig["sig"] = ("A" if sig["sig"][0] != "A" else "B") + sig["sig"][1:]
    return json.dumps(reply).encode()


class Watched(httpx.AsyncBaseTransport):
    """Notes what the laptop has written down of its commands whenever a request leaves."""

    def __init__(self, inner: httpx.AsyncBaseTransport, device: Device) -> None:
        self.inner, self.device = inner, device
        self.seen: list[list[State]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append([item.state for item in self.device.store.items()])
        return await self.inner.handle_async_request(request)


async def test_the_next_round_leaves_when_all_is_settled_and_before_that_is_written_down(
    device: Device, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    for text in ("one", "two"):
        device.workbench.note(JOB, text)
    cable.inner = watched = Watched(cable.inner, device)
    await device.agent.settle()
    assert watched.seen[1:] == [[State.SENT, State.SENT]]
    assert standings(device) == [Standing.ACCEPTED] * 2


def asks_for_patience(body: bytes) -> bytes:
    import json

    return json.dumps({**json.loads(body), "retry_after_s": 60}, separators=(",", ":")).encode()


async def test_nothing_leaves_ahead_of_an_answer_that_asks_for_patience(
    device: Device, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    for text in ("one", "two"):
        device.workbench.note(JOB, text)
    inner = cable.inner
    cable.inner = watched = Watched(Forger(inner, asks_for_patience), device)
    await device.agent.settle()
    assert watched.seen == [[State.SENT, State.SENT]]
    assert standings(device) == [Standing.ACCEPTED, Standing.SAVED]
    cable.inner = inner
    await again(device)
    assert standings(device) == [Standing.ACCEPTED] * 2


async def test_nothing_leaves_ahead_of_an_answer_in_which_something_is_held(
    device: Device, server: Server, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from device.core.interpret import Proposal

    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    file: dict[str, Any] = {"name": "a.jpg", "sha256": "ab" * 32, "size": 3, "media_type": "image/jpeg"}
    device.workbench.confirm([Proposal("attachment.added", JOB, file, {})], sentence="x", source="form")
    device.workbench.note(JOB, "after")
    cable.inner = watched = Watched(cable.inner, device)
    await device.agent.settle()
    assert watched.seen[0] == [State.SENT, State.SENT]
    assert watched.seen[1] == [State.HELD, State.SENT]
    assert texts(server) == ["after"]


async def test_who_goes_offline_while_rounds_leave_ahead_is_offline(
    device: Device, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    for number in range(5):
        device.workbench.note(JOB, f"note {number}")

    class Leaving(Watched):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.device.workbench.go(online=False)
            return await super().handle_async_request(request)

    cable.inner = leaving = Leaving(cable.inner, device)
    await device.agent.settle()
    assert len(leaving.seen) == 2  # the one that was under way, and the one that was ready
    assert standings(device) == [Standing.ACCEPTED] * 2 + [Standing.SAVED] * 3


async def test_what_was_ready_and_never_left_is_not_in_doubt(
    device: Device, server: Server, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 2)
    wanted = [f"note {number}" for number in range(5)]
    for text in wanted:
        device.workbench.note(JOB, text)
    inner, cable.inner = cable.inner, LosesFirstReply(cable.inner)
    steps = await device.agent.settle()
    assert steps[-1].error
    assert standings(device) == [Standing.SENT] * 2 + [Standing.SAVED] * 3
    cable.inner = inner
    await again(device)
    assert texts(server) == wanted


def other_receipt(body: bytes) -> bytes:
    """Its head and its roots are the server's own."""
    return body.replace(b'\\"outcome\\":\\"applied\\"', b'\\"outcome\\":\\"merged\\"', 1)


async def test_if_an_answer_is_not_believed_the_round_ahead_of_it_is_in_doubt_too(
    device: Device, server: Server, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 2)
    wanted = [f"note {number}" for number in range(5)]
    for text in wanted:
        device.workbench.note(JOB, text)
    inner, cable.inner = cable.inner, Forger(cable.inner, other_receipt)
    steps = await device.agent.settle()
    assert "not believed" in str(steps[-1].error)
    assert standings(device) == [Standing.SENT] * 4 + [Standing.SAVED]
    cable.inner = inner
    device.agent.session.send_now()
    steps = await device.agent.settle()
    assert [bool(step.asked) for step in steps[:2]] == [True, True]
    assert texts(server) == wanted
    assert standings(device) == [Standing.ACCEPTED] * 5


class Unhurried:
    """Runs blocking work in its place, after everything else that could be done has been done."""

    async def __call__(self, work: Callable[[], T]) -> T:
        for _ in range(200):
            await asyncio.sleep(0)
        return work()


async def test_while_an_answer_is_written_down_one_more_round_leaves_and_no_other(
    device: Device, server: Server, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    wanted = [f"note {number}" for number in range(5)]
    for text in wanted:
        device.workbench.note(JOB, text)
    monkeypatch.setattr(device.agent, "_run", Unhurried())
    cable.inner = watched = Watched(cable.inner, device)
    await device.agent.settle()
    behind = [states.count(State.SENT) for states in watched.seen]
    assert behind[:5] == [1, 2, 3, 3, 3], "one that leaves, and at most two whose answers are not written down"
    assert texts(server) == wanted
    assert standings(device) == [Standing.ACCEPTED] * 5


async def test_no_round_more_leaves_before_an_answer_is_believed(
    device: Device, server: Server, cable: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "COMMANDS_MAX", 1)
    for number in range(5):
        device.workbench.note(JOB, f"note {number}")
    monkeypatch.setattr(device.agent, "_run", Unhurried())
    cable.inner = watched = Watched(Forger(cable.inner, other_receipt), device)
    steps = await device.agent.settle()
    assert "not believed" in str(steps[-1].error)
    assert len(watched.seen) == 2
    assert standings(device) == [Standing.SENT] * 2 + [Standing.SAVED] * 3
    assert len(texts(server)) == 2


async def test_a_receipt_that_the_server_did_not_sign_is_not_believed(
    device: Device, server: Server, cable: Switch
) -> None:
    device.workbench.note(JOB, "mine")
    inner, cable.inner = cable.inner, Forger(cable.inner, other_signature)
    steps = await device.agent.settle()
    assert "not believed" in str(steps[-1].error)
    assert standings(device) == [Standing.SENT]
    assert device.workbench.history(JOB)[-1].standing is Standing.SENT
    cable.inner = inner
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]


async def test_a_receipt_for_another_command_is_not_believed(device: Device, cable: Switch) -> None:
    import json

    (first,) = device.workbench.note(JOB, "first")
    await device.agent.settle()
    (second,) = device.workbench.note(JOB, "second")
    receipt = device.store.items()[0].receipt

    def swap(body: bytes) -> bytes:
        reply = json.loads(body)
        old = device.store.items()[0]
        assert old.receipt == receipt
        reply["roots"] = [proof.envelope.to_wire().model_dump()]
        for answer in reply["answers"]:
            answer |= {"receipt": told.decode(), "proof": place}
        return json.dumps(reply).encode()

    kept = device.store.proof(first.id)
    assert kept is not None
    told, proof = kept
    assert proof.inclusion is not None
    index, size, path = proof.inclusion.index, proof.inclusion.size, [each.hex() for each in proof.inclusion.path]
    place = {"root": 0, "index": index, "size": size, "path": path}
    cable.inner = Forger(cable.inner, swap)
    steps = await device.agent.settle()
    assert "other bytes" in str(steps[-1].error)
    assert device.store.items(states=[State.SENT])[0].command == second


def silent(body: bytes) -> bytes:
    import json

    return json.dumps({**json.loads(body), "answers": []}).encode()


async def test_a_server_that_leaves_a_command_out_is_not_believed_and_not_hammered(
    device: Device, cable: Switch
) -> None:
    device.workbench.note(JOB, "mine")
    inner, cable.inner = cable.inner, Forger(cable.inner, silent)
    steps = await device.agent.settle()
    assert len(steps) == 1
    assert "out" in str(steps[0].error)
    assert standings(device) == [Standing.SENT]
    cable.inner = inner
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]


async def test_the_view_never_goes_back_while_a_receipt_is_ahead_of_the_changes(
    device: Device, server: Server
) -> None:
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(CHANGES_MAX + 400))
    office = server.office
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}"))
    device.workbench.note(JOB, "seen")
    step = await device.agent.step()
    assert step.settled
    assert step.changes == CHANGES_MAX
    assert standings(device) == [Standing.ACCEPTED]
    assert [line.what for line in device.workbench.history(JOB)] == ["“seen”"]
    await device.agent.settle()
    assert [line.what for line in device.workbench.history(JOB)] == ["“seen”"]


async def test_a_conflict_is_in_review_until_the_office_decides_and_then_both_sides_agree(
    device: Device, server: Server
) -> None:
    from device.core.interpret import Proposal

    form = Proposal("field.updated", JOB, {"field": "priority", "value": "urgent"}, {})
    (command,) = device.workbench.confirm([form], sentence="urgent!", source="form")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await device.agent.settle()
    assert standings(device) == [Standing.REVIEW]
    assert device.workbench.record(JOB).fields["priority"] == "low"
    server.office.resolve(TENANT, "m.reyes", command.id, Choice.KEEP_MINE, "seen on site")
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    assert device.workbench.record(JOB).fields == server.records()[JOB].fields


async def test_inference_sends_nothing_and_sync_is_counted(device: Device) -> None:
    device.workbench.note(JOB, "x")
    await device.agent.settle()
    assert device.meter.up["inference"] == 0
    assert device.meter.up["sync"] > 500


async def test_what_cannot_be_is_said_before_it_is_saved(device: Device) -> None:
    from device.core.interpret import Proposal

    good = Proposal("note.added", JOB, {"text": "x"}, {})
    bad = Proposal("status.changed", JOB, {"to": "closed"}, {})
    with pytest.raises(LocalError, match="cannot go from open to closed"):
        device.workbench.confirm([good, bad], sentence="x", source="form")
    assert device.workbench.outbox() == []
    assert device.workbench.history(JOB) == []


async def test_enrolling_again_after_a_lost_answer_gives_the_same_device(
    server: Server, tmp_path: Path, cable: Switch
) -> None:
    settings, ports = Settings(tmp_path / "second"), server.office.service.ports
    code = server.office.enrol_code(TENANT, "b.lind")
    lossy = LosesFirstReply(cable)
    with pytest.raises(Exception, match="No answer"):
        await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=lossy)
    identity = await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=lossy)
    assert identity.actor == "b.lind"
    assert len(server.office.devices(TENANT)) == 1
    with pytest.raises(LocalError, match="already"):
        await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=lossy)


# -- what a hostile or unlucky link must not achieve


def fake_resolution(device: Device) -> Callable[[bytes], bytes]:
    import json

    def spoil(body: bytes) -> bytes:
        reply = json.loads(body)
        record = {**reply["changes"][0]} if reply["changes"] else {}
        command = device.workbench.outbox()[0].command.id
        born = record.get("born") or {"version": 1, "command": "x", "device": "office", "actor": "x", "at": str(AT)}
        fields = {"status": "resolved", "command": command, "record": JOB, "clashes": [], "settled": [], "reason": ""}
        made = {"ref": f"conflict/{command}", "version": 1, "fields": fields, "born": born, "stamps": {}}
        held = {"status": "held", "id": command, "hold": "waiting", "problem": None}
        return json.dumps({**reply, "answers": [held], "changes": [made]}).encode()

    return spoil


async def test_accepted_is_said_only_after_a_receipt(device: Device, cable: Switch) -> None:
    device.workbench.note(JOB, "x")
    cable.inner = Forger(cable.inner, fake_resolution(device))
    await device.agent.step()
    assert standings(device) == [Standing.SAVED]


async def test_amounts_are_not_counted_twice_while_pages_are_on_the_way(device: Device, server: Server) -> None:
    from device.core.interpret import Proposal

    used = Proposal("part.consumed", JOB, {"stock_item": "stock_item/SEAL-1", "quantity": 2}, {})
    device.workbench.confirm([used], sentence="two seals", source="form")
    office = server.office
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(900))
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}"))
    for _ in range(3):
        step = await device.agent.step()
        assert not step.error
        assert device.workbench.record("stock_item/SEAL-1").fields["on_hand"] == 3


async def test_a_cursor_that_the_server_does_not_know_starts_the_download_again(
    device: Device, server: Server
) -> None:
    device.workbench.note(JOB, "kept")
    device.store.set_meta("cursor", "9:99999")
    await device.agent.settle()
    await device.agent.settle()
    assert standings(device) == [Standing.ACCEPTED]
    assert texts(server) == ["kept"]


async def test_a_nonsense_cursor_is_not_believed(device: Device, cable: Switch) -> None:
    inner, cable.inner = cable.inner, Forger(cable.inner, lambda body: body.replace(b'"cursor":"1:', b'"cursor":"x:'))
    await again(device)
    assert device.workbench.status().last_error
    assert device.workbench.jobs()
    cable.inner = inner
    await again(device)
    assert not device.workbench.status().last_error


async def test_more_words_than_one_body_holds_go_in_several(device: Device, server: Server) -> None:
    for _ in range(200):
        device.workbench.note(JOB, "\N{WRENCH}" * 4000)
    steps = await device.agent.settle()
    assert len(steps) > 1
    assert {step.error for step in steps} == {None}
    assert len(texts(server)) == 200


async def test_what_the_server_could_not_read_never_enters_the_chain(device: Device) -> None:
    from device.core.interpret import Proposal

    huge = Proposal("field.updated", "stock_item/SEAL-1", {"field": "reorder_at", "value": 10**70}, {})
    half = Proposal("note.added", JOB, {"text": "\ud800"}, {})
    for proposal in (huge, half):
        with pytest.raises(LocalError, match="cannot be saved"):
            device.workbench.confirm([proposal], sentence="x", source="form")
    assert device.workbench.outbox() == []


async def test_a_receipt_for_our_id_but_other_bytes_is_not_believed(
    device: Device, server: Server, cable: Switch
) -> None:
    """Signed by the right key, about the right id, and still not ours: what a server restored wrongly might send."""
    import json

    from shared.envelope import RECEIPT_TYPE, seal

    device.workbench.note(JOB, "mine")
    office = server.office
    with office.service.store.transaction() as tx:
        key = office.service.ring.active(tx, TENANT, "receipt")

    def swap(body: bytes) -> bytes:
        reply = json.loads(body)
        for answer in reply["answers"]:
            told = json.dumps(json.loads(answer["receipt"]) | {"envelope_hash": "0" * 64})
            reply["roots"] = [seal(RECEIPT_TYPE, told.encode(), key).to_wire().model_dump()]
            answer |= {"receipt": told, "proof": {"root": 0}}
        return json.dumps(reply).encode()

    cable.inner = Forger(cable.inner, swap)
    steps = await device.agent.settle()
    assert "other bytes" in str(steps[-1].error)
    assert standings(device) == [Standing.SENT]


async def test_a_settled_command_is_never_unsettled_again(device: Device) -> None:
    from shared.outcomes import Hold

    (command,) = device.workbench.note(JOB, "x")
    await device.agent.settle()
    device.store.mark_unknown([command.id])
    device.store.mark_held(command.id, Hold.WAITING, None)
    device.store.mark_sent([command.id])
    assert standings(device) == [Standing.ACCEPTED]


async def test_a_policy_that_denies_is_obeyed_before_any_model_is_asked(device: Device) -> None:
    from importlib import resources

    from device.updates.bundles import Ruling
    from policies.bundle import CEDAR, FILES, parse_bundle
    from shared.routing import Route

    class Forbidden:
        name, sha256, context_tokens = "model", "0" * 64, 2048

        def generate(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the model was asked")

    folder = resources.files("policies.default")
    deny = '@id("none") @reason("not today") forbid (principal, action, resource);'
    files = {name: (folder / name).read_text() for name in FILES}
    device.workbench.rule_by(Ruling(parse_bundle({**files, CEDAR: deny}), "program"))
    device.workbench.model = Forbidden()
    with pytest.raises(LocalError, match="The forms work"):
        device.workbench.propose("replaced the seal", JOB)
    assert [decision.route for decision in device.workbench.decisions()] == [Route.REFUSE]


# -- laptops that are let in for a while, or not yet


async def test_a_laptop_whose_key_ran_out_brings_its_work_and_hears_of_it_once_the_key_is_renewed(
    device: Device, server: Server
) -> None:
    server.office.expire_key(TENANT, device.identity.device, "root", "not looked after")
    device.workbench.note(JOB, "brought all the same")
    await again(device)
    assert texts(server) == ["brought all the same"]
    assert standings(device) == [Standing.REVIEW], "the laptop was told no outcome"
    server.office.renew_key(TENANT, device.identity.device, "root", "looked after")
    await again(device)
    assert standings(device) == [Standing.ACCEPTED]
    device.workbench.note(JOB, "and goes on")
    await again(device)
    assert texts(server) == ["brought all the same", "and goes on"]


async def test_a_laptop_that_waits_keeps_its_work_until_it_is_approved(
    server: Server, cable: Switch, tmp_path: Path
) -> None:
    settings, ports = Settings(tmp_path / "laptop"), server.office.service.ports
    code = server.office.enrol_code(TENANT, "a.okafor", waits=True)
    identity = await bootstrap.enrol(settings, "http://server", code, PIN, "new", ports, transport=cable)
    laptop = bootstrap.open_device(settings, PIN, ports, transport=cable, run_blocking=in_place)
    try:
        (step,) = await laptop.agent.settle()
        assert "waits" in (step.error or "")
        server.office.approve_device(TENANT, identity.device, "root", bootstrap.code_to_compare(settings, PIN))
        await again(laptop)
        laptop.workbench.note(JOB, "approved")
        await again(laptop)
        assert (standings(laptop), texts(server)) == ([Standing.ACCEPTED], ["approved"])
    finally:
        await laptop.close()
