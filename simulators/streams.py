"""Chance in a simulation: one stream for every domain, all drawn from one seed.

Rules
1. A stream depends on the seed and on its own name and on nothing else: arming one more fault, or drawing once more
   in one domain, moves no other domain's dice. So a schedule can be shrunk one fault at a time.
2. The generator is our own, in counter mode over a hash, so that a seed means the same world under every Python.
3. A stream is a `shared.ports.Randomness`: keys, nonces and ids of a simulated host come out of one.

Not for secrets: whoever knows the seed knows every byte.
"""

from collections.abc import MutableSequence, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_BLOCK = 64
_WORD = 8
_UNIT = 1.0 / (1 << 53)


class Stream:
    """Dice of one domain. Every method moves it on; the same calls on the same stream give the same answers."""

    def __init__(self, seed: int, domain: str) -> None:
        """`seed` from 0 up; `domain` such as ``link/TB-01``."""
        self.domain = domain
        self._key = blake2b(f"{seed}|{domain}".encode(), digest_size=32).digest()
        self._counter, self._block, self._at = 0, b"", 0

    def draw(self, count: int) -> bytes:
        """`count` bytes."""
        if count <= len(self._block) - self._at:
            self._at += count
            return self._block[self._at - count : self._at]
        parts = [self._block[self._at :]]
        while (missing := count - sum(map(len, parts))) > 0:
            self._refill()
            self._at = min(missing, _BLOCK)
            parts.append(self._block[: self._at])
        return b"".join(parts)

    def _refill(self) -> None:
        self._block = blake2b(self._counter.to_bytes(8, "big"), key=self._key, digest_size=_BLOCK).digest()
        self._counter += 1

    def _word(self) -> int:
        return int.from_bytes(self.draw(_WORD), "big")

    def unit(self) -> float:
        """A number in [0, 1)."""
        return (self._word() >> 11) * _UNIT

    def chance(self, probability: float) -> bool:
        """True that often. Draws in any case, so that a probability set to 0 moves nothing else."""
        return self.unit() < probability

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, bound: int) -> int:
        """A whole number in [0, bound), `bound` from 1 up and far below 2⁶⁴."""
        return self._word() * bound >> 64

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, which are not empty."""
        return options[self.below(len(options))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put `items` into another order, in place. Source: Fisher and Yates."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Streams:
    """The streams of one seed, each made when it is first asked for."""

    def __init__(self, seed: int) -> None:
        """`seed` from 0 up."""
        self.seed = seed
        self._made: dict[str, Stream] = {}

    def of(self, domain: str) -> Stream:
        """The stream of a domain; the same object every time."""
        if domain not in self._made:
            self._made[domain] = Stream(self.seed, domain)
        return self._made[domain]

    def apart(self, domain: str) -> Stream:
        """A new stream of a domain, from its beginning: for dice that are thrown in one place and then forgotten."""
        return Stream(self.seed, domain)
