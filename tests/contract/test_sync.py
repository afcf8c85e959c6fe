import json
from datetime import timedelta
from typing import Any

import pytest

from shared.envelope import COMMAND_TYPE, RECEIPT_TYPE, Envelope, SigningKey, seal
from shared.outcomes import Outcome, Reason
from shared.problems import MEDIA_TYPE
from shared.receipts import read_receipt, verify_root
from shared.sync import BODY_BYTES_MAX, CHANGES_MAX, Proofs, Settled, Turned
from sync_server.batch import link_hash
from tests.served import TENANT, Laptop, Server, new_laptop, receipt

JOB, OTHER = "work_order/WO-1", "work_order/WO-2"


def notes(server: Server, job: str = JOB) -> list[str]:
    entries: Any = server.records()[job].fields["notes"]
    return [entry["text"] for entry in entries]


# -- the good road


async def test_a_command_is_settled_with_a_receipt_for_exactly_its_bytes(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("note.added", JOB, text="hello")
    reply = await laptop.round(envelope)
    (answer,) = reply.answers
    assert isinstance(answer, Settled)
    proof = Proofs([Envelope.from_wire(root) for root in reply.roots], reply.answers).of(answer.proof)
    told = read_receipt(answer.receipt.encode(), proof, verify_root(proof.envelope, laptop.receipt_key))
    assert (told.outcome, told.envelope_hash, told.tenant) == (Outcome.APPLIED, envelope.hash, TENANT)
    assert notes(server) == ["hello"]
    assert laptop.replica[JOB].version == told.versions[JOB]


async def test_the_same_bytes_again_give_the_same_receipt_and_no_second_effect(
    server: Server, laptop: Laptop
) -> None:
    envelope = laptop.say("part.consumed", JOB, stock_item="stock_item/SEAL-1", quantity=2)
    first = await laptop.round(envelope)
    second = await laptop.round(envelope)
    assert first.answers == second.answers
    assert server.records("stock_item")["stock_item/SEAL-1"].fields["on_hand"] == 3


async def test_a_doubtful_id_is_answered_by_its_outcome_and_an_unheard_one_by_unknown(
    server: Server, laptop: Laptop
) -> None:
    envelope = laptop.say("note.added", JOB, text="x")
    known = json.loads(envelope.payload)["id"]
    settled = await laptop.round(envelope)
    unheard = laptop.command("note.added", JOB, advance=False, text="y").id
    reply = await laptop.round(in_doubt=(known, unheard))
    assert reply.answers[0] == settled.answers[0]
    assert reply.answers[1].status == "unknown"


async def test_another_devices_outcomes_are_nobodys_business(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("note.added", JOB, text="x")
    await laptop.round(envelope)
    stranger = new_laptop(server, b"\x02", "b.lind")
    await stranger.enrol()
    reply = await stranger.round(in_doubt=(json.loads(envelope.payload)["id"],))
    assert reply.answers[0].status == "unknown"


async def test_changes_come_in_pages_and_none_is_skipped(server: Server, laptop: Laptop) -> None:
    rows = "\n".join(f"B-{n},Bolt,{n}" for n in range(2 * CHANGES_MAX + 100))
    office = server.office
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{rows}"))
    pages = 0
    more = True
    while more:
        reply = await laptop.round()
        more, pages = reply.more, pages + 1
    assert pages == 3
    assert sum(ref.startswith("stock_item/B-") for ref in laptop.replica) == 2 * CHANGES_MAX + 100


async def test_a_command_that_comes_early_waits_for_the_gap_to_close(server: Server, laptop: Laptop) -> None:
    first, second, third = (laptop.say("note.added", JOB, text=text) for text in "abc")
    reply = await laptop.round(second, third)
    assert [answer.status for answer in reply.answers] == ["held", "held"]
    assert notes(server) == []
    await laptop.round(first)
    assert notes(server) == ["a", "b", "c"]
    ids = tuple(json.loads(each.payload)["id"] for each in (second, third))
    assert [answer.status for answer in (await laptop.round(in_doubt=ids)).answers] == ["settled", "settled"]


async def test_two_commands_at_one_place_of_the_chain_are_a_fork(server: Server, laptop: Laptop) -> None:
    twin = laptop.command("note.added", JOB, advance=False, text="twin")
    await laptop.round(laptop.say("note.added", JOB, text="first"))
    reply = await laptop.round(seal(COMMAND_TYPE, twin.to_bytes(), laptop.technician_key))
    (answer,) = reply.answers
    assert answer.status == "held"
    assert (answer.hold, answer.problem and answer.problem.code) == ("quarantined", "chain_fork")
    assert notes(server) == ["first"]


async def test_one_poison_command_stops_only_itself(server: Server, laptop: Laptop) -> None:
    good = laptop.say("note.added", JOB, text="before")
    poison = laptop.say("part.consumed", JOB, stock_item="stock_item/SEAL-1", quantity=500)
    after = laptop.say("note.added", JOB, text="after")
    reply = await laptop.round(good, poison, after)
    outcomes = [receipt(answer).outcome for answer in reply.answers]
    assert outcomes == [Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED]
    assert notes(server) == ["before", "after"]


async def test_a_dependent_of_a_conflict_is_released_by_the_resolution(server: Server, laptop: Laptop) -> None:
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    first = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    sent = [laptop.seal(first)]
    later = laptop.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = later.bases[0].model_copy(update={"command": first.id, "value": "urgent"})
    sent.append(laptop.seal(later.model_copy(update={"bases": (base,)})))
    reply = await laptop.round(*sent)
    assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    assert reply.answers[1].status == "held"
    from shared.records import Choice

    server.office.resolve(TENANT, "m.reyes", first.id, Choice.KEEP_MINE, "seen on site")
    answer = (await laptop.round(in_doubt=(later.id,))).answers[0]
    assert receipt(answer).outcome in {Outcome.APPLIED, Outcome.MERGED}
    assert server.records()[JOB].fields["priority"] == "high"


async def test_the_audit_holds_every_outcome_and_every_link_fits(server: Server, laptop: Laptop) -> None:
    told = [receipt(a) for a in (await laptop.round(*(laptop.say("note.added", JOB, text=t) for t in "ab"))).answers]
    with server.office.service.store.transaction() as tx:
        links = {position: (prev, own, json.loads(body)) for position, prev, own, body in tx.audit(TENANT)}
        raw = {position: body for position, _, _, body in tx.audit(TENANT)}
    for each in told:
        assert links[each.audit_position][2]["command"] == each.command
    assert sorted(links) == list(range(1, len(links) + 1))
    for position, (prev, own, _) in links.items():
        assert own == link_hash(prev, raw[position])
        assert position == 1 or prev == links[position - 1][1]


# -- bad input: refused by name, nothing half applied


def tampered(envelope: Envelope) -> Envelope:
    return Envelope(envelope.payload_type, envelope.payload.replace(b'"hello"', b'"hullo"'), envelope.signatures)


def foreign(envelope: Envelope) -> Envelope:
    return seal(envelope.payload_type, envelope.payload, SigningKey(b"\x07" * 32))


def wrong_purpose(envelope: Envelope) -> Envelope:
    return Envelope(RECEIPT_TYPE, envelope.payload, envelope.signatures)


def by_device_key(laptop: Laptop, envelope: Envelope) -> Envelope:
    return seal(envelope.payload_type, envelope.payload, laptop.device_key)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(tampered, "bad_signature"), (foreign, "unknown_key"), (wrong_purpose, "bad_signature")],
)
async def test_a_spoiled_envelope_is_turned_away_by_name(
    server: Server, laptop: Laptop, spoil: Any, code: str
) -> None:
    reply = await laptop.round(spoil(laptop.say("note.added", JOB, text="hello")))
    (answer,) = reply.answers
    assert isinstance(answer, Turned)
    assert answer.problem.code == code
    assert answer.problem.remedy
    assert notes(server) == []


async def test_the_device_key_does_not_sign_commands(server: Server, laptop: Laptop) -> None:
    reply = await laptop.round(by_device_key(laptop, laptop.say("note.added", JOB, text="hello")))
    assert reply.answers[0].status == "refused"
    assert notes(server) == []


@pytest.mark.parametrize("field", ["tenant", "device", "actor"])
async def test_a_command_in_somebody_elses_name_is_turned_away(server: Server, laptop: Laptop, field: str) -> None:
    command = laptop.command("note.added", JOB, advance=False, text="x").model_copy(update={field: "b.lind"})
    reply = await laptop.round(seal(COMMAND_TYPE, command.to_bytes(), laptop.technician_key))
    assert isinstance(reply.answers[0], Turned)
    assert reply.answers[0].problem.code == "not_enrolled_for"
    assert notes(server) == []


async def test_a_known_id_with_other_bytes_is_refused(server: Server, laptop: Laptop) -> None:
    first = laptop.command("note.added", JOB, advance=False, text="first")
    await laptop.round(laptop.seal(first))
    other = first.model_copy(update={"payload": {"text": "other"}})
    reply = await laptop.round(seal(COMMAND_TYPE, other.to_bytes(), laptop.technician_key))
    assert isinstance(reply.answers[0], Turned)
    assert reply.answers[0].problem.code == "id_reused"
    assert notes(server) == ["first"]


@pytest.mark.parametrize("change", [{"kind": "pump.exploded"}, {"schema_version": 9}])
async def test_a_kind_from_the_future_is_held_and_named_and_blocks_nothing(
    server: Server, laptop: Laptop, change: dict[str, Any]
) -> None:
    command = laptop.command("note.added", JOB, advance=False, text="x").model_copy(update=change)
    reply = await laptop.round(laptop.seal(command), laptop.say("note.added", JOB, text="after"))
    held = reply.answers[0]
    assert held.status == "held"
    assert (held.hold, held.problem and held.problem.code) == ("unreadable", "kind_unknown")
    assert notes(server) == ["after"]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"id":"x"}',
        b"not json",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[" * 100 + b"]" * 100,
        b"\xff\xfe",
    ],
)
async def test_signed_nonsense_is_turned_away_as_malformed(server: Server, laptop: Laptop, payload: bytes) -> None:
    reply = await laptop.round(seal(COMMAND_TYPE, payload, laptop.technician_key))
    assert isinstance(reply.answers[0], Turned)
    assert reply.answers[0].problem.code == "malformed"


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 422, "malformed"),
        (b"{", 422, "malformed"),
        (b'{"protocol":1,"protocol":1}', 422, "malformed"),
        (b'{"protocol":1,"surprise":true}', 422, "malformed"),
        (b'{"protocol":99}', 422, "protocol_unsupported"),
        (b'{"protocol":2,"cursor":"soon"}', 422, "cursor_invalid"),
        (b'{"protocol":1,"cursor":"hello"}', 422, "cursor_invalid"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, 422, "malformed"),
        (b" " * (BODY_BYTES_MAX + 1), 413, "too_large"),
    ],
)
async def test_a_bad_body_is_a_problem_document(
    server: Server, laptop: Laptop, raw: bytes, status: int, code: str
) -> None:
    response = await laptop.post(raw)
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.json()["code"] == code


async def test_a_round_may_not_ask_and_tell_at_once(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("note.added", JOB, text="x")
    with pytest.raises(AssertionError, match="carries no commands"):
        await laptop.round(envelope, in_doubt=(json.loads(envelope.payload)["id"],))
    assert notes(server) == []


async def test_an_unsigned_request_reads_nothing(server: Server, laptop: Laptop) -> None:
    response = await server.http.post("/v1/sync", content=b'{"protocol":1}')
    assert (response.status_code, response.json()["code"]) == (401, "not_authentic")
    stranger = await laptop.post(b'{"protocol":1}', key=SigningKey(b"\x09" * 32))
    assert (stranger.status_code, stranger.json()["code"]) == (401, "not_authentic")


async def test_a_body_swapped_under_a_signature_is_not_believed(server: Server, laptop: Laptop) -> None:
    signed = (await laptop.post(b'{"protocol":1}')).request
    request = server.http.build_request("POST", "/v1/sync", content=b'{"protocol": 1}')
    request.headers.update(
        {name: signed.headers[name] for name in ("content-digest", "signature", "signature-input")}
    )
    assert (await server.http.send(request)).json()["code"] == "not_authentic"


async def test_a_signature_from_another_hour_is_not_believed(server: Server, laptop: Laptop) -> None:
    signed = (await laptop.post(b'{"protocol":1}')).request
    server.clock.move(timedelta(hours=1))
    response = await server.http.send(signed)
    assert (response.status_code, response.json()["code"]) == (401, "clock_skew")


async def test_unknown_paths_are_problems_too(server: Server) -> None:
    response = await server.http.get("/v1/nothing")
    assert (response.status_code, response.headers["content-type"]) == (404, MEDIA_TYPE)


# -- enrolment


async def test_a_code_works_once_and_repeating_it_with_the_same_keys_gives_the_same_device(server: Server) -> None:
    code = server.office.enrol_code(TENANT, "a.okafor")
    laptop = new_laptop(server, b"\x05")
    first, again = await laptop.enrol(code), await laptop.enrol(code.lower().replace("-", ""))
    assert first.json()["device"] == again.json()["device"]
    other = await new_laptop(server, b"\x06").enrol(code)
    assert (other.status_code, other.json()["code"]) == (403, "code_invalid")
    assert len(server.office.devices(TENANT)) == 1


async def test_a_code_is_good_for_a_day(server: Server) -> None:
    code = server.office.enrol_code(TENANT, "a.okafor")
    server.clock.move(timedelta(hours=25))
    response = await new_laptop(server, b"\x05").enrol(code)
    assert (response.status_code, response.json()["code"]) == (403, "code_invalid")


async def test_who_enrols_must_hold_both_keys(server: Server) -> None:
    laptop = new_laptop(server, b"\x05")
    honest = laptop.technician_key
    laptop.technician_key = SigningKey(b"\x06" * 32)
    laptop.technician_key.public = honest.public
    response = await laptop.enrol()
    assert response.json()["code"] == "bad_signature"


async def test_expired_work_comes_back_as_expired(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say("note.added", JOB, text="late")
    server.clock.move(timedelta(days=91))
    reply = await laptop.round(envelope)
    assert receipt(reply.answers[0]).outcome is Outcome.EXPIRED
    assert notes(server) == []


async def test_a_rejection_names_its_reason(server: Server, laptop: Laptop) -> None:
    reply = await laptop.round(laptop.say("status.changed", JOB, to="closed"))
    told = receipt(reply.answers[0])
    assert (told.outcome, told.reason) == (Outcome.REJECTED, Reason.STEP_NOT_ALLOWED)
    assert "cannot go from open to closed" in told.detail
