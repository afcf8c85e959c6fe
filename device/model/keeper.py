"""Keeps a model ready to answer, whatever becomes of its process.

Rules
1. The model is loaded when the first question comes, and again after its process died: at once the first time, then
   after ever longer (`device.model.endurance`). Nobody waits for that; a question in between gets a sentence.
2. A file that cannot be loaded, and one whose process died too often, gives way to the next model of the list, which
   is smaller; the last one is tried again after a rest. That is said (`Told`), and stays so until the program ends.
3. Where memory is short the model is given back between two questions, and a smaller one is used while there is no
   room for the first.
4. One question at a time; a second caller waits.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from device.model.endurance import Crashes
from device.model.frames import Load
from device.model.grammar import Schema, grammar_of
from device.model.port import FORMS_WORK, Generation, ModelError, Watch
from device.model.process import Crashed, ModelProcess
from device.model.process import start as start_process
from device.model.registry import ModelFile
from device.model.sizing import Room, pressed, room_for
from shared.ports import Clock


class Start(Protocol):
    """Starts a process with a loaded model; `device.model.process.start`."""

    def __call__(self, load: Load, name: str, clock: Clock) -> tuple[ModelProcess, int]:
        """The process, and how many processors it uses. Raises `ModelError`, `Crashed`."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a model: the file that was given up for good, if one was, and a sentence about it."""

    sentence: str
    given_up: ModelFile | None = None


@dataclass(frozen=True)
class Machine:
    """What the keeper asks of the machine: memory that is free, in MiB, and processors."""

    free_mib: Callable[[], int | None] = field(default=lambda: None)
    processors: int = 1


@dataclass
class _Rung:
    """One model of the list."""

    file: ModelFile
    crashes: Crashes = field(default_factory=Crashes)


class Keeper:
    """The `LanguageModel` of this device: the best of a list that works."""

    def __init__(
        self,
        files: Sequence[ModelFile],
        clock: Clock,
        machine: Machine,
        *,
        told: Callable[[Told], None] = lambda _: None,
        start: Start = start_process,
    ) -> None:
        """`files`: the one that is meant first, then what may take its place. `told` hears what changes."""
        assert files, "a device without a model has no keeper"
        self._rungs = [_Rung(file) for file in files]
        self._clock, self._machine, self._told, self._start = clock, machine, told, start
        self._turn = threading.Lock()
        self._process: ModelProcess | None = None
        self._now = self._rungs[0]
        self._closed = False
        self._room = self._room_of(self._now.file)

    @property
    def name(self) -> str:
        """Of the model that answers, or would."""
        return self._now.file.name

    @property
    def sha256(self) -> str:
        """Of the file that was loaded, or would be."""
        return self._now.file.sha256

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""
        return self._room.context_tokens if self._room else 0

    @property
    def pid(self) -> int | None:
        """The process of the loaded model; None while none is loaded."""
        return self._process.pid if self._process else None

    def generate(
        self, prompt: str, schema: Schema | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        """See `LanguageModel.generate`."""
        rules = _rules(schema)
        readable = prompt.encode("utf-8", "replace").decode()
        with self._turn:
            process = self._ready()
            try:
                return process.generate(readable, rules, tokens_max, watch or Watch())
            except Crashed as error:
                self._crashed(self._now, error)
                raise
            finally:
                self._give_back_if_pressed()

    def relieve(self) -> bool:
        """Give the model's memory back if the machine is short of it and nobody is being answered; whether it was."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            return self._give_back_if_pressed()
        finally:
            self._turn.release()

    def close(self) -> None:
        """Give the memory back. The model must not be used afterwards."""
        self._closed = True
        process = self._process
        if process is not None:
            process.close()  # also in the middle of an answer: who asked is told
        with self._turn:
            self._drop()

    # -- inside, while it is our turn

    def _ready(self) -> ModelProcess:
        if self._closed:
            raise ModelError(f"The model {self.name} is not loaded any more; {FORMS_WORK}.")
        if self._process is None:
            self._process = self._begin()
        return self._process

    def _begin(self) -> ModelProcess:
        """A process with the first model of the list that has room and loads. Raises `ModelError`."""
        short: ModelError | None = None
        for rung in list(self._rungs):
            if (room := self._room_of(rung.file)) is None:
                short = short or self._too_large(rung.file)
                continue
            self._now, self._room = rung, room
            wait_s = rung.crashes.wait_s(self._clock.monotonic_s())
            if wait_s > 0:
                raise ModelError(
                    f"The model {rung.file.name} stopped working. It is started again in {max(wait_s, 1):.0f} s; "
                    f"{FORMS_WORK}."
                )
            if (process := self._try(rung, room)) is not None:
                if short is not None:
                    self._told(Told(f"{short} {rung.file.name} answers meanwhile."))
                return process
        assert short is not None, "the last of the list is tried, or has no room"
        raise short

    def _try(self, rung: _Rung, room: Room) -> ModelProcess | None:
        """The process, or None if the next model is to be tried. Raises `ModelError`."""
        load = Load(str(rung.file.path), room.threads, room.context_tokens, room.own_bytes)
        try:
            process, _ = self._start(load, rung.file.name, self._clock)
        except Crashed as error:
            self._crashed(rung, error)
            if rung in self._rungs:
                raise
        except ModelError as error:
            if not self._give_up(rung, str(error)):
                raise
        else:
            return process
        return None

    def _crashed(self, rung: _Rung, error: Crashed) -> None:
        self._drop()
        now_s = self._clock.monotonic_s()
        rung.crashes = rung.crashes.after(now_s)
        if self._closed:
            return
        if rung.crashes.too_many(now_s):
            self._give_up(rung, str(error))

    def _give_up(self, rung: _Rung, why: str) -> bool:
        """Let the next model of the list take over; whether there is one."""
        if rung is self._rungs[-1]:
            return False
        self._rungs = self._rungs[self._rungs.index(rung) + 1 :]
        self._now = self._rungs[0]
        self._room = self._room_of(self._now.file)
        self._told(Told(f"{why} {self._now.file.name} takes its place.", rung.file))
        return True

    def _give_back_if_pressed(self) -> bool:
        if self._process is None or not pressed(self._machine.free_mib()):
            return False
        self._drop()
        self._told(Told(f"Memory is short: the model {self.name} was given back until the next question."))
        return True

    def _drop(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None

    def _room_of(self, file: ModelFile) -> Room | None:
        free_mib = self._machine.free_mib()
        return room_for(file.size_bytes, file.kv_bytes, file.context_tokens, self._machine.processors, free_mib)

    def _too_large(self, file: ModelFile) -> ModelError:
        return ModelError(
            f"There is not enough memory free for the model {file.name} ({self._machine.free_mib():,} MiB). Close "
            f"other programs; {FORMS_WORK}."
        )


def _rules(schema: Any) -> str | None:
    try:
        return grammar_of(schema) if schema is not None else None
    except ValueError as error:
        raise ModelError(f"The model cannot be held to this form of answer ({error}); {FORMS_WORK}.") from error
