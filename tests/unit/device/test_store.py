import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json
from sqlcipher3 import dbapi2

from device.core.bounds import Kept
from device.errors import StoreError
from device.store import DeviceStore, Head, Identity, JournalEntry, State
from device.store import replica as replicas
from shared.commands.base import Command
from shared.envelope import COMMAND_TYPE, RECEIPT_TYPE, Envelope, SigningKey, seal
from shared.merkle import Inclusion
from shared.outcomes import Hold, Outcome, Receipt, Standing
from shared.problems import Code, problem
from shared.receipts import Proof, read_receipt, seal_all, verify_root
from shared.records import Record, Stamp, check_fields
from shared.statements import ReceiptsRoot
from tests.builders import JOB, NOW, Person, World, new_id, record

KEY = b"k" * 32
SIGNER = SigningKey(b"\x01" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.db"


@pytest.fixture
def store(path: Path) -> Iterator[DeviceStore]:
    opened = DeviceStore.open(path, KEY)
    yield opened
    opened.close()


def command(text: str = "a secret remark") -> Command:
    return Person.at(World.of(record(JOB))).say("note.added", text=text).model_copy(update={"id": new_id()})


def append(store: DeviceStore, said: Command | None = None) -> Command:
    said = said or command()
    head = store.head(1)
    said = said.model_copy(update={"seq": head.next_seq, "prev": head.prev})
    store.append(said, envelope(said), "a note")
    return said


def envelope(said: Command) -> Envelope:
    return seal(COMMAND_TYPE, said.to_bytes(), SIGNER)


def test_nothing_can_be_read_without_the_key(path: Path, store: DeviceStore) -> None:
    append(store)
    store.close()
    for file in path.parent.iterdir():
        assert b"a secret remark" not in file.read_bytes()
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(path).execute("SELECT * FROM outbox")
    with pytest.raises(StoreError, match="wrong key"):
        DeviceStore.open(path, b"x" * 32)


def test_what_was_saved_is_there_byte_for_byte_after_a_restart(path: Path, store: DeviceStore) -> None:
    said = append(store)
    store.close()
    again = DeviceStore.open(path, KEY)
    (item,) = again.items()
    assert (item.command, item.envelope, item.standing) == (said, envelope(said), Standing.SAVED)
    again.close()


def test_each_command_names_the_one_before(store: DeviceStore) -> None:
    first = append(store)
    assert (store.head(1).next_seq, store.head(1).prev) == (2, envelope(first).hash)
    assert store.head(2).next_seq == 1


def test_a_failure_inside_a_transaction_leaves_nothing(store: DeviceStore) -> None:
    def half() -> None:
        with store.transaction():
            append(store)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert store.items() == []
    assert store.head(1).next_seq == 1


def test_a_disk_that_acknowledges_too_early_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = dbapi2.connect

    class Hasty:
        def __init__(self, *args: object, **kwargs: object) -> None:
            self.inner = real(*args, **kwargs)

        def execute(self, statement: str) -> object:
            return self.inner.execute(statement.replace("synchronous = FULL", "synchronous = NORMAL"))

    monkeypatch.setattr(dbapi2, "connect", Hasty)
    with pytest.raises(StoreError, match="does not keep what it acknowledges"):
        DeviceStore.open(path, KEY)


def test_a_database_from_the_future_is_left_alone(path: Path, store: DeviceStore) -> None:
    store.set_meta("schema", "99")
    store.close()
    with pytest.raises(StoreError, match="newer Tailboard"):
        DeviceStore.open(path, KEY)


def test_a_locked_database_is_a_sentence_and_nothing_is_half_done(path: Path, store: DeviceStore) -> None:
    other = dbapi2.connect(str(path), isolation_level=None)
    other.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
    raw = store._driver
    raw.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Another program"):
        append(store)
    other.execute("ROLLBACK")
    assert store.items() == []
    append(store)


def test_a_full_disk_is_a_sentence_and_what_was_saved_stays(store: DeviceStore) -> None:
    kept = append(store)
    raw = store._driver
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for _ in range(200):
            append(store, command("x" * 3900))

    with pytest.raises(StoreError, match="disk is full"):
        fill()
    assert store.items()[0].command == kept
    raw.execute("PRAGMA max_page_count = 1000000")
    append(store)


def test_the_five_standings(store: DeviceStore) -> None:
    ids = [append(store).id for _ in range(4)]
    store.mark_sent(ids[1:])
    store.mark_held(ids[2], Hold.QUARANTINED, problem(Code.CHAIN_FORK, "x"))
    store.mark_turned(ids[3], problem(Code.BAD_SIGNATURE, "x"))
    assert [item.standing for item in store.items()] == [
        Standing.SAVED,
        Standing.SENT,
        Standing.REVIEW,
        Standing.REFUSED,
    ]
    assert store.counts()[Standing.SAVED] == 1
    assert store.queue().in_doubt == (ids[1],)
    store.mark_unknown([ids[1]])
    assert store.items(states=[State.SAVED])[1].command.id == ids[1]


def test_an_older_version_never_replaces_a_newer_one(store: DeviceStore) -> None:
    store.absorb([record(JOB, 5, title="new")], "1:5")
    store.absorb([record(JOB, 3, title="old")], "1:6")
    assert store.replica()[JOB].fields["title"] == "new"
    assert store.meta("cursor") == "1:6"


def test_two_programs_on_one_database_see_each_other(path: Path, store: DeviceStore) -> None:
    other = DeviceStore.open(path, KEY)
    before = store.generation()
    other.absorb([record(JOB)], "1:1")
    assert store.generation() != before
    other.close()


def test_identity_survives(store: DeviceStore) -> None:
    assert store.identity() is None
    identity = Identity(
        server_url="http://s",
        tenant="t",
        tenant_name="T",
        device="d",
        actor="a",
        actor_name="A",
        epoch=1,
        incarnation=1,
        receipt_key="00" * 32,
    )
    store.set_meta("identity", identity.model_dump_json())
    assert store.identity() == identity


def receipt_of(said: Command, outcome: Outcome, incarnation: int = 1) -> Receipt:
    return Receipt(
        tenant="t",
        command=said.id,
        envelope_hash=envelope(said).hash,
        outcome=outcome,
        change_seq=1,
        incarnation=incarnation,
        audit_position=1,
        settled_at=NOW,
        key_id=SIGNER.keyid,
    )


def settle(store: DeviceStore, said: Command, outcome: Outcome, incarnation: int = 1) -> None:
    receipt = receipt_of(said, outcome, incarnation)
    store.mark_settled([(receipt, receipt.to_bytes(), Proof(seal(RECEIPT_TYPE, receipt.to_bytes(), SIGNER)))])


def test_a_settled_command_changes_only_with_a_new_life_of_the_server(store: DeviceStore) -> None:
    said = append(store)
    settle(store, said, Outcome.APPLIED)
    settle(store, said, Outcome.REJECTED)
    assert store.items()[0].standing is Standing.ACCEPTED
    store.doubt_life(2, NOW)
    assert (store.items()[0].state, store.items()[0].standing) == (State.SENT, Standing.SENT)
    store.mark_unknown([said.id])
    settle(store, said, Outcome.REJECTED, 2)
    (item,) = store.items()
    assert item.earlier is not None
    assert (item.earlier.outcome, item.standing) == (Outcome.APPLIED, Standing.REVIEW)
    store.deal_with(said.id, "dropped")
    assert store.items()[0].standing is Standing.REFUSED


def test_the_same_outcome_in_a_new_life_needs_no_look(store: DeviceStore) -> None:
    said = append(store)
    settle(store, said, Outcome.APPLIED)
    store.doubt_life(2, NOW)
    settle(store, said, Outcome.APPLIED, 2)
    (item,) = store.items()
    assert (item.earlier, item.standing) == (None, Standing.ACCEPTED)


def test_what_was_settled_before_the_window_is_not_asked_about_again(store: DeviceStore) -> None:
    said = append(store)
    settle(store, said, Outcome.APPLIED)
    store.doubt_life(2, NOW + timedelta(seconds=1))
    assert store.items()[0].state is State.SETTLED


def test_an_older_hold_does_not_outlive_what_is_said_next(store: DeviceStore) -> None:
    ids = [append(store).id for _ in range(3)]
    for each in ids:
        store.mark_held(each, Hold.QUARANTINED, problem(Code.CHAIN_FORK, "x"))
    store.mark_sent(ids[:1])
    store.mark_unknown(ids[1:2])
    store.mark_turned(ids[2], problem(Code.UNKNOWN_KEY, "x"))
    assert [item.hold for item in store.items()] == [None] * 3
    assert [item.standing for item in store.items()] == [Standing.SENT, Standing.SAVED, Standing.REFUSED]


def test_a_gap_in_the_chain_is_named_and_what_was_pruned_is_no_gap(store: DeviceStore) -> None:
    said = [append(store) for _ in range(6)]
    for each in said[:3]:
        settle(store, each, Outcome.APPLIED)
    assert store.prune(NOW + timedelta(days=1)) == 3
    assert store.missing(1, 0) == ()
    with store.transaction() as connection:
        connection.execute("DELETE FROM outbox WHERE seq = 5")
    assert store.missing(1, 0) == (5,)
    assert store.missing(1, 5) == ()
    assert store.hash_at(1, 6) == envelope(said[5]).hash


def test_only_what_needs_nobodys_look_is_pruned(store: DeviceStore) -> None:
    for outcome in (Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED, Outcome.APPLIED):
        settle(store, append(store), outcome)
    assert store.prune(NOW) == 0
    assert store.prune(NOW + timedelta(seconds=1)) == 1
    store.deal_with(store.items()[0].command.id, "dropped")
    assert store.prune(NOW + timedelta(seconds=1)) == 2
    assert store.head(1).next_seq == 5


def test_what_waits_is_counted_right_whatever_happens(path: Path, store: DeviceStore) -> None:
    first = append(store)
    size = len(envelope(first).payload)
    assert store.kept() == Kept(1, size)

    def half() -> None:
        with store.transaction():
            append(store)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert store.kept() == Kept(1, size)
    append(store)
    assert store.kept().count == 2
    settle(store, first, Outcome.APPLIED)
    assert store.kept().count == 1
    other = DeviceStore.open(path, KEY)
    append(other)
    assert store.kept().count == 2
    other.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.head(1),
        lambda store: store.queue(),
        lambda store: store.missing(1, 3),
        lambda store: store.hash_at(1, 3),
        lambda store: store.prune(NOW),
    ],
)
def test_what_every_round_asks_reads_no_whole_outbox(
    store: DeviceStore, ask: Callable[[DeviceStore], object]
) -> None:
    for _ in range(5):
        settle(store, append(store), Outcome.APPLIED)
    asked: list[str] = []
    store._driver.set_trace_callback(asked.append)
    ask(store)
    store._driver.set_trace_callback(None)
    with store.transaction() as connection:
        plans = [
            row[3]
            for sql in asked
            if "outbox" in sql
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        ]
    assert plans
    # the ids that wait are sorted by position when they have been read: each read is from the index alone
    sorted_ids = {"USE TEMP B-TREE FOR ORDER BY"} if any("SELECT id" in sql for sql in asked) else set()
    plans = [plan for plan in plans if plan not in sorted_ids]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan or ("SCAN" in plan and "INDEX" not in plan)]


def test_a_save_touches_a_page_of_the_outbox_and_one_of_its_index(path: Path, store: DeviceStore) -> None:
    frame, log = 24 + 4096, path.with_name("device.db-wal")
    sizes = [log.stat().st_size]
    for _ in range(8):
        with store.transaction():
            place = store.head(1)
            said = command().model_copy(update={"seq": place.next_seq, "prev": place.prev})
            words = JournalEntry(NOW, "a.okafor", "form", "said", (said.id,))
            store.append(said, envelope(said), "a note", None, "normal", words)
        sizes.append(log.stat().st_size)
    assert min(after - before for before, after in pairwise(sizes)) == 2 * frame


@pytest.mark.parametrize("state", list(State))
def test_no_id_is_saved_twice_wherever_the_first_stands(store: DeviceStore, state: State) -> None:
    first = append(store)
    with store.transaction() as connection:
        connection.execute("UPDATE outbox SET state = ?", (state.value,))
    append(store)
    with pytest.raises(StoreError, match="saved here already"):
        append(store, first)
    assert store.head(1).next_seq == 3


def test_a_clock_that_ran_backwards_keeps_nobody_from_saving(store: DeviceStore) -> None:
    late, early = command(), command()
    early = early.model_copy(update={"id": "0" * 8 + early.id[8:]})
    append(store, late)
    append(store, early)
    assert [item.command.id for item in store.items()] == [late.id, early.id]
    assert store.queue().saved == (late.id, early.id)


def test_places_are_found_in_each_epoch(store: DeviceStore) -> None:
    said = {}
    for epoch in (1, 1, 1, 3, 3):
        head = store.head(epoch)
        given = command().model_copy(update={"epoch": epoch, "seq": head.next_seq, "prev": head.prev})
        said[epoch, head.next_seq] = envelope(given).hash
        store.append(given, envelope(given), "a note")
    assert {place: store.hash_at(*place) for place in said} == said
    assert [store.hash_at(*place) for place in ((1, 0), (1, 4), (2, 1), (3, 3), (4, 1))] == [None] * 5
    assert [(store.head(epoch).next_seq, store.head(epoch).prev) for epoch in (1, 2, 3)] == [
        (4, said[1, 3]),
        (1, None),
        (3, said[3, 2]),
    ]
    with store.transaction() as connection:
        connection.execute("DELETE FROM outbox WHERE epoch = 1 AND seq = 2")
    assert (store.missing(1, 0), store.missing(3, 0), store.missing(2, 0)) == ((2,), (), ())


def test_what_the_next_command_meets_is_right_after_everything_that_changes_it(
    path: Path, store: DeviceStore
) -> None:
    append(store)
    assert store.end().head == store.head(1)
    store.begin_epoch(2)
    assert store.end().head == Head(2, 1, None)
    other = DeviceStore.open(path, KEY)
    given = command().model_copy(update={"epoch": 2, "seq": 1})
    other.append(given, envelope(given), "a note")
    other.close()
    assert store.end().head == Head(2, 2, envelope(given).hash)
    assert store.end().kept.count == 2


def test_what_was_said_outlives_the_command_in_its_order(store: DeviceStore) -> None:
    with store.transaction() as connection:
        connection.execute("INSERT INTO journal VALUES (7, ?, 'x', 'form', 'old', '[]', 0)", (NOW.isoformat(),))
    entries: list[JournalEntry] = []
    for epoch in (1, 1, 2, 2):
        head = store.head(epoch)
        said = command().model_copy(update={"epoch": epoch, "seq": head.next_seq, "prev": head.prev})
        entries.append(JournalEntry(NOW, "a.okafor", "form", f"„{len(entries)}“", (new_id(), said.id)))
        store.append(said, envelope(said), "a note", None, "normal", entries[-1])
        settle(store, said, Outcome.APPLIED)
    assert store.journal()[1:] == entries
    assert store.prune(NOW + timedelta(seconds=1)) == 2
    assert [entry.sentence for entry in store.journal()] == ["old", "„0“", "„1“", "„2“", "„3“"]
    assert store.journal()[1:] == entries


def test_a_small_read_that_fails_is_told_in_words(store: DeviceStore) -> None:
    with store.transaction() as connection:
        connection.execute("ALTER TABLE meta RENAME TO elsewhere")
    with pytest.raises(StoreError, match="database failed"):
        store.meta("cursor")


def test_a_large_replica_is_read_whole_and_keeps_each_word_once(store: DeviceStore) -> None:
    fields = {"title": "Check", "asset": "asset/PUMP-1", "access": "ask at reception"}
    born = Stamp(1, new_id(), "office", "tester", NOW)
    refs = [f"work_order/WO-{number}" for number in range(700)]
    store.absorb([Record(ref, 1, check_fields("work_order", dict(fields)), born) for ref in refs], "1:1")
    read = store.replica()
    assert set(read) >= set(refs)
    first, last = read[refs[0]], read[refs[-1]]
    assert first.fields == check_fields("work_order", fields)
    assert first.fields["access"] is last.fields["access"]


def test_a_record_is_read_when_somebody_asks_for_it_and_is_that_of_the_moment(
    store: DeviceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    born, read = Stamp(1, new_id(), "office", "tester", NOW), list[bytes]()
    refs = [f"work_order/WO-{number}" for number in range(700)]
    fields = check_fields("work_order", {"title": "Check", "asset": "asset/PUMP-1"})
    store.absorb([Record(ref, 1, fields, born) for ref in refs], "1:1")

    def reads(body: bytes, **how: Any) -> object:
        read.append(body)
        return from_json(body, **how)

    monkeypatch.setattr(replicas, "from_json", reads)
    records = store.replica()
    assert refs[9] in records
    assert (len(records), set(records), read) == (700, set(refs), [])
    assert records[refs[9]] is records[refs[9]]
    assert len(read) == 1
    assert len(list(records.values())) == len(read) == 700
    assert records[refs[0]].version == 1
    assert len(read) == 701, "after all of them only the last few stay read"
    store.absorb([Record(refs[8], 2, {**fields, "title": "Another"}, born)], "1:2")
    assert records[refs[8]].fields["title"] == "Check"
    assert store.replica()[refs[8]].fields["title"] == "Another"


def test_a_replica_that_cannot_be_read_is_told_in_words(store: DeviceStore) -> None:
    with store.transaction() as connection:
        connection.execute("ALTER TABLE replica RENAME TO elsewhere")
    with pytest.raises(StoreError, match="database failed"):
        store.replica()


def roots(store: DeviceStore) -> int:
    with store.transaction() as connection:
        return int(connection.execute("SELECT count(*) FROM root").fetchone()[0])


def test_one_signature_over_many_receipts_is_kept_once_and_as_long_as_it_proves_something(store: DeviceStore) -> None:
    said = [append(store) for _ in range(4)]
    told = [receipt_of(each, Outcome.APPLIED) for each in said]
    payloads = [receipt.to_bytes() for receipt in told[:3]]
    root = ReceiptsRoot(tenant="t", incarnation=1, size=1, root="0" * 64, at=NOW)
    proofs = seal_all(payloads, root, SIGNER)
    store.mark_settled(list(zip(told[:3], payloads, proofs, strict=True)))
    assert roots(store) == 1
    settle(store, said[3], Outcome.APPLIED)
    assert roots(store) == 2
    places = [each.inclusion and Inclusion(n, 3, each.inclusion.path) for n, each in enumerate(proofs)]
    kept_as = [Proof(proofs[0].envelope, place) for place in places]
    assert [store.proof(each.id) for each in said[:3]] == list(zip(payloads, kept_as, strict=True))
    for each in said[:3]:
        kept = store.proof(each.id)
        assert kept is not None
        assert read_receipt(*kept, verify_root(kept[1].envelope, SIGNER.public)).command == each.id
    assert store.prune(NOW + timedelta(days=1)) == 3
    assert roots(store) == 1
    assert store.proof(said[0].id) is None
    assert store.proof(said[3].id) is not None


def test_a_root_stays_while_an_earlier_outcome_rests_on_it(store: DeviceStore) -> None:
    said = [append(store) for _ in range(3)]
    for each in said:
        settle(store, each, Outcome.APPLIED)
    store.doubt_life(2, NOW)
    settle(store, said[0], Outcome.APPLIED, 2)
    settle(store, said[1], Outcome.REJECTED, 2)
    assert store.prune(NOW + timedelta(days=1)) == 1
    assert roots(store) == 4 - 1  # the second's two outcomes and the third's


@pytest.mark.parametrize("how", ["garbage", "cut short", "another key"])
def test_what_does_not_open_says_so_and_stays_as_it_is(path: Path, store: DeviceStore, how: str) -> None:
    append(store)
    store.close()
    if how == "garbage":
        path.write_bytes(b"this is no database at all, " * 300)
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:1000])
    before = path.read_bytes()
    with pytest.raises(StoreError, match="wrong key, or a damaged file"):
        DeviceStore.open(path, b"x" * 32 if how == "another key" else KEY)
    assert path.read_bytes() == before
