"""Every planted bug: what it is called, who has to find it, and in which worlds."""

from simulators.explore import Campaign
from simulators.mutants import laptop, rules, server
from simulators.mutants.base import Mutant

_CALM = Campaign(first=1, seeds=20, profile="calm", devices=3, commands=16)
_BUSY = Campaign(first=1, seeds=20, profile="calm", devices=3, commands=40)


def forged_and_unchecked() -> None:
    """A laptop that signs with nothing, and a server that does not look."""
    laptop.forged_signatures()
    server.signature_unchecked()


def forked_and_accepted() -> None:
    """A cloned laptop, and a server that takes both."""
    laptop.one_place_twice()
    server.fork_accepted()


MUTANTS: tuple[Mutant, ...] = (
    Mutant("waiting work discarded", "saved-is-saved", laptop.waiting_is_discarded, _CALM),
    Mutant("stock floor ignored", "stock-above-zero", rules.stock_floor_ignored, _BUSY),
    Mutant("signature unchecked", "only-the-enrolled", forged_and_unchecked, _CALM),
    Mutant("base version ignored", "no-silent-overwrite", rules.base_ignored, _BUSY),
    Mutant("fork accepted", "forks-are-seen", forked_and_accepted, _CALM),
    Mutant("cursor skips", "both-sides-agree", server.cursor_skips, _CALM),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
