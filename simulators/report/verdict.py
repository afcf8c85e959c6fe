"""What a campaign comes to, in one word and the reasons for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.account import Account

PASS, FAIL, INCOMPLETE = "PASS", "FAIL", "INCOMPLETE"
GLYPHS = {PASS: "✔", FAIL: "✘", INCOMPLETE: "◐"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word, and sentences."""

    word: str
    reasons: tuple[str, ...]

    @property
    def glyph(self) -> str:
        """A sign that says the same as the word."""
        return GLYPHS[self.word]


def verdict(account: Account) -> Verdict:
    """Failed if a promise was broken; incomplete if something was not tried; else passed."""
    broken = [each for each in account.promises if each.broken]
    if broken or account.violations:
        told = (f"{each.promise} is broken in {counted(each.broken, 'world')}." for each in broken)
        return Verdict(FAIL, tuple(told))
    if missing := tuple(_missing(account)):
        return Verdict(INCOMPLETE, missing)
    held = f"All {len(account.promises)} promises held in {counted(account.seeds, 'world')}."
    return Verdict(PASS, (held, "Every armed fault happened."))


def _missing(account: Account) -> list[str]:
    found = []
    if account.interrupted:
        found.append(f"It was interrupted after {account.seeds} of {counted(account.seeds_asked, 'world')}.")
    elif account.seeds < account.seeds_asked:
        found.append(f"The time was up after {account.seeds} of {counted(account.seeds_asked, 'world')}.")
    if account.never_happened:
        names = ", ".join(account.never_happened)
        found.append(f"Armed, but never happened, so not tested: {names}. More seeds would.")
    return found


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 world, 2 worlds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted `values` do not exceed; there is at least one value."""
    return values[min(len(values) - 1, max(0, -(-int(share * 1000) * len(values) // 1000) - 1))]
