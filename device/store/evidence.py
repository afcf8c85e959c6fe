"""The chain of what was decided and done (`device.core.evidence`), and what conversations, consents rest on it.

Rows are added, never changed; old ones go only together with the signed word that they went.
"""

from collections.abc import Sequence

from device.core.evidence import Entry, Said, linked
from device.store.values import Values
from shared.evidence import NOTHING, Blind
from shared.routing import DataClass, Decision, highest

TABLES = (
    # One entry of the chain; `at`, `body` and `told` are the text that was hashed.
    (
        "CREATE TABLE evidence (number INTEGER NOT NULL PRIMARY KEY, prev VARCHAR NOT NULL, hash VARCHAR NOT NULL,"
        " at VARCHAR NOT NULL, kind VARCHAR NOT NULL, body VARCHAR NOT NULL, told VARCHAR NOT NULL DEFAULT '')"
    ),
    # The highest class that was ever in a conversation.
    "CREATE TABLE conversation (name VARCHAR NOT NULL PRIMARY KEY, data_class VARCHAR NOT NULL)",
    # A consent of this laptop's person: its envelope in wire form, and how many tasks left under it.
    "CREATE TABLE consent (id VARCHAR NOT NULL PRIMARY KEY, envelope VARCHAR NOT NULL, used INTEGER NOT NULL)",
    # A consent that was taken back: the envelope that says so.
    "CREATE TABLE consent_revocation (id VARCHAR NOT NULL PRIMARY KEY, envelope VARCHAR NOT NULL)",
)
#: The place of the last revocation that the server has heard of.
_TOLD = "revocations_told"
_COLUMNS = "number, prev, hash, at, kind, body, told"
_LAST = "SELECT number, hash FROM evidence ORDER BY number DESC LIMIT 1"
_RAISE = "INSERT INTO conversation VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data_class = excluded.data_class"


class EvidenceLog(Values):
    """The chain, conversations' classes, and consents."""

    def add_evidence(self, at: str, said: Said, blind: Blind, *, base: tuple[int, str] = (0, NOTHING)) -> Entry:
        """Add an entry behind the last one, or behind `base` if none is kept."""
        with self.transaction():
            found = self._rows(_LAST)
            number, prev = found[0] if found else base
            entry = linked(number + 1, prev, said, at, blind)
            values = (entry.number, entry.prev, entry.hash, entry.at, entry.kind, entry.body, entry.told)
            self._write(f"INSERT INTO evidence ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
        return entry

    def evidence(self, after: int = 0, most: int = -1) -> list[Entry]:
        """The entries behind number `after` that are kept, in the order of their numbers; at most so many."""
        query = f"SELECT {_COLUMNS} FROM evidence WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608
        return [Entry(*row) for row in self._rows(query, (after, most))]

    def evidence_hash(self, number: int) -> str | None:
        """The hash of one entry; None if it is not kept."""
        found = self._rows("SELECT hash FROM evidence WHERE number = ?", (number,))
        return str(found[0][0]) if found else None

    def told_range(self) -> tuple[tuple[int, str] | None, int | None]:
        """Of the entries that may be told: the first one's number and what it follows, and the last one's number."""
        first = self._rows("SELECT number, prev FROM evidence WHERE told <> '' ORDER BY number LIMIT 1")
        if not first:
            return None, None
        return (int(first[0][0]), str(first[0][1])), int(self._rows(_LAST)[0][0])

    def old_decisions(self) -> list[str]:
        """The bodies of decisions from before the chain, oldest first."""
        return [str(row[0]) for row in self._rows("SELECT body FROM decision ORDER BY position")]

    def last_evidence_before(self, at: str) -> tuple[int, str] | None:
        """Number and hash of the last entry of the unbroken run of entries older than `at`; None if there is none."""
        newer = "SELECT coalesce(min(number), 9223372036854775807) FROM evidence WHERE at >= ?"
        found = self._rows(
            f"SELECT number, hash FROM evidence WHERE number < ({newer}) ORDER BY number DESC LIMIT 1",  # noqa: S608
            (at,),
        )
        return (int(found[0][0]), str(found[0][1])) if found else None

    def forget_evidence(self, number: int) -> None:
        """Drop the entries up to `number`, and with the first of all the decisions from before the chain."""
        with self.transaction():
            before = self._rows("SELECT 1 FROM evidence WHERE number <= ? AND kind = 'before'", (number,))
            self._write("DELETE FROM evidence WHERE number <= ?", (number,))
            if before:
                self._write("DELETE FROM decision", ())

    def decisions(self) -> list[Decision]:
        """Every recorded route decision, oldest first; those of programs before version 1 are left where they are."""
        old = self._rows("SELECT body FROM decision WHERE body ->> 'version' = 1 ORDER BY position")
        new = self._rows("SELECT body FROM evidence WHERE kind = 'decision' ORDER BY number")
        return [Decision.model_validate_json(row[0]) for row in (*old, *new)]

    def latest_decisions(self, most: int) -> list[Decision]:
        """The newest decisions of the chain, newest first; at most so many."""
        query = "SELECT body FROM evidence WHERE kind = 'decision' ORDER BY number DESC LIMIT ?"
        return [Decision.model_validate_json(row[0]) for row in self._rows(query, (most,))]

    def evidence_count(self) -> int:
        """How many entries are kept."""
        return int(self._rows("SELECT count(*) FROM evidence")[0][0])

    def decision(self, decision: str) -> Decision | None:
        """The recorded decision of that hash, or of the only one that begins so; None if there is none."""
        query = "SELECT body FROM evidence WHERE kind = 'decision' AND body ->> 'hash' LIKE ? || '%' LIMIT 2"
        found = self._rows(query, (decision,)) if decision.isalnum() else []
        return Decision.model_validate_json(found[0][0]) if len(found) == 1 else None

    def attempts(self, decision: str) -> list[tuple[str, str]]:
        """When and what of every try of the task that this decision was about, in order; `what` is JSON."""
        tasks = "SELECT body ->> 'task' FROM evidence WHERE kind = 'attempt' AND body ->> 'decision' = ?"
        query = (
            f"SELECT at, body FROM evidence WHERE kind = 'attempt' AND body ->> 'task' IN ({tasks}) ORDER BY number"  # noqa: S608
        )
        return [(str(at), str(body)) for at, body in self._rows(query, (decision,))]

    # -- conversations

    def conversation_class(self, name: str) -> DataClass:
        """The highest class that was ever in the conversation; public if nothing was."""
        found = self._rows("SELECT data_class FROM conversation WHERE name = ?", (name,))
        return DataClass(found[0][0]) if found else DataClass.PUBLIC

    def raise_conversation(self, name: str, data_class: DataClass) -> None:
        """The class was in the conversation; a lower one changes nothing."""
        with self.transaction():
            self._write(_RAISE, (name, highest(self.conversation_class(name), data_class).value))

    # -- consents

    def add_consent(self, consent: str, envelope: str) -> None:
        """Keep a consent."""
        self._write("INSERT INTO consent (id, envelope, used) VALUES (?, ?, 0)", (consent, envelope))

    def consents(self) -> list[tuple[str, str, int]]:
        """Id, envelope and uses of every consent, oldest first."""
        return [tuple(row) for row in self._rows("SELECT id, envelope, used FROM consent ORDER BY rowid")]

    def use_consents(self, ids: Sequence[str]) -> None:
        """A task leaves under each of these."""
        self._write_all("UPDATE consent SET used = used + 1 WHERE id = ?", [(each,) for each in ids])

    def add_revocation(self, consent: str, envelope: str) -> None:
        """Keep that a consent was taken back."""
        self._write("INSERT INTO consent_revocation (id, envelope) VALUES (?, ?)", (consent, envelope))

    def untold_revocations(self, most: int) -> tuple[int, list[str]]:
        """The oldest envelopes of what was taken back that the server has not heard of, and the place of the last."""
        told = int(self.meta(_TOLD) or 0)
        rows = self._rows(
            "SELECT rowid, envelope FROM consent_revocation WHERE rowid > ? ORDER BY rowid LIMIT ?", (told, most)
        )
        return (int(rows[-1][0]) if rows else told), [str(row[1]) for row in rows]

    def told_revocations(self, place: int) -> None:
        """The server has heard of everything that was taken back up to `place`."""
        if place > int(self.meta(_TOLD) or 0):
            self.set_meta(_TOLD, str(place))

    def revocations_told(self) -> frozenset[str]:
        """The consents of which the server has heard that they are taken back."""
        told = int(self.meta(_TOLD) or 0)
        return frozenset(
            str(row[0]) for row in self._rows("SELECT id FROM consent_revocation WHERE rowid <= ?", (told,))
        )

    def revocations(self) -> list[str]:
        """The envelopes of what was taken back, oldest first."""
        return [str(row[0]) for row in self._rows("SELECT envelope FROM consent_revocation ORDER BY rowid")]
