"""Bugs of the server. The names that they spoil are given as text: nothing here is meant to fit."""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from reconciliation.ruling import Ruling, rejected
from shared.commands import part_ordered
from shared.commands.base import OFFICE, Command
from shared.ids import id_of, sha256_hex
from shared.outcomes import Outcome, Reason
from shared.problems import Code, Refused
from shared.records import Record
from simulators.loop import OWNER
from simulators.mutants.base import put
from sync_server import admission, store
from sync_server import round as sync_round
from sync_server.admission import Admitted
from sync_server.batch import Batch, known, link_hash, places, settling, writing
from sync_server.batch.decided import Decided
from sync_server.chain import Taken
from sync_server.store import Entry, Store, TenantHead, Tx, ledger
from sync_server.store.audit import AUDIT, Audit
from sync_server.store.ledger import LEDGER, Ledger
from sync_server.store.records import Page, Records
from sync_server.systems import worker
from sync_server.systems.steps import Send

COMMITS_AFTER_S = 1.0


# -- who may


def signature_unchecked() -> None:
    """It takes any 64 bytes for a signature under a command."""
    put(admission, "verify", lambda *_: None)


def names_unchecked() -> None:
    """Whoever has a key may use it in anybody's name."""
    put(admission, "_check_identity", lambda *_: None)


def shut_out_and_taken() -> None:
    """What comes of a laptop that was shut out finds its place like anybody's."""
    put(places.Places, "place", places.Places._place)  # noqa: SLF001


# -- the chain


def fork_accepted() -> None:
    """It takes whatever comes as the next link of the chain."""
    put(places, "place_of", lambda command, digest, epoch: Taken(epoch.at(command.seq, digest)))


def order_ignored() -> None:
    """It takes commands as they come, and remembers the highest number."""

    def anywhere(command: Command, digest: str, epoch: Any) -> Taken:
        return Taken(epoch.at(command.seq, digest) if (command.seq or 0) > epoch.head_seq else epoch)

    put(places, "place_of", anywhere)


# -- the ledger


def _overwrite(self: Tx, tenant: str, entries: Any, root: int | None = None) -> None:
    rows = [ledger._row(tenant, entry, root) for entry in entries]  # noqa: SLF001
    if rows:
        statement = self._insert(ledger.LEDGER)
        new = {column.name: statement.excluded[column.name] for column in ledger.LEDGER.c}
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "id"], set_=new), rows)


def _settled_entries_are_overwritten() -> None:
    put(Ledger, "put_entries", _overwrite)
    put(Ledger, "add_entries", _overwrite)


def _again(unit: Batch, known: Entry) -> None:
    """Decide a settled command once more, where nothing outside the ledger would stop that."""
    if known.command.kind in {"note.added", "finding.added", "field.updated", "part.consumed"}:
        unit._settling.settle_or_hold(replace(known, outcome=None, settled_at=None, receipt_payload=None, proof=None))  # noqa: SLF001


def dedupe_off() -> None:
    """What comes again is decided again."""
    _settled_entries_are_overwritten()
    receive = Batch.receive

    def anew(self: Batch, admitted: Admitted, **how: Any) -> None:
        known = self.entry(admitted.command.id)
        if known is not None and known.receipt is not None:
            _again(self, known)
        else:
            receive(self, admitted, **how)

    put(Batch, "receive", anew)


def dedupe_in_memory() -> None:
    """It knows what it has received since it was started."""
    _settled_entries_are_overwritten()
    receive, seen = Batch.receive, defaultdict[Any, set[str]](set)

    def remembered(self: Batch, admitted: Admitted, **how: Any) -> None:
        command, here = admitted.command.id, seen[OWNER.get()]
        known = self.entry(command)
        if known is not None and known.receipt is not None and command not in here:
            _again(self, known)
        else:
            receive(self, admitted, **how)
        here.add(command)

    put(Batch, "receive", remembered)


def id_reuse_accepted() -> None:
    """Other bytes under a known id take the place of the first."""
    _settled_entries_are_overwritten()
    receive = Batch.receive

    def replaced(self: Batch, admitted: Admitted, **how: Any) -> None:
        known = self.entry(admitted.command.id)
        if known is not None and known.envelope.hash != admitted.envelope.hash:
            self._known._entries[admitted.command.id] = None  # noqa: SLF001
        receive(self, admitted, **how)

    put(Batch, "receive", replaced)


def asked_is_decided_again() -> None:
    """Whoever asks what became of a command has it decided once more."""
    _settled_entries_are_overwritten()
    recall = sync_round.Desk._recall  # noqa: SLF001

    def anew(self: sync_round.Desk, command_id: str) -> Any:
        known = self.batch.entry(command_id)
        if known is not None and known.receipt is not None:
            _again(self.batch, known)
        return recall(self, command_id)

    put(sync_round.Desk, "_recall", anew)


def turns_away_at_first() -> None:
    """Not a bug: it is busy when it first sees one command in five, and takes it when it comes again."""
    receive, seen = Batch.receive, set[str]()

    def busy(self: Batch, admitted: Admitted, **how: Any) -> None:
        command = admitted.command
        if command.device != OFFICE and (command.seq or 0) % 5 == 0 and command.id not in seen:
            seen.add(command.id)
            raise Refused(Code.BUSY, "come again")
        receive(self, admitted, **how)

    put(Batch, "receive", busy)


# -- units of work


def answers_before_commit() -> None:
    """It answers at once and commits a moment later, together with what came meanwhile."""
    running: dict[Any, tuple[ExitStack, Tx]] = {}

    def commit(life: Any) -> None:
        stack, _ = running.pop(life)
        stack.close()

    def transact(self: Store, work_off: Callable[[Tx, Any], None]) -> None:
        life = OWNER.get()
        if life not in running:
            stack = ExitStack()
            running[life] = stack, stack.enter_context(self.transaction())
            asyncio.get_running_loop().call_later(COMMITS_AFTER_S, commit, life)
        _, tx = running[life]
        tx.apart(lambda: work_off(tx, tx.apart))

    put(Store, "_transact", transact)


def half_units() -> None:
    """Records are committed first, then what says whose effect they are."""
    put_records = Records.put_records

    def committed(self: Tx, tenant: str, writes: Any) -> None:
        put_records(self, tenant, writes)
        raw: Any = self._connection.connection.driver_connection
        raw.execute("COMMIT").close()
        raw.execute("BEGIN IMMEDIATE").close()

    put(Records, "put_records", committed)


def disk_not_waited_for() -> None:
    """It does not wait for the disk at every commit."""

    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    put(store, "_prepare_sqlite", prepare)


def poison_stops_the_batch() -> None:
    """After a command that is refused, the rest of the batch is refused with it."""
    settle = Decided.settle

    def with_it(self: Decided, entry: Entry, ruling: Ruling, versions: Any = None) -> None:
        bad = any(each.ruling.outcome is Outcome.REJECTED for each in self.settled.values())
        if bad and entry.command.device != OFFICE:
            ruling, versions = rejected(Reason.DEPENDENCY_FAILED, "a command before it was refused"), None
        settle(self, entry, ruling, versions)

    put(Decided, "settle", with_it)


def decided_conflicts_release_nobody() -> None:
    """Who waits for a decision over a conflict is not found when it comes."""
    write = Decided.write

    def quietly(self: Decided, records: Iterable[Record]) -> None:
        listed = list(records)
        write(self, listed)
        self.arrived -= {id_of(record.ref) for record in listed if record.kind == "conflict"}

    put(Decided, "write", quietly)


# -- what it says


def receipts_for_anything() -> None:
    """Its receipts name a command, and not the bytes of it."""
    _spoil_receipts(lambda told: {"envelope_hash": sha256_hex(told["command"].encode())})


def refuses_without_a_word() -> None:
    """What it refuses it gives no reason for."""
    _spoil_receipts(lambda told: {"detail": ""} if told["outcome"] == Outcome.REJECTED else {})


def _spoil_receipts(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    receipt_of = vars(writing)["_receipt"]

    def spoilt(*arguments: Any) -> bytes:
        told = json.loads(receipt_of(*arguments))
        return json.dumps({**told, **change(told)}).encode()

    put(writing, "_receipt", spoilt)


def reads_what_it_does_not_know() -> None:
    """A version that it does not know it reads as the one that it knows."""
    draft_of = vars(known)["draft_of"]
    put(known, "draft_of", lambda command: draft_of(command.model_copy(update={"schema_version": 1})))
    put(settling, "with_external", lambda verdict, _facts: verdict)


def cursor_skips() -> None:
    """The last change of a page that holds several is counted as delivered, and is not in it."""
    feed = Records.feed

    def shorter(self: Tx, *arguments: Any) -> Page:
        page: Page = feed(self, *arguments)
        return replace(page, records=page.records[:-1]) if len(page.records) > 1 else page

    put(Records, "feed", shorter)


# -- the audit


def audit_drops_links() -> None:
    """Of several links at once the last is not written."""
    add_audit = Audit.add_audit

    def fewer(self: Tx, tenant: str, links: Any) -> None:
        listed = list(links)
        add_audit(self, tenant, listed[:-1] if len(listed) > 1 else listed)

    put(Audit, "add_audit", fewer)


def audit_is_edited() -> None:
    """Somebody has their name taken out of the tenth link."""

    def edited(self: Tx, tenant: str) -> None:
        tenth = (AUDIT.c.tenant == tenant, AUDIT.c.position == 10)
        if row := self._one(AUDIT.select().where(*tenth)):
            self._do(AUDIT.update().where(*tenth).values(body=row.body.replace("root", "nobody")))

    _after_each_unit(edited)


def audit_is_written_anew() -> None:
    """Somebody has their name taken out of it, and every hash made to fit; the heads of before are forgotten."""

    def anew(self: Tx, tenant: str) -> None:
        prev = "0" * 64
        for position, _, _, body in list(self.audit(tenant)):
            text = body.replace("root", "nobody")
            values = {"prev": prev, "hash": (prev := link_hash(prev, text)), "body": text}
            self._do(AUDIT.update().where(AUDIT.c.tenant == tenant, AUDIT.c.position == position).values(**values))
        head = self.head(tenant)
        self.set_head(tenant, TenantHead(head.change_seq, head.audit_position, prev))

    _after_each_unit(anew)
    put(sync_round, "shown", lambda *_: None)


def _after_each_unit(meddle: Callable[[Tx, str], None]) -> None:
    flush = Batch.flush

    def flushed(self: Batch) -> None:
        flush(self)
        meddle(self._known.tx, self._known.tenant)

    put(Batch, "flush", flushed)


# -- what was taken back, what other systems did, what was before a restore


def withdrawals_ignored() -> None:
    """It takes statements in, and never looks at them."""
    put(known.Known, "withdrawn", lambda *_: False)


def sends_again_unseen() -> None:
    """Whatever became of an order, it is sent once more: nobody looks it up."""
    put(worker, "first", lambda _row, _began: Send())


def orders_fall_through() -> None:
    """Every third order takes effect here, and is never put where it would be sent from."""
    add, count = Tx.add_outgoing, itertools.count()

    def leaky(self: Tx, entry: Any) -> None:
        if next(count) % 3:
            add(self, entry)

    put(Tx, "add_outgoing", leaky)


def orders_one_more() -> None:
    """It orders one more than was asked for."""
    external = part_ordered.PartOrdered.external

    def generous(self: Any, command: Command) -> Any:
        return {**external(self, command), "quantity": self.quantity + 1}

    put(part_ordered.PartOrdered, "external", generous)


def histories_unread() -> None:
    """It does not compare what a laptop has seen with what it holds."""
    put(sync_round, "shown", lambda *_: None)
    put(sync_round, "refuse_if_another", lambda *_: None)


def forgets_what_waits() -> None:
    """Age alone decides what a purge removes, settled or not."""
    purge = Ledger.purge

    def older(self: Tx, tenant: str, before: datetime) -> int:
        held = select(LEDGER.c.id).where(LEDGER.c.tenant == tenant, LEDGER.c.hold.is_not(None))
        waits = [row.id for row in self._all(held)]
        self._do(delete(LEDGER).where(LEDGER.c.tenant == tenant, LEDGER.c.id.in_(waits)))
        return int(purge(self, tenant, before)) + len(waits)

    put(Ledger, "purge", older)
