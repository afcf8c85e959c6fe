"""What proves the server's word: the audit against a remembered head, and receipts across a change of keys."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy import text as sql

from shared.commands.base import read_command
from shared.commands.field_updated import FieldUpdated
from shared.envelope import HEAD_TYPE, SUCCESSION_TYPE, Envelope, SigningKey, seal, verify
from shared.ids import key_id
from shared.outcomes import Outcome
from shared.problems import Code, Refused
from shared.receipts import read_receipt, verify_root
from shared.statements import Succession
from shared.sync import PROTOCOL, Proofs, Settled, SyncReply
from sync_server.batch import link_hash
from sync_server.retention import purge
from sync_server.store.audit import AUDIT
from sync_server.store.ledger import LEDGER
from sync_server.store.organisation import TENANT as TENANTS
from tests.builders import JOB
from tests.served import TENANT, Laptop, Server, id_in


def links(server: Server) -> list[tuple[int, str, str, str]]:
    with server.office.service.store.transaction() as tx:
        return list(tx.audit(TENANT))


def forge(server: Server, bodies: list[str]) -> None:
    """A database written anew by somebody who knows how: every link fits, and so does the end."""
    prev, rows = "0" * 64, []
    for position, body in enumerate(bodies, 1):
        own = link_hash(prev, body)
        rows.append({"tenant": TENANT, "position": position, "prev": prev, "hash": own, "body": body})
        prev = own
    with server.office.service.store.engine.begin() as connection:
        connection.execute(delete(AUDIT))
        connection.execute(AUDIT.insert(), rows)
        connection.execute(update(TENANTS).values(audit_position=len(rows), audit_hash=prev))


def forget(server: Server, *commands: str) -> None:
    """Take commands out of the ledger by hand."""
    with server.office.service.store.engine.begin() as connection:
        connection.execute(delete(LEDGER).where(LEDGER.c.id.in_(commands)))


async def test_a_sound_chain_is_sound_over_every_prefix(server: Server, laptop: Laptop) -> None:
    heads = [server.office.signed_head(TENANT)]
    for text in "abc":
        await laptop.round(laptop.say("note.added", JOB, text=text))
        heads.append(server.office.signed_head(TENANT))
    for head in heads:
        found = server.office.verify_audit(TENANT, head)
        assert (found.why, found.links) == (None, len(links(server)))


@pytest.mark.parametrize("position", [1, 4, -1])
def test_an_edited_link_is_found(server: Server, position: int) -> None:
    at = range(1, len(links(server)) + 1)[position if position < 0 else position - 1]
    with server.office.service.store.engine.begin() as connection:
        connection.execute(update(AUDIT).where(AUDIT.c.position == at).values(body='{"act":"nothing"}'))
    assert server.office.verify_audit(TENANT).broken_at == at


@pytest.mark.parametrize("last", [False, True])
def test_a_gap_and_a_truncation_are_found(server: Server, last: bool) -> None:
    at = len(links(server)) if last else 3
    with server.office.service.store.engine.begin() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.position == at))
    assert server.office.verify_audit(TENANT).broken_at == at


def test_a_chain_that_was_cut_short_with_its_end_is_found_by_a_remembered_head(server: Server) -> None:
    head = server.office.signed_head(TENANT)
    bodies = [body for *_, body in links(server)]
    forge(server, bodies[:-2])
    forget(server, *(json.loads(body)["command"] for body in bodies[-2:]))
    assert server.office.verify_audit(TENANT).why is None, "it fits itself"
    found = server.office.verify_audit(TENANT, head)
    assert found.why
    assert (found.broken_at, "links were there at" in found.why) == (found.links + 1, True)


def test_a_chain_that_was_written_anew_is_found_by_a_remembered_head(server: Server) -> None:
    head = server.office.signed_head(TENANT)
    bodies = [body for *_, body in links(server)]
    forge(server, [bodies[0].replace("technician", "resolver"), *bodies[1:], bodies[0]])
    assert server.office.verify_audit(TENANT).why is None, "it fits itself"
    assert "another history" in str(server.office.verify_audit(TENANT, head).why)


async def test_a_head_that_a_device_holds_is_remembered_as_well(server: Server, laptop: Laptop) -> None:
    reply = await laptop.round(laptop.say("note.added", JOB, text="x"))
    head = Envelope.from_wire(reply.head)
    assert server.office.verify_audit(TENANT, head).why is None
    forge(server, [body for *_, body in links(server)][:-1])
    assert server.office.verify_audit(TENANT, head).why


def test_a_head_that_nobody_here_signed_proves_the_worst(server: Server) -> None:
    honest = server.office.signed_head(TENANT)
    stranger = seal(HEAD_TYPE, honest.payload, SigningKey(b"\x07" * 32))
    assert "no receipt key of t" in str(server.office.verify_audit(TENANT, stranger).why)
    bent = Envelope(honest.payload_type, honest.payload.replace(b'"t"', b'"u"'), honest.signatures)
    with pytest.raises(Refused, match="no signed head") as caught:
        server.office.verify_audit(TENANT, bent)
    assert caught.value.problem.code is Code.MALFORMED


# -- the ledger beside it


async def a_settled_note(server: Server, laptop: Laptop) -> str:
    (command, *_), _ = await a_unit(laptop, 3)
    assert server.office.verify_audit(TENANT).why is None
    return command


def spoil(server: Server, command: str, **values: Any) -> str:
    """Change a row of the ledger by hand; what is said of the audit then."""
    with server.office.service.store.engine.begin() as connection:
        connection.execute(update(LEDGER).where(LEDGER.c.id == command).values(**values))
    found = server.office.verify_audit(TENANT)
    told = next(body for position, *_, body in links(server) if position == found.broken_at)
    assert json.loads(told)["command"] == command
    return str(found.why)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("the outcome", {"outcome": "rejected"}),
        ("the text", {"payload": b"{}"}),
        ("the text", {"hash": "0" * 64}),
        ("the receipt", {"receipt": b"{}"}),
    ],
)
async def test_a_ledger_that_was_edited_is_found(
    server: Server, laptop: Laptop, said: str, values: dict[str, Any]
) -> None:
    command = await a_settled_note(server, laptop)
    assert spoil(server, command, **values) == f"{said} of command {command} in the ledger is another"


async def test_a_receipt_in_the_ledger_that_says_something_else_is_found(server: Server, laptop: Laptop) -> None:
    command = await a_settled_note(server, laptop)
    with server.office.service.store.transaction() as tx:
        (kept,) = tx.kept_outcomes(TENANT, [command])
    other = kept.receipt.replace(b'"outcome":"applied"', b'"outcome":"rejected"')
    assert other != kept.receipt
    assert spoil(server, command, receipt=other) == f"the receipt of command {command} in the ledger is another"


async def test_a_command_that_is_gone_from_the_ledger_is_found(server: Server, laptop: Laptop) -> None:
    command = await a_settled_note(server, laptop)
    forget(server, command)
    assert server.office.verify_audit(TENANT).why == f"command {command} is not in the ledger"


async def test_an_outcome_that_no_link_tells_is_found(server: Server, laptop: Laptop) -> None:
    command = await a_settled_note(server, laptop)
    with server.office.service.store.engine.begin() as connection:
        row = connection.execute(select(LEDGER).where(LEDGER.c.id == command)).one()
        connection.execute(insert(LEDGER).values(**{**row._mapping, "id": command.replace(command[-4:], "beef")}))
    assert server.office.verify_audit(TENANT).why == "the ledger holds 1 outcomes that no link tells"


async def test_what_was_purged_is_not_missed(server: Server, laptop: Laptop) -> None:
    await a_settled_note(server, laptop)
    server.years_pass(timedelta(days=401))
    assert purge(server.office.service)[TENANT].commands
    command = await a_settled_note(server, laptop)
    forget(server, command)
    assert server.office.verify_audit(TENANT).why == f"command {command} is not in the ledger"


# -- a unit's receipts and their one signature


async def a_unit(laptop: Laptop, size: int = 5) -> tuple[list[str], SyncReply]:
    said = [laptop.say("note.added", JOB, text=f"note {n}") for n in range(size)]
    return [read_command(each.payload).id for each in said], await laptop.round(*said)


def paths(reply: SyncReply) -> list[int]:
    """The length of each proof's path."""
    return [len(answer.proof.path) for answer in reply.answers if isinstance(answer, Settled)]


async def test_a_unit_that_is_told_whole_proves_itself_and_a_part_of_it_by_paths(laptop: Laptop) -> None:
    ids, reply = await a_unit(laptop)
    assert paths(reply) == [0] * 5
    assert proved(reply, laptop.receipt_key) == [Outcome.APPLIED] * 5
    whole = await laptop.round(in_doubt=tuple(reversed(ids)))
    assert paths(whole) == [0] * 5
    assert proved(whole, laptop.receipt_key) == [Outcome.APPLIED] * 5
    part = await laptop.round(in_doubt=(ids[0], ids[4]))
    assert paths(part) == [3, 1]
    assert proved(part, laptop.receipt_key) == [Outcome.APPLIED] * 2


async def test_a_device_of_protocol_2_gets_every_path(laptop: Laptop) -> None:
    ids, _ = await a_unit(laptop)
    told = await laptop.round(in_doubt=tuple(ids), protocol=2)
    assert (told.protocol, paths(told)) == (2, [3, 3, 3, 3, 1])
    assert proved(told, laptop.receipt_key) == [Outcome.APPLIED] * 5


async def test_a_receipt_proves_itself_when_the_others_of_its_unit_are_purged(server: Server, laptop: Laptop) -> None:
    ids, _ = await a_unit(laptop)
    with server.office.service.store.connected() as connection:
        connection.execute(sql("DELETE FROM ledger WHERE id <> :kept"), {"kept": ids[2]})
    left = await laptop.round(in_doubt=(ids[2],))
    assert paths(left) == [3]
    assert proved(left, laptop.receipt_key) == [Outcome.APPLIED]


async def test_a_path_that_an_older_program_kept_still_proves(server: Server, laptop: Laptop) -> None:
    ids, _ = await a_unit(laptop)
    told = await laptop.round(in_doubt=tuple(ids), protocol=2)
    with server.office.service.store.connected() as connection:
        connection.execute(sql("UPDATE receipts_root SET leaves = NULL"))
        for answer in told.answers:
            assert isinstance(answer, Settled)
            place = json.dumps([answer.proof.index, answer.proof.size, answer.proof.path])
            connection.execute(
                sql("UPDATE ledger SET place = :place WHERE id = :id"), {"place": place, "id": answer.id}
            )
    assert (await laptop.round(in_doubt=tuple(ids), protocol=2)).answers == told.answers
    assert proved(await laptop.round(in_doubt=tuple(ids)), laptop.receipt_key) == [Outcome.APPLIED] * 5


# -- the receipt key


def proved(reply: SyncReply, public_key: bytes) -> list[Outcome]:
    """The outcomes in a reply, each proved by the raw `public_key`."""
    roots = [Envelope.from_wire(root) for root in reply.roots]
    outcomes = []
    for answer in reply.answers:
        assert isinstance(answer, Settled)
        proof = Proofs(roots, reply.answers).of(answer.proof)
        root = verify_root(proof.envelope, public_key)
        outcomes.append(read_receipt(answer.receipt.encode(), proof, root).outcome)
    return outcomes


def successions(laptop: Laptop, reply: SyncReply) -> list[bytes]:
    """The keys that follow on the pinned one, each believed because the one before it says so."""
    known = [laptop.receipt_key]
    for wire in reply.receipt_keys:
        envelope = Envelope.from_wire(wire)
        verify(envelope, SUCCESSION_TYPE, known[-1])
        said = Succession.model_validate_json(envelope.payload)
        assert said.tenant == TENANT
        known.append(bytes.fromhex(said.key))
    return known


async def test_a_new_receipt_key_is_announced_by_the_old_and_old_receipts_still_verify(
    server: Server, laptop: Laptop
) -> None:
    sent = [laptop.say("note.added", JOB, text="old")]
    assert proved(await laptop.round(*sent), laptop.receipt_key) == [Outcome.APPLIED]
    known = [laptop.receipt_key]
    for number in range(4):
        server.clock.move(timedelta(days=1))
        named = server.office.rotate_receipt_key(TENANT, "root", "yearly")
        sent.append(laptop.say("note.added", JOB, text=f"new {number}"))
        reply = await laptop.round(sent[-1])
        known = successions(laptop, reply)
        assert (len(known), key_id(known[-1])) == (number + 2, named)
        assert proved(reply, known[-1]) == [Outcome.APPLIED]
        verify(Envelope.from_wire(reply.head), HEAD_TYPE, known[-1])
    for envelope, key in zip(sent, known, strict=True):
        assert proved(await laptop.round(in_doubt=(id_in(envelope),)), key) == [Outcome.APPLIED]
    assert server.office.verify_audit(TENANT).why is None


async def test_a_head_signed_by_a_key_that_has_retired_still_counts(server: Server, laptop: Laptop) -> None:
    head = server.office.signed_head(TENANT)
    server.office.rotate_receipt_key(TENANT, "root", "yearly")
    assert server.office.verify_audit(TENANT, head).why is None
    assert (await laptop.round(head=head.to_wire())).protocol == PROTOCOL
    forge(server, [body for *_, body in links(server)][:-3])
    assert server.office.verify_audit(TENANT, head).why
    assert await laptop.refused(head=head.to_wire()) == "server_stopped"


async def test_only_an_administrator_hands_the_key_over_and_it_is_audited(server: Server) -> None:
    with pytest.raises(Refused) as caught:
        server.office.rotate_receipt_key(TENANT, "m.reyes", "because")
    assert caught.value.problem.code is Code.NOT_PERMITTED
    named = server.office.rotate_receipt_key(TENANT, "root", "yearly")
    told = json.loads(links(server)[-1][3])
    assert (told["act"], told["actor"], told["new"]) == ("receipt key", "root", named)
    with server.office.service.store.transaction() as tx:
        assert sorted(key.state for key in tx.keys(TENANT, "receipt")) == ["active", "retired"]


# -- what the organisation decides for itself


async def test_the_later_edit_stands_where_the_organisation_says_so(server: Server, laptop: Laptop) -> None:
    server.office.set_newest(TENANT, ["work_order.priority"], "root")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await laptop.round(laptop.say("field.updated", JOB, field="priority", value="urgent"))
    assert server.records()[JOB].fields["priority"] == "urgent"
    server.office.set_newest(TENANT, [], "root")
    server.office.set_field(TENANT, "m.reyes", JOB, "title", "By the office")
    await laptop.round(laptop.say("field.updated", JOB, field="title", value="By the laptop"))
    assert server.records()[JOB].fields["title"] == "By the office"


@pytest.mark.parametrize("place", ["work_order.status", "work_order.foo", "pump.name", "priority", ""])
async def test_only_a_field_with_one_value_can_be_settled_by_the_later_edit(server: Server, place: str) -> None:
    with pytest.raises(Refused, match="no field that two people can set to two values"):
        server.office.set_newest(TENANT, [place], "root")
    with pytest.raises(Refused) as caught:
        server.office.set_newest(TENANT, [], "m.reyes")
    assert caught.value.problem.code is Code.NOT_PERMITTED


async def test_the_bytes_of_a_receipt_are_those_that_its_contract_writes(server: Server, laptop: Laptop) -> None:
    """They are written without it; what is signed must still be what every reader of the contract would write."""
    merged = laptop.say("note.added", JOB, text='„x" \\ y\n')
    refused = laptop.say("note.added", "work_order/NONE", text="x")
    clash = laptop.say("field.updated", JOB, field="description", value="Laptop's")
    server.office.service.office(TENANT, "root", [(JOB, FieldUpdated(field="description", value="Office's"))])
    await laptop.round(merged, refused, clash)
    with server.office.service.store.transaction() as tx:
        entries = tx.entries(TENANT, map(id_in, (merged, refused, clash))).values()
    assert {entry.outcome for entry in entries} == {Outcome.MERGED, Outcome.REJECTED, Outcome.CONFLICT}
    for entry in entries:
        assert entry.receipt
        assert entry.receipt.to_bytes() == entry.receipt_payload
        assert (entry.receipt.outcome, entry.receipt.settled_at) == (entry.outcome, entry.settled_at)
