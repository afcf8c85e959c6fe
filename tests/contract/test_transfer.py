"""A stick instead of a network carries the same promises."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.envelope import ANSWER_TYPE, TRANSFER_TYPE, Envelope, SigningKey, WireEnvelope, seal, verify
from shared.outcomes import Outcome
from shared.problems import Code, Problem, Refused
from shared.sync import CHANGES_MAX, EpochEnd, SyncReply
from sync_server.office.transfer import Carried
from tests.builders import JOB
from tests.contract.test_sync import notes
from tests.served import TENANT, Laptop, Server, id_in, receipt, record_from_wire


def stick(laptop: Laptop, *rounds: bytes, key: SigningKey | None = None, kind: str = TRANSFER_TYPE) -> bytes:
    """The file that a device writes: each round signed by its key."""
    sealed = [seal(kind, each, key or laptop.device_key).to_wire().model_dump() for each in rounds]
    return json.dumps({"tailboard": "outbox.v1", "rounds": sealed}).encode()


def carry(server: Server, laptop: Laptop, *rounds: bytes) -> Carried:
    return server.office.import_outbox(stick(laptop, *rounds))


def opened(laptop: Laptop, wire: WireEnvelope) -> bytes:
    envelope = Envelope.from_wire(wire)
    verify(envelope, ANSWER_TYPE, laptop.receipt_key)
    return envelope.payload


def replies(laptop: Laptop, carried: Carried) -> list[SyncReply]:
    return [SyncReply.model_validate_json(opened(laptop, wire)) for wire in carried.answers.rounds]


def ends(server: Server) -> Any:
    with server.office.service.store.transaction() as tx:
        return tx.head(TENANT), len(list(tx.audit(TENANT)))


async def test_a_stick_carries_commands_there_and_outcomes_and_changes_back(server: Server, laptop: Laptop) -> None:
    server.office.set_field(TENANT, "m.reyes", JOB, "title", "Renamed meanwhile")
    sent = [laptop.say("note.added", JOB, text=text) for text in "ab"]
    carried = carry(server, laptop, laptop.body(*sent))
    (reply,) = replies(laptop, carried)
    assert [receipt(answer).envelope_hash for answer in reply.answers] == [each.hash for each in sent]
    assert (notes(server), carried.settled, carried.refusals) == (["a", "b"], 2, ())
    changed = {record.ref: record for record in map(record_from_wire, reply.changes)}
    assert changed[JOB].fields["title"] == "Renamed meanwhile"


async def test_a_stick_of_the_protocol_before_is_answered_in_it(server: Server, laptop: Laptop) -> None:
    sent = [laptop.say("note.added", JOB, text=text) for text in "ab"]
    (reply,) = replies(laptop, carry(server, laptop, laptop.body(*sent, protocol=2)))
    assert [receipt(answer).envelope_hash for answer in reply.answers] == [each.hash for each in sent]
    assert reply.protocol == 2
    with pytest.raises(Refused, match="Round 1: protocol 1"):
        carry(server, laptop, laptop.body(protocol=1))


async def test_the_same_stick_again_changes_nothing_and_says_the_same(server: Server, laptop: Laptop) -> None:
    raw = stick(laptop, laptop.body(laptop.say("note.added", JOB, text="once")))
    first = server.office.import_outbox(raw)
    before = ends(server)
    for _ in range(3):
        again = server.office.import_outbox(raw)
        assert replies(laptop, again)[0].answers == replies(laptop, first)[0].answers
    assert (notes(server), ends(server)) == (["once"], before)


async def test_what_went_over_the_network_and_the_stick_happens_once(server: Server, laptop: Laptop) -> None:
    sent = laptop.say("note.added", JOB, text="twice on its way")
    raw = stick(laptop, laptop.body(sent))
    told = (await laptop.round(sent)).answers
    assert replies(laptop, server.office.import_outbox(raw))[0].answers == told
    assert notes(server) == ["twice on its way"]


async def test_every_page_of_changes_comes_back(server: Server, laptop: Laptop) -> None:
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(2 * CHANGES_MAX + 10))
    plan = server.office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}")
    server.office.apply_import(TENANT, "root", plan)
    pages = replies(laptop, carry(server, laptop, laptop.body()))
    assert [page.more for page in pages] == [True, True, False]
    bolts = {record.ref for page in pages for record in page.changes if record.ref.startswith("stock_item/B-")}
    assert len(bolts) == 2 * CHANGES_MAX + 10


async def test_several_rounds_are_done_in_their_order(server: Server, laptop: Laptop) -> None:
    first, second = (laptop.say("note.added", JOB, text=text) for text in "ab")
    asked = laptop.body(in_doubt=(id_in(first), id_in(second)))
    carried = carry(server, laptop, laptop.body(first), laptop.body(second), asked)
    *_, last = replies(laptop, carried)
    assert [receipt(answer).outcome for answer in last.answers] == [Outcome.APPLIED] * 2


@pytest.mark.parametrize("state", ["device_revoked", "device_forked"])
async def test_a_laptop_that_may_only_upload_is_told_so_in_the_answer(
    server: Server, laptop: Laptop, state: str
) -> None:
    if state == "device_revoked":
        server.office.revoke_device(TENANT, laptop.name, "root", "lost")
    else:
        clone = laptop.cloned()
        await laptop.round(laptop.say("note.added", JOB, text="x"))
        await clone.round(clone.say("note.added", JOB, text="y"))
    before = notes(server)
    sent = laptop.say("note.added", JOB, text="kept")
    carried = carry(server, laptop, laptop.body(sent))
    (wire,) = carried.answers.rounds
    told = Problem.model_validate_json(opened(laptop, wire))
    assert (told.code, len(carried.refusals), notes(server)) == (state, 1, before)
    assert id_in(sent) in [entry.command.id for entry in server.office.quarantine(TENANT)]


async def test_the_clock_of_the_stick_is_not_believed(server: Server, laptop: Laptop) -> None:
    written_at = server.clock.now()
    sent = laptop.say("note.added", JOB, text="good for 90 days")
    raw = stick(laptop, laptop.body(sent, sent_at=written_at))
    server.clock.move(timedelta(days=91))
    (reply,) = replies(laptop, server.office.import_outbox(raw))
    assert receipt(reply.answers[0]).outcome is Outcome.EXPIRED


async def test_a_round_that_is_refused_does_not_stop_the_next_one(server: Server, laptop: Laptop) -> None:
    good = laptop.say("note.added", JOB, text="fine")
    body = json.loads(laptop.body())
    bad = json.dumps({**body, "cursor": "yesterday"}).encode()
    carried = carry(server, laptop, bad, laptop.body(good))
    assert "cursor is not readable" in carried.refusals[0]
    assert notes(server) == ["fine"]


async def test_a_stick_ends_an_epoch_once(server: Server, laptop: Laptop) -> None:
    raw = stick(laptop, laptop.body(ended=EpochEnd(epoch=1, reason="restored")))
    for _ in range(2):
        assert replies(laptop, server.office.import_outbox(raw))[0].epoch == 2


# -- files that are wrong


def changed(raw: bytes) -> bytes:
    return raw.replace(b'"payload": "eyJ', b'"payload": "ewp', 1)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda raw: b"", Code.MALFORMED),
        (lambda raw: b"id,title\nWO-1,Check\n", Code.MALFORMED),
        (lambda raw: raw[: len(raw) // 2], Code.MALFORMED),
        (lambda raw: raw.replace(b"outbox.v1", b"answer.v1"), Code.MALFORMED),
        (lambda raw: raw.replace(b'"rounds"', b'"rounds":[],"rounds"'), Code.MALFORMED),
        (lambda raw: b'{"tailboard":"outbox.v1","rounds":[]}', Code.MALFORMED),
        (changed, Code.BAD_SIGNATURE),
    ],
)
async def test_a_wrong_or_damaged_file_does_nothing(server: Server, laptop: Laptop, spoil: Any, code: Code) -> None:
    raw = stick(laptop, laptop.body(laptop.say("note.added", JOB, text="x")), laptop.body())
    with pytest.raises(Refused) as caught:
        server.office.import_outbox(spoil(raw))
    assert (caught.value.problem.code, notes(server)) == (code, [])


async def test_a_file_with_one_bad_round_does_nothing_of_the_others(server: Server, laptop: Laptop) -> None:
    good = json.loads(stick(laptop, laptop.body(laptop.say("note.added", JOB, text="x"))))
    bad = json.loads(stick(laptop, laptop.body(), key=SigningKey(b"\x07" * 32)))
    raw = json.dumps({**good, "rounds": [*good["rounds"], *bad["rounds"]]}).encode()
    with pytest.raises(Refused, match="Round 2 is signed by"):
        server.office.import_outbox(raw)
    assert notes(server) == []


@pytest.mark.parametrize(
    ("key", "kind", "code"),
    [
        ("technician_key", TRANSFER_TYPE, Code.UNKNOWN_KEY),
        ("device_key", ANSWER_TYPE, Code.BAD_SIGNATURE),
    ],
)
async def test_only_the_device_key_signs_a_stick_and_only_for_that(
    server: Server, laptop: Laptop, key: str, kind: str, code: Code
) -> None:
    raw = stick(laptop, laptop.body(), key=getattr(laptop, key), kind=kind)
    with pytest.raises(Refused) as caught:
        server.office.import_outbox(raw)
    assert caught.value.problem.code is code
