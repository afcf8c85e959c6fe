"""The process that llama.cpp runs in: ``python -m device.model.child``, spoken to by `device.model.process`.

Rules
1. It ends when its input ends, whatever it is doing: it never outlives the program that started it, however that one
   ended.
2. Its output is frames only. What a library prints goes nowhere.
3. Where memory runs out, this process goes first; and of its own it takes no more than it was told to.
4. A stop is heard inside a computation. What was worked out until then is kept.
5. The person goes first: where screen and model want the same processor, the screen gets it (`_give_way`).

Answers are untrusted text; nothing here looks at them.
"""

import codecs
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from device.model.frames import Ask, BadFrame, Done, Load, Message, Piece, Reading, Ready, Refused, Stop, pack, read
from device.model.port import ModelError

if TYPE_CHECKING:
    from device.model.llama import Engine

#: Tokens by which a number of threads is tried.
_TRIAL_TOKENS = 3
#: A tenth of the processor that a screen gets when both want it.
_NICE = 10
Tell = Callable[[Message], None]


class Inbox:
    """What the program says, read on a thread of its own so that a stop is heard in the middle of an answer."""

    def __init__(self, stream: BinaryIO, end: Callable[[], None]) -> None:
        """`end` is called when the program is gone, or says what it never says."""
        self._stream, self._end = stream, end
        self._work: queue.Queue[Load | Ask] = queue.Queue()
        self._lock = threading.Lock()
        self._stopped = self._current = 0
        #: Makes the engine stop.
        self.interrupt: Callable[[], None] = lambda: None
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self) -> Load | Ask:
        """What is to be done next."""
        return self._work.get()

    def wanted(self, number: int, resume: Callable[[], None]) -> bool:
        """Begin question `number`, unless it was stopped before it began."""
        with self._lock:
            self._current = number
            resume()
            return number > self._stopped

    def _listen(self) -> None:
        try:
            while (message := read(self._stream)) is not None:
                match message:
                    case Load() | Ask():
                        self._work.put(message)
                    case Stop(number):
                        self._stop(number)
                    case _:
                        break
        except (BadFrame, OSError):
            pass
        finally:
            self._end()

    def _stop(self, number: int) -> None:
        with self._lock:
            self._stopped = max(self._stopped, number)
            if self._current <= self._stopped:
                self.interrupt()


def serve(inbox: Inbox, tell: Tell, seconds: Callable[[], float]) -> None:
    """Load what is asked for, then answer questions for ever; `seconds` is a monotonic clock."""
    from device.model.llama import Engine  # noqa: PLC0415  # the input is watched first

    load = inbox.take()
    assert isinstance(load, Load), "a file comes before questions"
    _bound_memory(load.memory_bytes)
    try:
        engine = Engine(Path(load.path), load.threads, load.context_tokens)
        inbox.interrupt = engine.interrupt
        tell(Ready(_quickest(engine, load.threads, seconds)))
    except ModelError as error:
        tell(Refused(0, str(error)))
        return
    while True:
        ask = inbox.take()
        if isinstance(ask, Ask):
            _answer(engine, inbox, ask, tell)


def _answer(engine: "Engine", inbox: Inbox, ask: Ask, tell: Tell) -> None:
    from device.model.llama import Interrupted  # noqa: PLC0415  # as above

    if not inbox.wanted(ask.number, engine.resume):
        tell(Done(ask.number, 0, stopped=True))
        return
    tokens = 0
    try:
        for message in _answered(engine, ask):
            tokens += isinstance(message, Piece)
            tell(message)
        tell(Done(ask.number, tokens, stopped=False))
    except Interrupted:
        tell(Done(ask.number, tokens, stopped=True))
    except ModelError as error:
        tell(Refused(ask.number, str(error)))


def _answered(engine: "Engine", ask: Ask) -> Iterator[Message]:
    from device.model.llama import Free, Grammar, write  # noqa: PLC0415  # as above

    rule = Grammar(engine, ask.grammar) if ask.grammar is not None else Free()
    try:
        kept = None
        for held in engine.read(engine.tokens_of(ask.prompt), room=ask.tokens_max):
            kept = held if kept is None else kept
            yield Reading(ask.number, held, kept)
        text = codecs.getincrementaldecoder("utf-8")("replace")
        for piece in write(engine, rule, ask.tokens_max):
            yield Piece(ask.number, text.decode(piece))
    finally:
        rule.close()


def _quickest(engine: "Engine", most: int, seconds: Callable[[], float]) -> int:
    """The number of threads, up to `most`, that a token took the least time with; that many are used from then on.

    Working out one token is mostly waiting for memory: beyond a few, more threads only get into each other's way.
    """
    if most <= 2:
        engine.use(most)
        return most
    tried = {count: _trial_s(engine, count, seconds) for count in sorted({2, most // 2, most})}
    best = min(tried, key=lambda count: (tried[count], count))
    engine.use(best)
    return best


def _trial_s(engine: "Engine", threads: int, seconds: Callable[[], float]) -> float:
    engine.use(threads)
    tokens = engine.tokens_of("One two three four")
    for _ in engine.read(tokens[:1], room=len(tokens)):
        pass
    began = seconds()
    for token in tokens[1 : 1 + _TRIAL_TOKENS]:
        engine.extend([token])
    return seconds() - began


def _bound_memory(own_bytes: int) -> None:
    """No more memory of its own than that; what is only mapped from the model's file does not count."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  # not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = own_bytes if hard == resource.RLIM_INFINITY else min(own_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _go_first() -> None:
    """If the machine runs out of memory, let the kernel take this process. Source: proc(5), oom_score_adj."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _give_way() -> None:
    """Compute when nobody else wants to. This process has a session of its own, so Linux may weigh it as a group.

    Source: sched(7), "The autogroup feature": within a group `nice` says nothing to the processes of another.
    """
    with suppress(AttributeError, OSError):  # not on Windows
        os.nice(_NICE)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE), encoding="ascii")


def _output() -> BinaryIO:
    """Where frames go. From now on everything else that is printed goes nowhere."""
    frames = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return frames


def main() -> None:
    """Serve on standard input and output."""
    from shared.ports import SystemClock  # noqa: PLC0415  # a process of its own builds what it needs

    out = _output()
    inbox = Inbox(sys.stdin.buffer, lambda: os._exit(0))
    _go_first()
    _give_way()

    def tell(message: Message) -> None:
        raw = memoryview(pack(message))
        while raw:
            raw = raw[out.write(raw) or 0 :]

    serve(inbox, tell, SystemClock().monotonic_s)


if __name__ == "__main__":
    main()
