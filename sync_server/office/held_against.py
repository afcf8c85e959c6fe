"""The ledger held against the audit: what became of each command stands there as its link says.

Rules
1. A link names a command, the hash of its bytes, and what became of it; the ledger has the bytes, and the receipt.
2. What was purged is not there any more: the audit itself says before when that was settled.
3. An outcome in the ledger that no link tells was put there by somebody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from shared.contract import to_instant
from shared.envelope import COMMAND_TYPE, Envelope
from shared.outcomes import Receipt
from sync_server.store import KeptOutcome, Tx

#: Commands that are read from the ledger at once.
_AT_ONCE = 500
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Fault(NamedTuple):
    """The link at which the two differ, and how."""

    position: int
    why: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What a link tells of a command."""

    position: int
    at: datetime
    command: str
    hash: str
    outcome: str
    versions: Mapping[str, int]


class HeldAgainst:
    """One walk along an organisation's audit, with a look at its ledger."""

    def __init__(self, tx: Tx, tenant: str) -> None:
        self._tx, self._tenant = tx, tenant
        self._told: list[_Told] = []
        self._here = 0
        self._purged_before = _LONG_AGO
        self._newest_gone: _Told | None = None

    def link(self, position: int, body: str) -> Fault | None:
        """The next link; a difference, if one of those so far shows one."""
        try:
            self._hear(position, from_json(body))
        except (KeyError, TypeError, ValueError):
            return Fault(position, "the link says nothing that can be read")
        return self._compare() if len(self._told) >= _AT_ONCE else None

    def _hear(self, position: int, body: Mapping[str, Any]) -> None:
        if body["act"] == "outcome":
            told = (body["command"], body["hash"], body["outcome"], body["versions"])
            self._told.append(_Told(position, to_instant(body["at"]), *told))
        elif body["act"] == "purged":
            self._purged_before = max(self._purged_before, to_instant(body["before"]))

    def end(self, position: int) -> Fault | None:
        """A difference that only shows when all links were seen; the last one was at `position`."""
        if fault := self._compare():
            return fault
        gone = self._newest_gone
        if gone and gone.at >= self._purged_before:
            return Fault(gone.position, f"command {gone.command} is not in the ledger")
        more = self._tx.settled_count(self._tenant) - self._here
        return Fault(position, f"the ledger holds {more} outcomes that no link tells") if more else None

    def _compare(self) -> Fault | None:
        kept = self._tx.kept_outcomes(self._tenant, [each.command for each in self._told])
        here = {each.command: each for each in kept}
        for told in self._told:
            if told.command not in here:
                self._newest_gone = max(told, self._newest_gone or told, key=lambda each: each.at)
            elif unlike := _unlike(here[told.command], told):
                return Fault(told.position, f"{unlike} of command {told.command} in the ledger is another")
        self._here += len(here)
        self._told.clear()
        return None


def _unlike(here: KeptOutcome, told: _Told) -> str | None:
    """What of a command's row differs from what its link tells; None if nothing does."""
    if (here.hash, Envelope(COMMAND_TYPE, here.payload, ()).hash) != (told.hash, told.hash):
        return "the text"
    if here.outcome != told.outcome:
        return "the outcome"
    try:
        receipt = Receipt.model_validate_json(here.receipt)
    except ValueError:
        return "the receipt"
    said = (receipt.command, receipt.envelope_hash, str(receipt.outcome), receipt.versions, receipt.audit_position)
    meant = (told.command, told.hash, told.outcome, told.versions, told.position)
    return None if said == meant else "the receipt"
