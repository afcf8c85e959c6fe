"""Where a command stands in its device's chain.

Rules
1. An epoch's chain is contiguous: the next number, with the hash of the envelope before. Only the server opens an
   epoch; older ones may still be extended by what was confirmed in them.
2. A number beyond the next is early: it waits for the gap to close, unless the device said that what is missing is
   lost; then a person looks at it.
3. A second envelope at a used number, or the right number with another history, is a fork.
4. A used number whose command is no longer in the ledger was settled and purged. Heads are never purged.
"""

from dataclasses import dataclass

from shared.commands.base import Command
from shared.values import value
from sync_server.store import Epoch


@value(frozen=True, slots=True)
class Taken:
    """It extends the chain; `epoch` is the chain's new end."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Early:
    """It comes before its turn; `expected` is the number that is missing."""

    expected: int


@dataclass(frozen=True, slots=True)
class Adrift:
    """What came before it is lost, as the device itself says."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Another envelope holds this place, or this one has another history."""


Place = Taken | Early | Adrift | Fork


def place_of(command: Command, envelope_hash: str, epoch: Epoch | None) -> Place:
    """The place of a device's command in `epoch`, which is the one it names; None if that was never opened."""
    assert command.seq is not None, "a device command has a place"
    if epoch is None:
        return Fork()
    expected = epoch.head_seq + 1
    if command.seq == expected and command.prev == epoch.head_hash:
        return Taken(epoch.at(expected, envelope_hash))
    if command.seq > expected:
        return Early(expected) if epoch.missing is None else Adrift()
    return Fork()
