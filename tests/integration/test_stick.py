"""The outbox on a USB stick: the office's half is played with the server's own round."""

import json
from datetime import timedelta
from typing import Any

import pytest

from device.bootstrap import Device
from device.errors import LocalError
from device.transfer import Transfer
from shared.envelope import Envelope, SigningKey, WireEnvelope, seal
from shared.outcomes import Standing
from shared.sync import CHANGES_MAX
from tests.integration.test_protocol_2 import JOB, Tap, again, cable, device, home, standings, tap, texts
from tests.served import TENANT, Server

__all__ = ["cable", "device", "home", "tap"]


def stick(device: Device) -> Transfer:
    return Transfer(device.store, device.keys, device.identity, device.ports)


def office_reads(server: Server, file: bytes, key: SigningKey | None = None) -> bytes:
    """The office's answer to the file; under another `key` than the server's, if one is given."""
    answer: dict[str, Any] = json.loads(server.office.import_outbox(file).answers.to_bytes())
    if key is None:
        return json.dumps(answer).encode()
    for each in (*answer["rounds"], answer["whole"]):
        envelope = Envelope.from_wire(WireEnvelope.model_validate(each))
        each.update(seal(envelope.payload_type, envelope.payload, key).to_wire().model_dump(mode="json"))
    return json.dumps(answer).encode()


def much_happens(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """So much that its changes fill several pages; a record of the first of them."""
    monkeypatch.setattr("sync_server.round.CHANGES_MAX", 5)
    rows = "\n".join(f"B-{n:02},Bolt,{n}" for n in range(12))
    plan = server.office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}")
    server.office.apply_import(TENANT, "root", plan)
    return "stock_item/B-00"


async def test_the_outbox_goes_on_foot_and_the_answer_comes_back(device: Device, server: Server, tap: Tap) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "one")
    (two,) = device.workbench.note(JOB, "two")
    device.workbench.withdraw([two.id])
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    file, count = stick(device).export()
    assert (json.loads(file)["tailboard"], count) == ("outbox.v1", 2)
    assert standings(device) == [Standing.SENT, Standing.SENT], "what is on the stick is in doubt"
    answer = office_reads(server, file)
    asked = len(tap.asked)
    took = stick(device).take(answer)
    assert (took.settled, took.older) == (2, 0)
    assert [item.receipt.outcome for item in device.workbench.outbox() if item.receipt] == ["merged", "rejected"]
    assert device.workbench.record(JOB).fields["priority"] == "low"
    assert len(tap.asked) == asked, "without any network"
    device.workbench.go(online=True)
    await again(device)
    assert texts(server) == ["one"]
    assert device.workbench.record(JOB).fields == server.records()[JOB].fields


async def test_an_older_answer_settles_what_it_settles_and_moves_nothing_back(device: Device, server: Server) -> None:
    (one,) = device.workbench.note(JOB, "one")
    answer = office_reads(server, stick(device).export()[0])
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    device.workbench.note(JOB, "two")
    with device.store.transaction() as connection:
        connection.execute("UPDATE outbox SET state = 'held', hold = 'waiting' WHERE seq = 1")
    device.agent.session.greeted = True
    await device.agent.step()
    cursor, view = device.store.meta("cursor"), device.workbench.record(JOB).fields["priority"]
    assert view == "low"
    took = stick(device).take(answer)
    assert took.older == took.rounds
    assert (device.store.meta("cursor"), device.workbench.record(JOB).fields["priority"]) == (cursor, "low")
    assert device.store.items_of([one.id])[0].standing is Standing.ACCEPTED
    await again(device)
    assert texts(server) == ["one", "two"]


@pytest.mark.parametrize("spoil", ["other key", "no json", "outbox file", "other laptop"])
async def test_what_is_no_answer_for_this_laptop_is_not_taken(device: Device, server: Server, spoil: str) -> None:
    device.workbench.note(JOB, "one")
    file, _ = stick(device).export()
    before: dict[str, Any] = {"cursor": device.store.meta("cursor"), "head": device.store.meta("head")}
    match spoil:
        case "other key":
            raw = office_reads(server, file, SigningKey(b"\x09" * 32))
        case "no json":
            raw = b"{"
        case "outbox file":
            raw = file
        case _:
            raw = office_reads(server, file)
            device.identity = device.identity.model_copy(update={"device": "TB-99"})
    with pytest.raises(LocalError):
        stick(device).take(raw)
    assert before == {"cursor": device.store.meta("cursor"), "head": device.store.meta("head")}
    assert standings(device) == [Standing.SENT]


async def test_the_file_of_a_real_laptop_goes_through_the_office_and_back(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    for text in ("one", "two"):
        device.workbench.note(JOB, text)
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(CHANGES_MAX + 10))
    plan = server.office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}")
    server.office.apply_import(TENANT, "root", plan)
    file, _ = stick(device).export()
    carried = [server.office.import_outbox(file) for _ in range(2)]
    assert [each.settled for each in carried] == [2, 2]
    took = stick(device).take(carried[0].answers.to_bytes())
    assert took.settled == 2
    stick(device).take(carried[1].answers.to_bytes())  # the second answer says the same
    assert standings(device) == [Standing.ACCEPTED] * 2
    assert texts(server) == ["one", "two"]
    assert device.workbench.record(f"stock_item/B-{CHANGES_MAX + 9}").fields["name"] == "Bolt"


async def test_a_laptop_that_may_only_upload_reads_so_in_the_answer(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "kept")
    file, _ = stick(device).export()
    server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    took = stick(device).take(server.office.import_outbox(file).answers.to_bytes())
    assert (took.settled, took.changes) == (0, 0)
    assert "revoked" in str(took.refused)
    assert standings(device) == [Standing.SENT], "in doubt, and nothing lost"


@pytest.mark.parametrize(
    "spoil", ["first lost", "middle lost", "end lost", "turned round", "twice", "of two answers"]
)
async def test_an_answer_that_is_not_whole_is_not_taken(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "one")
    file, _ = stick(device).export()
    bolt = much_happens(server, monkeypatch)
    answer: dict[str, Any] = json.loads(office_reads(server, file))
    before = device.store.meta("cursor")
    rounds = answer["rounds"]
    assert len(rounds) > 3
    match spoil:
        case "first lost":
            spoiled = rounds[2:]
        case "middle lost":
            spoiled = [*rounds[:2], *rounds[3:]]
        case "end lost":
            spoiled = rounds[:-1]
        case "turned round":
            spoiled = rounds[::-1]
        case "twice":
            spoiled = rounds * 2
        case _:
            server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
            spoiled = [*rounds[:-1], json.loads(office_reads(server, file))["rounds"][-1]]
    with pytest.raises(LocalError, match="not whole"):
        stick(device).take(json.dumps({**answer, "rounds": spoiled}).encode())
    assert (device.store.meta("cursor"), standings(device)) == (before, [Standing.SENT])
    stick(device).take(json.dumps(answer).encode())
    assert device.workbench.record(bolt).fields["name"] == "Bolt"


async def test_an_answer_that_does_not_say_that_it_is_whole_brings_receipts_alone(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers from before that word write none; a page that somebody took out would not be missed."""
    device.workbench.note(JOB, "one")
    file, _ = stick(device).export()
    bolt = much_happens(server, monkeypatch)
    answer: dict[str, Any] = json.loads(office_reads(server, file))
    old = {"tailboard": answer["tailboard"], "rounds": answer["rounds"][2:]}
    took = stick(device).take(json.dumps(old).encode())
    assert took.changes == 0
    await again(device)
    assert device.workbench.record(bolt).fields["name"] == "Bolt"


async def test_an_answer_is_believed_after_the_receipt_key_was_handed_on(device: Device, server: Server) -> None:
    device.workbench.go(online=False)
    device.workbench.note(JOB, "one")
    file, _ = stick(device).export()
    for _ in range(2):
        server.clock.move(timedelta(minutes=1))
        server.office.rotate_receipt_key(TENANT, "root", "yearly")
    took = stick(device).take(office_reads(server, file))
    assert (took.settled, standings(device)) == (1, [Standing.ACCEPTED])
    server.office.revoke_device(TENANT, device.identity.device, "root", "lost")
    server.clock.move(timedelta(minutes=1))
    server.office.rotate_receipt_key(TENANT, "root", "yearly")
    device.workbench.note(JOB, "two")
    file, _ = stick(device).export()
    assert "revoked" in str(stick(device).take(office_reads(server, file)).refused)
