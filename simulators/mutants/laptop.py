"""Bugs of the laptop, and laptops that lie."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlcipher3 import dbapi2

from device import store, workbench
from device.core import belief, session
from device.core.interpret import Proposal
from device.core.session import Queue, Session
from device.errors import StoreError
from device.store import DeviceStore, Outgoing
from device.store.outbox import Head, Outbox
from device.store.replica import Replica
from device.workbench import Workbench
from reconciliation.compose import Author
from shared.envelope import COMMAND_TYPE, Envelope, seal
from shared.problems import Problem
from shared.receipts import read_receipt
from simulators.mutants.base import put

# -- what is saved


def waiting_is_discarded() -> None:
    """What still waits when the laptop goes online again is too old, and thrown away."""
    go = Workbench.go

    def forget(self: Workbench, *, online: bool) -> None:
        if online:
            with self._store.transaction():
                self._store._write("DELETE FROM outbox WHERE state = 'saved'", ())  # noqa: SLF001
        go(self, online=online)

    put(Workbench, "go", forget)


def disk_not_waited_for() -> None:
    """It does not wait for the disk at every commit."""

    def connect(path: Any, key: bytes) -> Any:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        for pragma in (f"key = \"x'{key.hex()}'\"", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    put(store, "connect", connect)


def saved_before_the_commit() -> None:
    """The screen says that it is saved, whatever the disk says."""
    confirm = Workbench.confirm

    def hopeful(self: Workbench, proposals: Sequence[Proposal], **how: Any) -> Any:
        try:
            return confirm(self, proposals, **how)
        except StoreError:
            return tuple(SimpleNamespace(id=self._ports.new_id()) for _ in proposals)

    put(Workbench, "confirm", hopeful)


def full_disk_drops_the_oldest() -> None:
    """After the disk was full, it makes room by dropping what has waited longest."""
    confirm = Workbench.confirm

    def makes_room(self: Workbench, proposals: Sequence[Proposal], **how: Any) -> Any:
        try:
            done = confirm(self, proposals, **how)
        except StoreError:
            vars(self)["short"] = True
            raise
        if vars(self).pop("short", False):
            oldest = "SELECT min(position) FROM outbox WHERE state = 'saved'"
            self._store._write(f"DELETE FROM outbox WHERE position = ({oldest})", ())  # noqa: S608, SLF001
        return done

    put(Workbench, "confirm", makes_room)


def refused_by_the_disk_and_kept() -> None:
    """What the disk did not take is tried again by itself with what comes next, though its author was told no."""
    confirm = Workbench.confirm

    def stubborn(self: Workbench, proposals: Sequence[Proposal], **how: Any) -> Any:
        kept = vars(self).setdefault("kept", [])
        try:
            done = confirm(self, [*kept, *proposals], **how)
        except StoreError:
            kept[:] = proposals
            raise
        kept.clear()
        return done[-len(proposals) :]

    put(Workbench, "confirm", stubborn)


# -- who gives it


def forged_signatures() -> None:
    """It signs commands with nothing, and everything else as it should: a round that is refused shows nothing."""

    def forged(kind: str, payload: bytes, *keys: Any) -> Envelope:
        signed = seal(kind, payload, *keys)
        return Envelope(kind, payload, ((signed.keyid, bytes(64)),)) if kind == COMMAND_TYPE else signed

    put(workbench, "seal", forged)


def others_names() -> None:
    """Everybody works in the name of the first."""
    _spoil_authors(lambda author: replace(author, actor="tech.1"))


def ids_repeat() -> None:
    """Its fifth command has the same id on every laptop."""

    def numbered(author: Author) -> Author:
        seq = author.chain[1] if author.chain else 0
        return replace(author, id=f"019ab000-0000-7000-8000-{seq:012d}") if seq == 5 else author

    _spoil_authors(numbered)


def _spoil_authors(change: Any) -> None:
    author_of = Workbench._author  # noqa: SLF001
    put(Workbench, "_author", lambda self, *how: change(author_of(self, *how)))


def one_place_twice() -> None:
    """It gives its third place to two commands, as a cloned laptop would."""
    head, end = DeviceStore.head, DeviceStore.end

    def forked(self: DeviceStore, epoch: int) -> Head:
        found = head(self, epoch)
        place = "SELECT hash FROM outbox WHERE epoch = ? AND seq = ?"
        if found.next_seq != 4 or len(self.read(place, (epoch, 3))) != 1:
            return found
        ((before,),) = self.read(place, (epoch, 2))
        return Head(epoch, 3, before)

    put(DeviceStore, "head", forked)
    put(DeviceStore, "end", lambda self: replace(end(self), head=self.head(self.epoch())))  # it remembers no end


def from_the_future() -> None:
    """Not a bug: a later program, which signs some commands in a version that is not known here yet."""
    _spoil_some({"schema_version": 9})


def signs_nonsense() -> None:
    """Some of its commands say nothing that their kind could mean: nobody can apply them."""
    _spoil_some({"payload": {}})


def _spoil_some(what: dict[str, Any]) -> None:
    """Sign every second command that sets something with other contents than its author confirmed."""
    count = iter(range(10**9))

    def spoilt(kind: str, payload: bytes, *keys: Any) -> Envelope:
        body = json.loads(payload)
        if body.get("kind") in {"field.updated", "status.changed"} and next(count) % 2:
            payload = json.dumps({**body, **what}).encode()
        return seal(kind, payload, *keys)

    put(workbench, "seal", spoilt)


# -- what is sent


def doubt_is_not_asked_about() -> None:
    """What is in doubt is sent again, without asking what became of it."""
    next_action = Session.next_action

    def eager(self: Session, now: datetime, queue: Queue) -> Any:
        return next_action(self, now, replace(queue, in_doubt=(), saved=(*queue.in_doubt, *queue.saved)))

    put(Session, "next_action", eager)


def newest_first() -> None:
    """It sends what was confirmed last first."""
    outgoing = Outbox.outgoing
    put(Outbox, "outgoing", lambda self, ids: outgoing(self, ids)[::-1])


def never_waits_after_a_failure() -> None:
    """What failed is tried again at once."""
    failed = Session.failed

    def at_once(self: Session, *arguments: Any) -> None:
        failed(self, *arguments)
        self.not_before = None

    put(Session, "failed", at_once)


def asks_all_the_time() -> None:
    """It asks for news every second."""
    put(session, "POLL_EVERY", timedelta(seconds=1))


# -- what comes back


def sent_is_settled() -> None:
    """What was sent is done."""
    mark_sent = Outbox.mark_sent

    def done(self: Outbox, ids: Sequence[str], at: datetime | None = None) -> None:
        mark_sent(self, ids, at)
        self._write_all("UPDATE outbox SET state = 'settled' WHERE id = ?", [(each,) for each in ids])

    put(Outbox, "mark_sent", done)


def turned_away_is_deleted() -> None:
    """What the server would not take now is not wanted."""

    def gone(self: Outbox, command_id: str, _problem: Problem) -> None:
        self._write("DELETE FROM outbox WHERE id = ?", (command_id,))

    put(Outbox, "mark_turned", gone)


def any_receipt_will_do() -> None:
    """A receipt that the server signed is believed, whatever bytes it is for."""

    def believed(answer: Any, _known: dict[str, Outgoing], proofs: Any, _trust: Any) -> Any:
        payload, proof = answer.receipt.encode(), proofs.of(answer.proof)
        return read_receipt(payload, proof, proofs.signed(answer.proof.root)), payload, proof

    put(belief, "_receipt", believed)


def a_change_is_skipped() -> None:
    """The first change of a page that holds several is not written down."""
    absorb_page = Replica.absorb_page

    def fewer(self: Replica, records: Any, cursor: str, **how: Any) -> None:
        absorb_page(self, list(records)[1:] if len(records) > 1 else records, cursor, **how)

    put(Replica, "absorb_page", fewer)
