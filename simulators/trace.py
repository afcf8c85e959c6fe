"""What happened in a world, in order: a hash of all of it, and on request the lines themselves.

Two runs are the same if their traces are: bytes sent, commits, outcomes and every fault go in, each with its virtual
time. Nothing that differs between two runs of one seed may (addresses, real time, bytes of encrypted files).
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from hashlib import blake2b

#: What is kept with its time: a request.
TIMED = frozenset({"asks"})


class Trace:
    """The running hash of one world."""

    def __init__(self, now_s: Callable[[], float], *, keep: bool = False) -> None:
        """`now_s` is virtual time; with `keep`, the lines are kept for a reader."""
        self._now_s, self._keep = now_s, keep
        self._hash = blake2b(digest_size=16)
        self.lines: list[str] = []
        #: How often who did what: by host, and by the first word of the line.
        self.counts: Counter[tuple[str, str]] = Counter()
        #: Told of every line: when (seconds), who, what. They may look, and touch nothing.
        self.listeners: list[Callable[[float, str, str], None]] = []
        #: When who did what, in seconds: of the words in `TIMED` alone.
        self.times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def note(self, who: str, what: str, *parts: bytes) -> None:
        """One thing that happened; `parts` are hashed, and only their length is kept."""
        line, word = f"{self._now_s():14.6f} {who:10} {what}", what.partition(" ")[0]
        self._hash.update(line.encode())
        self.counts[who, word] += 1
        if word in TIMED:
            self.times[who, word].append(self._now_s())
        for part in parts:
            self._hash.update(b"%d:" % len(part))
            self._hash.update(part)
        if self._keep:
            self.lines.append(f"{line} ({sum(map(len, parts))} bytes)" if parts else line)
        for listener in self.listeners:
            listener(self._now_s(), who, what)

    def digest(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()
