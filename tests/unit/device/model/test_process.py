import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.model.frames import Load
from device.model.port import Generation, ModelError, ModelStopped, Watch
from device.model.process import COMMAND, Crashed, ModelProcess, start
from shared.ports import SystemClock

PUPPET = (sys.executable, str(Path(__file__).with_name("puppet.py")))
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def running() -> Iterator[list[ModelProcess]]:
    made: list[ModelProcess] = []
    yield made
    for each in made:
        each.close()


def load(mood: str) -> Load:
    return Load(f"/models/{mood}", 1, 2048, 1 << 40)


def begin(running: list[ModelProcess], mood: str, silence_s: float = 30.0) -> ModelProcess:
    process, _ = start(load(mood), "puppet", SystemClock(), command=PUPPET, silence_s=silence_s)
    running.append(process)
    return process


def ask(process: ModelProcess, watch: Watch | None = None) -> Generation:
    return process.generate("Note: x", None, 10, watch or Watch())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_answer_comes_in_pieces_with_its_counts(running: list[ModelProcess]) -> None:
    pieces: list[str] = []
    answer = ask(begin(running, "answers"), Watch(pieces.append))
    assert pieces == ["o", "k", " 1"]
    assert (answer.text, answer.tokens, answer.computed, answer.kept) == ("ok 1", 3, 8, 4)


@pytest.mark.parametrize("mood", ["dies", "is-cut-short", "shouts", "promises-gigabytes"])
def test_a_process_that_dies_or_babbles_is_a_value_and_is_gone(running: list[ModelProcess], mood: str) -> None:
    process = begin(running, mood)
    with pytest.raises(Crashed, match=r"puppet stopped working in the middle of an answer; forms still work\.$"):
        ask(process)
    assert not alive(process.pid)


def test_who_says_nothing_is_ended(running: list[ModelProcess]) -> None:
    process = begin(running, "is-silent", silence_s=0.2)
    with pytest.raises(Crashed, match=r"said nothing for .*; forms still work\.$"):
        ask(process)
    assert not alive(process.pid)


@pytest.mark.parametrize(
    ("mood", "why"),
    [("refuses", "damaged"), ("dies-at-once", "crashed on it"), ("babbles-at-once", "answered with something else")],
)
def test_a_file_that_cannot_be_loaded_is_a_sentence(mood: str, why: str) -> None:
    with pytest.raises(ModelError, match=rf"{why}.*; forms still work\.$") as raised:
        start(load(mood), "puppet", SystemClock(), command=PUPPET)
    assert isinstance(raised.value, Crashed) is (mood != "refuses")


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(Crashed, match="cannot be started"):
        start(load("answers"), "puppet", SystemClock(), command=("/no/such/program",))


def test_who_stops_does_not_wait_for_a_process_that_hangs(running: list[ModelProcess]) -> None:
    process = begin(running, "hangs", silence_s=600.0)
    watch = Watch(lambda _: watch.stop())
    with pytest.raises(ModelStopped, match="stopped"):
        ask(process, watch)


def test_who_stopped_before_asking_gets_no_answer(running: list[ModelProcess]) -> None:
    watch = Watch()
    watch.stop()
    with pytest.raises(ModelStopped):
        ask(begin(running, "answers"), watch)


def test_what_still_comes_of_a_stopped_question_is_no_part_of_the_next_answer(running: list[ModelProcess]) -> None:
    process = begin(running, "answers")
    watch = Watch(lambda _: watch.stop())
    with pytest.raises(ModelStopped):
        ask(process, watch)
    assert ask(process).text == "ok 2"


def test_stopping_twice_or_late_harms_nobody(running: list[ModelProcess]) -> None:
    process = begin(running, "answers")
    watch = Watch()
    assert ask(process, watch).text == "ok 1"
    watch.stop()
    watch.stop()
    assert ask(process).text == "ok 2"


def test_a_prompt_that_fits_no_frame_is_too_long_and_the_next_one_is_answered(running: list[ModelProcess]) -> None:
    process = begin(running, "answers")
    with pytest.raises(ModelError, match=r"too long .*; forms still work"):
        process.generate("x" * (2 << 20), None, 10, Watch())
    assert ask(process).text.startswith("ok")


def test_closing_in_the_middle_of_an_answer_ends_it(running: list[ModelProcess]) -> None:
    process = begin(running, "hangs", silence_s=600.0)
    watch = Watch(lambda _: threading.Thread(target=process.close).start())
    with pytest.raises(Crashed):
        ask(process, watch)


def test_the_process_ends_with_the_program_that_started_it() -> None:
    """The real child, with nothing loaded: it waits for its input, which ends when its parent is killed.

    It lets go of its output long before its end, so it holds a pipe that it knows nothing of: whoever reads that to
    its end knows that everybody is gone who held it.
    """
    read_end, held = os.pipe()
    script = (
        "import os, signal, subprocess, sys; from device.model.process import COMMAND; held = int(sys.argv[1]); "
        "child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, start_new_session=True, pass_fds=(held,)); "
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = (sys.executable, "-c", script, str(held))
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=(held,)) as parent,
        open(read_end, "rb"),
    ):
        os.close(held)
        said, _ = parent.communicate(timeout=60)
        with selectors.DefaultSelector() as waiting:  # `select` takes no descriptor above 1023
            waiting.register(read_end, selectors.EVENT_READ)
            ended = bool(waiting.select(60))
        if not ended:
            os.kill(int(said), signal.SIGKILL)
        assert (int(said) > 0, ended, os.read(read_end, 1)) == (True, True, b"")


def test_frames_that_are_none_end_the_process() -> None:
    from device.model.process import COMMAND

    done = subprocess.run(COMMAND, input=b"\x00\x00\x00\x02[]", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="a Unix has priorities")
def test_a_model_computes_at_a_lower_priority_than_the_screen(running: list[ModelProcess]) -> None:
    """The real process, before it is told what to load."""
    running.append(process := ModelProcess(COMMAND, "none", SystemClock(), 30.0))
    lower = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
    settled = threading.Event()
    for _ in range(3000):
        if os.getpriority(os.PRIO_PROCESS, process.pid) == lower:
            break
        settled.wait(0.01)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == lower
