from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from device.model.endurance import BACK_OFF_S, CRASHES_MAX
from device.model.frames import Load
from device.model.keeper import Keeper, Machine, Told
from device.model.port import Generation, ModelError, Watch
from device.model.process import Crashed, ModelProcess
from device.model.registry import ModelFile
from tests.builders import StillClock

BIG = ModelFile("big-7b", Path("/models/big"), 4 << 30, "b" * 64, 8192, 128 << 10)
SMALL = ModelFile("small", Path("/models/small"), 100 << 20, "a" * 64, 8192, 23040)
CRASH = Crashed("The model stopped working; forms still work.")
BAD = ModelError("The model file is damaged; forms still work.")


@dataclass
class Process:
    """Answers with its name, or fails as the stage says."""

    stage: "Stage"
    name: str
    pid: int = 1
    closed: bool = False

    def generate(self, prompt: str, grammar: str | None, tokens_max: int, watch: Watch) -> Generation:
        assert not self.closed, "it was given back"
        self.stage.asked.append(prompt)
        if self.stage.crashes.get(self.name):
            self.stage.crashes[self.name] -= 1
            raise CRASH
        return Generation(self.name, 1, 0.0, 0.0)

    def close(self) -> None:
        self.closed = True


@dataclass
class Stage:
    """What goes wrong, and what was started, asked and said."""

    clock: StillClock = field(default_factory=StillClock)
    free_mib: int | None = None
    crashes: dict[str, int] = field(default_factory=dict)
    bad: dict[str, ModelError] = field(default_factory=dict)
    started: list[Load] = field(default_factory=list)
    made: list[Process] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def start(self, load: Load, name: str, clock: Any) -> tuple[ModelProcess, int]:
        self.started.append(load)
        if name in self.bad:
            raise self.bad[name]
        self.made.append(Process(self, name))
        return cast("ModelProcess", self.made[-1]), 1

    def keeper(self, *files: ModelFile, processors: int = 4) -> Keeper:
        machine = Machine(lambda: self.free_mib, processors)
        return Keeper(files or (BIG, SMALL), self.clock, machine, told=self.told.append, start=self.start)

    def later(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


def ask(keeper: Keeper) -> str:
    return keeper.generate("Note: x", None, tokens_max=5).text


def refused(work: Callable[[], object], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        work()


def test_nothing_is_loaded_before_somebody_asks_and_then_once() -> None:
    stage = Stage()
    keeper = stage.keeper()
    assert (keeper.name, keeper.sha256, keeper.context_tokens, stage.started) == ("big-7b", "b" * 64, 4096, [])
    assert [ask(keeper), ask(keeper)] == ["big-7b"] * 2
    assert [each.path for each in stage.started] == ["/models/big"]
    assert (stage.started[0].threads, stage.started[0].context_tokens) == (3, 4096)


def test_after_a_crash_the_next_question_is_answered() -> None:
    stage = Stage(crashes={"big-7b": 1})
    keeper = stage.keeper()
    refused(lambda: ask(keeper), "stopped working; forms still work")
    assert stage.made[0].closed
    assert ask(keeper) == "big-7b"
    assert len(stage.made) == 2


def test_after_a_second_crash_nobody_waits_and_a_sentence_says_when() -> None:
    stage = Stage(crashes={"big-7b": 2})
    keeper = stage.keeper()
    for _ in range(2):
        refused(lambda: ask(keeper), "stopped working")
    refused(lambda: ask(keeper), rf"started again in {BACK_OFF_S[1]:.0f} s; forms still work")
    assert len(stage.made) == 2
    stage.later(BACK_OFF_S[1])
    assert ask(keeper) == "big-7b"


def test_after_too_many_crashes_a_smaller_model_takes_over_and_that_is_said() -> None:
    stage = Stage(crashes={"big-7b": 99})
    keeper = stage.keeper()
    for _ in range(CRASHES_MAX):
        refused(lambda: ask(keeper), "stopped working")
        stage.later(60)
    assert ask(keeper) == "small"
    assert (keeper.name, keeper.sha256) == ("small", "a" * 64)
    assert [each.given_up for each in stage.told] == [BIG]
    assert "small takes its place" in stage.told[0].sentence


def test_crashes_far_apart_give_nobody_up() -> None:
    stage = Stage(crashes={"big-7b": 9})
    keeper = stage.keeper()
    for _ in range(9):
        refused(lambda: ask(keeper), "stopped working")
        stage.later(3600)
    assert ask(keeper) == "big-7b"
    assert stage.told == []


def test_the_last_one_is_never_given_up_but_rests() -> None:
    stage = Stage(crashes={"small": 99})
    keeper = stage.keeper(SMALL)
    for wait_s in BACK_OFF_S:
        refused(lambda: ask(keeper), "stopped working; forms")
        stage.later(wait_s)
    assert len(stage.made) == len(BACK_OFF_S)
    stage.crashes.clear()
    assert ask(keeper) == "small"
    assert stage.told == []


def test_a_file_that_cannot_be_loaded_gives_way_at_once() -> None:
    stage = Stage(bad={"big-7b": BAD})
    keeper = stage.keeper()
    assert ask(keeper) == "small"
    assert stage.told == [Told(f"{BAD} small takes its place.", BIG)]
    assert ask(keeper) == "small"
    assert len(stage.started) == 2


def test_a_process_that_dies_over_its_file_counts_as_a_crash() -> None:
    stage = Stage(bad={"big-7b": CRASH})
    keeper = stage.keeper()
    for _ in range(CRASHES_MAX - 1):
        refused(lambda: ask(keeper), "stopped working")
        stage.later(60)
    assert ask(keeper) == "small"


def test_if_none_can_be_loaded_the_last_says_why() -> None:
    stage = Stage(bad={"big-7b": BAD, "small": BAD})
    refused(lambda: ask(stage.keeper()), "damaged; forms still work")


def test_a_question_that_cannot_be_asked_starts_nothing() -> None:
    stage = Stage()
    refused(lambda: stage.keeper().generate("x", {"$ref": "#/nowhere"}, tokens_max=5), "cannot be held to this form")
    assert stage.started == []


def test_half_a_sign_in_a_prompt_becomes_a_question_mark() -> None:
    stage = Stage()
    stage.keeper().generate("\ud800", None, tokens_max=5)
    assert stage.asked == ["?"]


# -- memory


def test_where_memory_is_short_the_model_is_given_back_between_questions() -> None:
    stage = Stage(free_mib=9000)
    keeper = stage.keeper()
    ask(keeper)
    assert not keeper.relieve()
    stage.free_mib = 100
    assert keeper.relieve()
    assert stage.made[0].closed
    assert keeper.pid is None
    assert "Memory is short" in stage.told[-1].sentence
    assert not keeper.relieve()


def test_it_is_given_back_right_after_an_answer_too() -> None:
    stage = Stage(free_mib=9000)
    keeper = stage.keeper()
    keeper.relieve()
    stage.free_mib = 9000
    ask(keeper)
    stage.free_mib = 100
    assert ask(keeper) == "big-7b"
    assert stage.made[0].closed


def test_while_there_is_no_room_a_smaller_one_answers_and_later_the_first_again() -> None:
    stage = Stage(free_mib=2000)
    keeper = stage.keeper()
    assert ask(keeper) == "small"
    assert "not enough memory free for the model big-7b" in stage.told[0].sentence
    assert stage.told[0].given_up is None
    stage.free_mib = 100
    keeper.relieve()
    stage.free_mib = 9000
    assert ask(keeper) == "big-7b"


def test_without_room_for_any_model_the_forms_work() -> None:
    stage = Stage(free_mib=300)
    refused(lambda: ask(stage.keeper()), r"not enough memory free .*\(300 MiB\).*; forms still work")
    assert stage.started == []


# -- the end


def test_a_closed_model_says_so() -> None:
    stage = Stage()
    keeper = stage.keeper()
    ask(keeper)
    keeper.close()
    keeper.close()
    assert stage.made[0].closed
    refused(lambda: ask(keeper), "not loaded any more; forms still work")
