"""The durable queue of commands: what stands in it, what may be sent, and what has become of it.

Rules
1. A settled command stays settled. Only a new life of the server's database puts it in doubt again, and then its
   earlier outcome is kept beside until the new one is known to be the same.
2. `SENT` is written before the first byte leaves; what is asked about again, unknown or held, has no older hold.
3. Nothing unsettled is ever dropped. What is pruned was settled long ago, lies before everything that is not, and
   leaves the end of its chain behind.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from device.core.bounds import Kept
from device.core.session import Queue
from device.errors import StoreError
from device.store.base import Bound
from device.store.items import (
    COLUMNS,
    EFFECTIVE_THERE,
    LISTED,
    Issue,
    Item,
    Lost,
    Outgoing,
    State,
    item_of,
    outgoing_of,
)
from device.store.journal import MOVE_SAID, JournalEntry
from device.store.proofs import Proofs
from device.store.replica import Replica
from shared.commands.base import Command, read_command
from shared.contract import instant_text
from shared.envelope import COMMAND_TYPE, Envelope
from shared.outcomes import EFFECTIVE, Hold, Reason, Receipt
from shared.problems import Code, Problem
from shared.receipts import Proof
from shared.records import ConflictStatus, Record
from shared.sync import read_cursor
from shared.values import value

#: Of what cannot be read there, the same bytes will never be taken: the chain goes on in a new epoch without them.
UNREADABLE = (Code.MALFORMED, Code.TOO_LARGE)

_UNSETTLED = "state IN ('saved', 'sent', 'held', 'turned')"
_ANY = "('saved', 'sent', 'held', 'turned', 'settled', 'lost')"
#: The hot path, in SQL for the driver. A command is found by its id with the states that it may be in: the index
#: begins with the state.
_LAST_BEFORE = "SELECT position, epoch, seq, hash FROM outbox WHERE position <= ? ORDER BY position DESC LIMIT 1"
_HASH_AT = "SELECT hash FROM outbox WHERE position = ? AND epoch = ? AND seq = ?"
_POSITION_MAX = 2**63 - 1
#: Each state apart, in the order of `Queue`: so each is read from an index that holds all of it.
_QUEUE = """
    SELECT 0, position, id FROM outbox WHERE state = 'sent'
    UNION ALL SELECT 1, position, id FROM outbox WHERE state = 'saved'
    UNION ALL SELECT 2, position, id FROM outbox WHERE state = 'held'
    UNION ALL SELECT 3, position, id FROM outbox
    WHERE state = 'turned' AND json_extract(problem, '$.code') NOT IN ('malformed', 'too_large')"""
_ITEMS = f"SELECT {', '.join(COLUMNS)} FROM outbox WHERE state IN ({{}}) ORDER BY position LIMIT ?"  # noqa: S608
_OLDEST = f"SELECT payload FROM outbox WHERE {_UNSETTLED} ORDER BY position LIMIT 1"  # noqa: S608
_ASKS_AGAIN = "SELECT 1 FROM outbox WHERE state = 'sent' AND earlier IS NOT NULL LIMIT 1"
_APPEND = """
    INSERT INTO outbox (id, epoch, seq, hash, keyid, payload, signature, summary, state, resolved, priority, bytes,
                        boot, elapsed_s, wall, said)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'saved', 0, ?, ?, ?, ?, ?, ?)"""
_HERE = f"SELECT 1 FROM outbox WHERE state IN {_ANY} AND id = ?"  # noqa: S608 - states of ours
#: Each from the end of its state's part of the index.
_GREATEST = " UNION ALL ".join(f"SELECT max(id) FROM outbox WHERE state = '{state}'" for state in State)  # noqa: S608
_OUTGOING = """
    SELECT id, epoch, seq, summary, keyid, payload, signature, hash, withdrawal, boot, elapsed_s, wall, priority
    FROM outbox
    WHERE state IN ('saved', 'sent', 'held', 'turned', 'settled') AND id IN (SELECT value FROM json_each(?))
    ORDER BY position"""
_SENT = """
    UPDATE outbox SET state = 'sent', hold = NULL, problem = NULL, first_sent_at = coalesce(first_sent_at, :at)
    WHERE state IN ('saved', 'sent', 'held', 'turned') AND id = :named"""
_UNKNOWN = """
    UPDATE outbox SET state = 'saved', hold = NULL, problem = NULL
    WHERE state IN ('saved', 'sent', 'held', 'turned') AND id = :named"""
_HELD = """
    UPDATE outbox SET state = 'held', hold = :why_held, problem = :why
    WHERE state IN ('saved', 'sent', 'held', 'turned') AND id = :named"""
_TURNED = """
    UPDATE outbox SET state = 'turned', hold = NULL, problem = :why
    WHERE state IN ('saved', 'sent', 'held', 'turned') AND id = :named"""
#: Of what waits or was turned away there is little: it is looked for by its state, whatever the epoch's length.
_DUE = """
    UPDATE outbox INDEXED BY ix_outbox_standing SET state = 'sent', hold = NULL, problem = NULL
    WHERE state = 'held' AND +epoch = ? AND +seq <= ? AND id NOT IN (SELECT value FROM json_each(?))"""
_UNREADABLE = """
    SELECT seq FROM outbox INDEXED BY ix_outbox_standing
    WHERE state = 'turned' AND +epoch = ? AND json_extract(problem, '$.code') IN ('malformed', 'too_large')
    ORDER BY seq"""
_SETTLED = """
    UPDATE outbox SET state = 'settled', hold = NULL, problem = NULL, outcome = :outcome, change_seq = :change_seq,
        receipt = :receipt, proof = :proof, incarnation = :incarnation, settled_at = :settled_at, dealt = :dealt,
        earlier = CASE WHEN earlier_outcome = :outcome THEN NULL ELSE earlier END,
        earlier_proof = CASE WHEN earlier_outcome = :outcome THEN NULL ELSE earlier_proof END,
        earlier_outcome = CASE WHEN earlier_outcome = :outcome THEN NULL ELSE earlier_outcome END
    WHERE state IN ('saved', 'sent', 'held', 'turned') AND id = :named"""
_RESOLVED = f"UPDATE outbox SET resolved = :decided WHERE state IN {_ANY} AND id = :named"  # noqa: S608
_WITHDRAWN = f"UPDATE outbox SET withdrawal = :said WHERE state IN {_ANY} AND id = :named"  # noqa: S608
_DEALT = f"UPDATE outbox SET dealt = :how WHERE state IN {_ANY} AND id = :named"  # noqa: S608
_LOST = f"UPDATE outbox SET state = 'lost' WHERE state IN {_ANY} AND id = :named"  # noqa: S608
_PROOF = f"SELECT receipt, proof FROM outbox WHERE state IN {_ANY} AND id = ? AND receipt IS NOT NULL"  # noqa: S608
_WHOLE = """
    SELECT count(*), coalesce(max(seq), :begin), EXISTS (SELECT 1 FROM outbox WHERE state = 'lost')
    FROM outbox WHERE position > :after AND position <= :last"""
_PLACES = "SELECT seq, state FROM outbox WHERE position > :after AND position <= :last ORDER BY position"
_EFFECTIVE = ", ".join(f"'{outcome}'" for outcome in sorted(EFFECTIVE))
_PRUNABLE = f"""
    (outcome IN ({_EFFECTIVE}) OR resolved OR dealt IS NOT NULL)
    AND state = 'settled' AND settled_at < :before AND earlier_outcome IS NULL"""
#: The first that stays: it need not be looked for further than the first that is not to be pruned.
_KEEP_FROM = f"""
    SELECT position FROM outbox WHERE position > :after AND position <= :last
    AND (NOT coalesce({_PRUNABLE}, 0) OR position = :last) ORDER BY position LIMIT 1"""  # noqa: S608
_GONE = "FROM outbox WHERE position > :after AND position < :keep"
#: The view replays these.
_PENDING = f"""
    SELECT position, payload, receipt, earlier FROM outbox
    WHERE state IN ('saved', 'sent', 'held') AND withdrawal IS NULL
    UNION SELECT position, payload, receipt, earlier FROM outbox INDEXED BY ix_outbox_effect
    WHERE {EFFECTIVE_THERE} AND incarnation >= :life AND change_seq > :absorbed
    ORDER BY position"""  # noqa: S608
_BYTES = f"SELECT id, payload, hash FROM outbox WHERE {_UNSETTLED}"  # noqa: S608
_LOST_HERE = "SELECT id, epoch, seq, summary FROM outbox WHERE state = 'lost' ORDER BY position"
_NAMED = f"""
    SELECT {", ".join(COLUMNS)} FROM outbox
    WHERE state IN ('saved', 'sent', 'held', 'turned', 'settled') AND id IN (SELECT value FROM json_each(?))
    ORDER BY position"""  # noqa: S608 - columns of ours
_EXPIRING = f"""
    SELECT payload FROM outbox WHERE {_UNSETTLED} AND withdrawal IS NULL
    AND json_extract(CAST(payload AS TEXT), '$.expires_at') < ? ORDER BY position"""  # noqa: S608
_HOPELESS = """
    SELECT 1 FROM outbox WHERE state = 'turned' AND id = ? AND epoch < ?
    AND json_extract(problem, '$.code') IN ('malformed', 'too_large')"""
_SEEN = "UPDATE outbox SET state = 'sent' WHERE state = 'saved' AND epoch = ? AND seq <= ?"
#: What was settled in an earlier life is in doubt again; what came of it then is kept beside.
_SETTLED_BEFORE = """
    UPDATE outbox SET state = 'sent', earlier = coalesce(earlier, receipt),
        earlier_proof = coalesce(earlier_proof, proof), earlier_outcome = coalesce(earlier_outcome, outcome),
        outcome = NULL, receipt = NULL, proof = NULL, change_seq = NULL, resolved = 0
    WHERE state = 'settled' AND (incarnation IS NULL OR incarnation < ?) AND settled_at >= ?"""
_HELD_BEFORE = "UPDATE outbox SET state = 'sent', hold = NULL, problem = NULL WHERE state = 'held'"
_KEPT = "SELECT count(*), coalesce(sum(bytes), 0) FROM outbox WHERE state IN ('saved', 'sent', 'held', 'turned')"


@value(frozen=True, slots=True)
class Head:
    """The end of the device's chain: the next command's place."""

    epoch: int
    next_seq: int
    prev: str | None


@value(frozen=True, slots=True)
class End:
    """What the next command meets: its place, how much waits already, and the greatest id that is here."""

    head: Head
    kept: Kept
    greatest: str

    def after(self, command: Command, envelope: Envelope) -> "End":
        """The end once `command` is appended."""
        assert command.seq, "a device's command has a place"
        kept = Kept(self.kept.count + 1, self.kept.bytes + len(envelope.payload))
        head = (
            Head(self.head.epoch, command.seq + 1, envelope.hash) if command.epoch == self.head.epoch else self.head
        )
        return End(head, kept, max(self.greatest, command.id))


@value(frozen=True, slots=True)
class _Last:
    """The last command of an epoch. Its epoch's others lie before it, each as far away as its number is smaller."""

    position: int
    epoch: int
    seq: int
    hash: str

    @property
    def before(self) -> int:
        """The position that everything of the epoch lies behind."""
        return self.position - self.seq


Settlement = tuple[Receipt, bytes, Proof]
"""A receipt, its payload as signed, and its proof."""


class Outbox(Replica, Proofs):
    """The queue of commands."""

    _end: tuple[tuple[int, int], End] | None = None

    # -- the chain

    def head(self, epoch: int) -> Head:
        """Where the next command goes in the chain of `epoch`."""
        last = self._last_of(epoch)
        return Head(epoch, last.seq + 1, last.hash) if last else Head(epoch, 1, None)

    def _last_of(self, epoch: int) -> _Last | None:
        """The last command of `epoch`. Only the newest epoch grows, so it is nearly always the last one of all."""
        return next((last for last in self._lasts() if last.epoch == epoch), None)

    def _lasts(self) -> Iterator[_Last]:
        """The last command of each epoch, newest first."""
        end = _POSITION_MAX
        while found := self._rows(_LAST_BEFORE, (end,)):
            last = _Last(*found[0])
            yield last
            end = last.before

    def append(
        self,
        command: Command,
        envelope: Envelope,
        summary: str,
        issue: Issue | None = None,
        priority: str = "normal",
        said: JournalEntry | None = None,
    ) -> None:
        """Put a signed command at the end of the chain. It is saved when the surrounding transaction commits.

        `said` are the words of a confirmation whose last command it is.

        Raises:
            StoreError: a command of that id is here already.
        """
        keyid, signature = envelope.signatures[0]
        row = (
            command.id,
            command.epoch,
            command.seq,
            envelope.hash,
            keyid,
            envelope.payload,
            signature,
            summary,
            str(priority),
            len(envelope.payload),
            issue.boot if issue else None,
            issue.elapsed_s if issue else None,
            instant_text(issue.wall) if issue else None,
            said.to_text() if said else None,
        )
        end = self.end()
        if command.id <= end.greatest and self._rows(_HERE, (command.id,)):
            raise StoreError(f"Command {command.id} is saved here already; nothing was saved a second time.")
        self._write(_APPEND, row)
        if self._end is not None:
            self._end = self._end[0], end.after(command, envelope)

    def end(self) -> End:
        """What the next command meets. It is read once, and then known as things are appended."""
        with self._lock:
            generation = self.generation()
            if self._end is None or self._end[0] != generation:
                with self._joined():
                    self._end = self.generation(), self._read_end()
            return self._end[1]

    def _read_end(self) -> End:
        greatest = max((each for (each,) in self._rows(_GREATEST) if each), default="")
        return End(self.head(self.epoch()), Kept(*self._rows(_KEPT)[0]), greatest)

    def hash_at(self, epoch: int, seq: int) -> str | None:
        """The hash of the envelope at a place of the chain; None if it is not here (any more)."""
        last = self._last_of(epoch)
        found = self._rows(_HASH_AT, (last.before + seq, epoch, seq)) if last else None
        return str(found[0][0]) if found else None

    def missing(self, epoch: int, after: int) -> tuple[int, ...]:
        """The places of `epoch` beyond `after` whose bytes are not here, although something follows them."""
        last = self._last_of(epoch)
        if last is None:
            return ()
        begin = max(after, self._pruned(epoch))
        reach = {"begin": begin, "after": last.before + begin, "last": last.position}
        ((count, end, damaged),) = self._rows(_WHOLE, reach)
        if not damaged and end - begin == count:
            return ()
        rows = self._rows(_PLACES, reach)
        here = [begin, *(seq for seq, _ in rows)]
        gaps = [seq for before, then in pairwise(here) for seq in range(before + 1, then)]
        return tuple(sorted({*gaps, *(seq for seq, state in rows if state == State.LOST)}))

    def unreadable(self, epoch: int) -> tuple[int, ...]:
        """The places of `epoch` that hold what the server cannot read."""
        return tuple(seq for (seq,) in self._rows(_UNREADABLE, (epoch,)))

    def set_damaged_apart(self) -> None:
        """Find unsettled commands whose bytes are not what was signed: they are never sent, and are named."""
        rows = self._rows(_BYTES)
        damaged = [name for name, payload, told in rows if Envelope(COMMAND_TYPE, payload, ()).hash != told]
        if damaged:
            self._each(_LOST, damaged)

    def lost(self) -> tuple[Lost, ...]:
        """The commands whose bytes were damaged here."""
        return tuple(Lost(*row) for row in self._rows(_LOST_HERE))

    # -- looking

    def items(self, *, states: Iterable[State] = LISTED, limit: int = 100_000) -> list[Item]:
        """The outbox in the order of confirmation, only `states`, at most `limit`."""
        named = [str(state) for state in states]
        return _items(self._rows(_ITEMS.format(", ".join("?" * len(named))), (*named, limit)))

    def items_of(self, ids: Sequence[str]) -> list[Item]:
        """The named commands, in the order of confirmation."""
        return _items(self._rows(_NAMED, (json.dumps([*ids]),)))

    def outgoing(self, ids: Sequence[str]) -> list[Outgoing]:
        """The named commands as the network needs them, in the order of the chain."""
        return [outgoing_of(row) for row in self._rows(_OUTGOING, (json.dumps(ids),))]

    def queue(self) -> Queue:
        """The ids that the network could do something about, oldest first."""
        queued: tuple[list[str], ...] = ([], [], [], [])
        for which, _, name in sorted(self._rows(_QUEUE)):
            queued[which].append(name)
        return Queue(*map(tuple, queued))

    def pending(self, replica: Mapping[str, Record]) -> list[tuple[Command, frozenset[str]]]:
        """The commands that the view must replay, oldest first, each with the records that hold its effect already.

        They are the unsettled ones that the server may still take, and those that took effect there at a place in the
        changes feed that the cursor has not reached. Of these some records may be here and others still on the way.
        What its author has taken back is not shown.
        """
        life, absorbed = read_cursor(self.meta("cursor"))
        rows = self._rows(_PENDING, {"life": life, "absorbed": absorbed})
        before = self.of_earlier_life() if any(earlier for *_, earlier in rows) else frozenset()
        return [
            (read_command(payload), _held_already(receipt, replica) | _held_before(earlier, before))
            for _, payload, receipt, earlier in rows
        ]

    def kept(self) -> Kept:
        """How much waits for an outcome."""
        return self.end().kept

    def expiring_before(self, at: datetime) -> list[Command]:
        """The commands without an outcome whose time is over before `at` (UTC), oldest first.

        Those that their author took back are left out.
        """
        return [read_command(payload) for (payload,) in self._rows(_EXPIRING, (at.isoformat(),))]

    def is_hopeless(self, command_id: str) -> bool:
        """Whether the server could not read it and its epoch is closed, so that it will never be sent again."""
        return bool(self._rows(_HOPELESS, (command_id, self.epoch())))

    def oldest_unsettled(self) -> Command | None:
        """The command that has waited longest."""
        found = self._rows(_OLDEST)
        return read_command(found[0][0]) if found else None

    # -- what became of them

    def mark_sent(self, ids: Sequence[str], at: datetime | None = None) -> None:
        """Record, before the first byte leaves, that these are in doubt from now on."""
        if ids:
            self._changes += 1
            sent_at = at.isoformat() if at else None
            self._write_usual(_SENT, State.SAVED, [{"named": each, "at": sent_at} for each in ids])

    def mark_unknown(self, ids: Sequence[str]) -> None:
        """The server never stored these: the same bytes may be sent again."""
        self._each(_UNKNOWN, ids)

    def mark_held(self, command_id: str, hold: Hold, problem: Problem | None) -> None:
        """The server stores it and will settle it later."""
        self._each(_HELD, [command_id], why_held=hold, why=problem and problem.model_dump_json())

    def mark_turned(self, command_id: str, problem: Problem) -> None:
        """The server would not take the envelope now; it stays here, with the reason."""
        self._each(_TURNED, [command_id], why=problem.model_dump_json())

    def mark_settled(self, settled: Collection[Settlement]) -> None:
        """Final words, with the bytes that prove them."""
        if settled:
            self._changes += 1
            with self.transaction():
                proofs = self._kept_proofs([proof for *_, proof in settled])
                rows = [_settlement(told, raw, kept) for (told, raw, _), kept in zip(settled, proofs, strict=True)]
                self._write_usual(_SETTLED, State.SENT, rows)

    def proof(self, command_id: str) -> tuple[bytes, Proof] | None:
        """The receipt of a settled command, as it was signed, and what proves it; None if it is not settled."""
        found = self._rows(_PROOF, (command_id,))
        return (found[0][0], self._proof(found[0][1])) if found else None

    def mark_due(self, epoch: int, through: int, told: Iterable[str] = ()) -> None:
        """The server says that all of `epoch` up to `through` is settled: ask what became of what is held so far.

        `told` are held by what it said in the same breath.
        """
        self._write(_DUE, (epoch, through, json.dumps(list(told))))

    def doubt(self, epoch: int, through: int) -> None:
        """The server has seen more of `epoch` than this outbox remembers: what was not sent may have been."""
        self._changes += 1
        self._write(_SEEN, (epoch, through))

    def doubt_life(self, incarnation: int, since: datetime) -> None:
        """The server's database was restored: ask again about all it held, and all it settled from `since` on."""
        self._changes += 1
        self._write(_SETTLED_BEFORE, (incarnation, since.isoformat()))
        self._write(_HELD_BEFORE, ())

    def asks_about_earlier_life(self) -> bool:
        """Whether anything that was settled before the server was restored is in doubt again."""
        return bool(self._rows(_ASKS_AGAIN))

    def absorb_page(self, records: Collection[Mapping[str, Any]], cursor: str, **how: Any) -> None:
        """As `Replica.absorb_page`; whether a conflict has been decided (which can be undone) is noted here too."""
        with self.transaction():
            super().absorb_page(records, cursor, **how)
            conflicts = [record for record in records if record["ref"].startswith("conflict/")]
            here = self.versions_of([record["ref"] for record in conflicts]) if conflicts else {}
            for record in conflicts:
                if record["version"] == here.get(record["ref"]):
                    decided = record["fields"]["status"] == ConflictStatus.RESOLVED
                    self._each(_RESOLVED, [record["fields"]["command"]], decided=decided)

    # -- what their author does about them

    def withdraw(self, command_id: str, statement: Envelope) -> None:
        """Keep the author's signed statement beside a command that was not sent yet."""
        said = statement.to_wire().model_dump_json()
        self._each(_WITHDRAWN, [command_id], said=said)

    def restore(self, command_id: str) -> None:
        """Forget the statement with which a command was taken back that was not sent yet: nobody has seen it."""
        self._each(_WITHDRAWN, [command_id], said=None)

    def deal_with(self, command_id: str, how: str | None) -> None:
        """Note what the author did about a command that came back; None if nothing after all."""
        self._each(_DEALT, [command_id], how=how)

    def prune(self, before: datetime) -> int:
        """Drop what was settled before that and needs nobody's look, from the beginning of each epoch; how many."""
        dropped = 0
        with self.transaction():
            for last in list(self._lasts()):
                reach = {"after": last.before, "last": last.position, "before": before.isoformat()}
                ((keep,),) = self._rows(_KEEP_FROM, reach)
                dropped += self._drop_before(last, keep)
            if dropped:
                self._forget_roots()
        return dropped

    def _drop_before(self, last: _Last, keep: int) -> int:
        """Drop what lies before `keep` in the epoch of `last`; what was said about it goes on in the journal."""
        gone = {"after": last.before, "keep": keep}
        seq = self._rows(f"SELECT max(seq) {_GONE}", gone)[0][0]
        if seq is None:
            return 0
        self.set_meta(f"pruned:{last.epoch}", str(seq))
        self._write(MOVE_SAID.format(_GONE), gone)
        return self._write(f"DELETE {_GONE}", gone)

    def _pruned(self, epoch: int) -> int:
        return int(self.meta(f"pruned:{epoch}") or 0)

    def _write_usual(self, statement: str, usual: State, each: Sequence[Bound]) -> None:
        """The statement, once for each, looking first where they `usual`ly stand: in one state, and not in four."""
        with self.transaction():
            if self._write_all(statement.replace(_UNSETTLED, f"state = '{usual}'"), each) < len(each):
                self._write_all(statement, each)

    def _each(self, statement: str, ids: Sequence[str], **values: object) -> None:
        if ids:
            self._changes += 1
            self._write_all(statement, [{"named": each, **values} for each in ids])


def _items(rows: Iterable[Sequence[Any]]) -> list[Item]:
    return [item_of(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def _settlement(receipt: Receipt, payload: bytes, proof: str) -> dict[str, object]:
    return {
        "named": receipt.command,
        "outcome": receipt.outcome.value,
        "change_seq": receipt.change_seq,
        "receipt": payload,
        "proof": proof,
        "incarnation": receipt.incarnation,
        "settled_at": receipt.settled_at.isoformat(),
        "dealt": "withdrawn" if receipt.reason is Reason.WITHDRAWN else None,
    }


def _held_already(receipt: bytes | None, replica: Mapping[str, Record]) -> frozenset[str]:
    if receipt is None:
        return frozenset()
    versions = Receipt.model_validate_json(receipt).versions
    return frozenset(ref for ref, version in versions.items() if ref in replica and replica[ref].version >= version)


def _held_before(earlier: bytes | None, replica: frozenset[str]) -> frozenset[str]:
    """The records copied in the server's earlier life, in which the command had taken effect already."""
    return replica & Receipt.model_validate_json(earlier).versions.keys() if earlier else frozenset()
