"""A model in a process of its own: whatever becomes of it, screen and outbox go on.

Rules
1. The process is started with pipes and nothing else of this program: no terminal, no open file, no session.
2. What comes from it is read strictly (`device.model.frames`). A frame that is none, an end in the middle, or a long
   silence is a crash: the process is ended, and the question gets a `Crashed`.
3. One question at a time. A question that is stopped is given up at once; what still comes of it is passed over.

When to start it again is `device.model.keeper`'s business.
"""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO

from device.model.frames import (
    Ask,
    BadFrame,
    Done,
    Load,
    Message,
    Piece,
    Reading,
    Ready,
    Refused,
    Stop,
    pack,
    read,
)
from device.model.port import FORMS_WORK, Generation, ModelError, ModelStopped, Watch
from shared.ports import Clock

#: How long nothing may come while a model is loaded, and while it works out one batch of a prompt or one token.
LOAD_SILENCE_S, SILENCE_S = 300.0, 60.0
COMMAND = (sys.executable, "-P", "-m", "device.model.child")


class Crashed(ModelError):
    """The model's process ended, or said what it never says."""


class _Gone:
    """The process will say nothing more."""


class _Unwanted:
    """Whoever asked stopped the question: a nudge to look at the watch."""


class ModelProcess:
    """One process with one loaded model. Made by `start`."""

    def __init__(self, command: Sequence[str], name: str, clock: Clock, silence_s: float) -> None:
        self._name, self._clock, self._silence_s = name, clock, silence_s
        self._number = 0
        self._writing = threading.Lock()
        self._heard: queue.Queue[Message | _Gone | _Unwanted] = queue.Queue()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt at the terminal is for this program
                bufsize=0,
            )
        except OSError as error:
            raise Crashed(f"The model's process cannot be started ({error.strerror}); {FORMS_WORK}.") from error
        self._listener = threading.Thread(target=self._listen, daemon=True, name="model")
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def load(self, load: Load, silence_s: float = LOAD_SILENCE_S) -> int:
        """Load a file; how many processors are used.

        Raises:
            ModelError: it is damaged, or of a kind that llama.cpp does not know.
            Crashed: llama.cpp took the process down over it.
        """
        self._say(load)
        match self._next(silence_s):
            case Ready(threads):
                return threads
            case Refused(0, sentence):
                self.close()
                raise ModelError(sentence)
            case _Gone():
                raise self._crashed("crashed on it: the file is damaged, or needs more memory than it may have")
            case _:
                raise self._crashed("answered with something else")

    def generate(self, prompt: str, grammar: str | None, tokens_max: int, watch: Watch) -> Generation:
        """Ask. Raises `ModelError` if it cannot be answered, `ModelStopped`, `Crashed`."""
        asked_s = self._clock.monotonic_s()
        self._number += 1
        try:
            raw = pack(Ask(self._number, prompt, grammar, tokens_max))
        except BadFrame as error:
            raise ModelError(f"The text is too long for the model {self._name}; {FORMS_WORK}.") from error
        with watch.stopping(lambda number=self._number: self._stop(number)):  # type: ignore[misc]
            self._send(raw)
            return self._collect(asked_s, watch)

    def close(self) -> None:
        """End the process, if it has not ended. It may be called again."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    # -- inside

    def _collect(self, asked_s: float, watch: Watch) -> Generation:
        text: list[str] = []
        first_s, computed, kept = asked_s, 0, 0
        while True:
            message = self._next(self._silence_s)
            if watch.stopped:
                raise ModelStopped(f"The assistant was stopped; {FORMS_WORK}.")
            match message:
                case Reading(number, held, before) if number == self._number:
                    computed, kept = held - before, before
                case Piece(number, piece) if number == self._number:
                    first_s = first_s if text else self._clock.monotonic_s()
                    text.append(piece)
                    watch.piece(piece)
                case Done(number, tokens, stopped) if number == self._number:
                    if stopped:  # and not by us
                        raise self._crashed("answered with something else")
                    done_s = self._clock.monotonic_s()
                    return Generation("".join(text), tokens, first_s - asked_s, done_s - asked_s, computed, kept)
                case Refused(number, sentence) if number == self._number:
                    raise ModelError(sentence)
                case _Gone():
                    raise self._crashed("stopped working in the middle of an answer")
                case Load() | Ask() | Stop() | Ready():
                    raise self._crashed("answered with something else")
                case _:
                    pass  # of a question that was stopped

    def _next(self, silence_s: float) -> Message | _Gone | _Unwanted:
        try:
            return self._heard.get(timeout=silence_s)
        except queue.Empty:
            raise self._crashed(f"said nothing for {silence_s:.0f} s") from None

    def _crashed(self, what: str) -> Crashed:
        self.close()
        return Crashed(f"The model {self._name} {what}; {FORMS_WORK}.")

    def _stop(self, number: int) -> None:
        self._heard.put(_Unwanted())
        with suppress(Crashed):
            self._say(Stop(number))

    def _say(self, message: Message) -> None:
        self._send(pack(message))

    def _send(self, raw: bytes) -> None:
        assert self._process.stdin is not None, "asked for a pipe"
        try:
            with self._writing:
                _write(self._process.stdin.write, raw)
        except (OSError, ValueError) as error:
            raise self._crashed("stopped working") from error

    def _listen(self) -> None:
        """On a thread of its own: what comes, until it ends."""
        stream: BinaryIO | None = self._process.stdout  # type: ignore[assignment]
        assert stream is not None, "asked for a pipe"
        try:
            while (message := read(stream)) is not None:
                self._heard.put(message)
        except (BadFrame, OSError, ValueError):
            pass
        self._heard.put(_Gone())


def _write(write: Callable[[memoryview], int | None], raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[write(left) or 0 :]


def start(
    load: Load, name: str, clock: Clock, *, command: Sequence[str] = COMMAND, silence_s: float = SILENCE_S
) -> tuple[ModelProcess, int]:
    """A process with the model that `load` names, loaded, and how many processors it uses.

    Raises:
        ModelError: the file cannot be used.
        Crashed: the process could not be started, or died of it.
    """
    process = ModelProcess(command, name, clock, silence_s)
    try:
        threads = process.load(load)
    except BaseException:
        process.close()
        raise
    return process, threads
