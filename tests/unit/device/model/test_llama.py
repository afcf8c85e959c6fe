import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.model import llama, registry
from device.model.frames import Load
from device.model.grammar import grammar_of
from device.model.keeper import Keeper, Machine
from device.model.llama import Engine, Grammar
from device.model.port import LanguageModel, ModelError, ModelStopped, Watch
from device.model.process import Crashed
from device.model.process import start as start_process
from device.model.registry import ModelFile
from shared.ports import SystemClock

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"enum": ["replaced", "repaired", 'odd "quoted" 62 °C', "none"]},
        "state": {"enum": ["done", "none"]},
    },
    "required": ["action", "state"],
    "additionalProperties": False,
}
PREFIX = (
    "Turn the technician's note into JSON.\n\n" + 'Note: hose fixed\n{"action": "repaired", "state": "none"}\n\n' * 8
)
NOTES = ("Replaced inlet filter, done", "repaired leak", "belt squealing", "🔥 泵 ok", "Replaced inlet filter, done")


def keeper(file: ModelFile, clock: SystemClock | None = None) -> Keeper:
    return Keeper([file], clock or SystemClock(), Machine(processors=2))


@pytest.fixture(scope="module")
def model(model_file: Path) -> Iterator[Keeper]:
    loaded = keeper(registry.at(model_file))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def engine(model_file: Path) -> Engine:
    return Engine(model_file, 1, 2048)


def hold(engine: Engine, text: str) -> list[int]:
    return list(engine.read(engine.tokens_of(text), room=80))


def ask(model: LanguageModel, note: str, tokens_max: int = 60, watch: Watch | None = None) -> str:
    return model.generate(f"{PREFIX}Note: {note}\n", SCHEMA, tokens_max=tokens_max, watch=watch).text


# -- answers


@pytest.mark.requires("model")
@pytest.mark.parametrize("note", NOTES)
def test_answers_fit_the_schema(model: Keeper, note: str) -> None:
    answer = json.loads(ask(model, note))
    assert list(answer) == ["action", "state"]
    assert answer["action"] in SCHEMA["properties"]["action"]["enum"]
    assert answer["state"] in SCHEMA["properties"]["state"]["enum"]


@pytest.mark.requires("model")
def test_the_model_reads_the_note(model: Keeper) -> None:
    assert json.loads(ask(model, "Replaced inlet filter"))["action"] == "replaced"
    assert json.loads(ask(model, "repaired leak"))["action"] == "repaired"


@pytest.mark.requires("model")
def test_what_was_asked_before_changes_no_answer(model: Keeper, model_file: Path) -> None:
    in_a_row = [ask(model, note) for note in NOTES]
    fresh = keeper(registry.at(model_file))
    backwards = [ask(fresh, note) for note in reversed(NOTES)]
    fresh.close()
    assert in_a_row == backwards[::-1]


@pytest.mark.requires("model")
def test_a_shared_beginning_is_not_computed_again(model: Keeper) -> None:
    model.generate(f"{PREFIX}Note: {NOTES[0]}\n", SCHEMA, tokens_max=60)
    second = model.generate(f"{PREFIX}Note: {NOTES[1]}\n", SCHEMA, tokens_max=1)
    assert (second.computed < 20, second.kept > 150) == (True, True)
    other = model.generate(f"Quite another beginning. {PREFIX}", SCHEMA, tokens_max=1)
    assert (other.kept < 5, other.computed > 150) == (True, True)


@pytest.mark.requires("model")
def test_asking_the_likeliest_token_first_chooses_what_the_whole_vocabulary_would(engine: Engine) -> None:
    everything = np.arange(engine.vocab_size)
    for lead in ("", "In other words: "):
        hold(engine, f"{PREFIX}Note: {NOTES[0]}\n{lead}")
        grammar = Grammar(engine, grammar_of(SCHEMA))
        for _ in range(12):
            token = grammar.choose(engine.logits())
            assert token == (grammar._allowed(everything, engine.logits()) or engine.end_token())
            if engine.ends(token):
                break
            grammar.accept(token)
            engine.extend([token])
        grammar.close()


@pytest.mark.requires("model")
def test_what_the_model_would_never_say_is_found_in_the_whole_vocabulary(engine: Engine) -> None:
    hold(engine, "One, two, three, four, five, six, seven, eight, nine, ten, eleven, ")
    grammar = Grammar(engine, grammar_of({"enum": ["ꙮ泵"]}))
    written = b"".join(llama.write(engine, grammar, 20))
    assert json.loads(written) == "ꙮ泵"
    assert grammar.searched > 0
    grammar.close()


@pytest.mark.requires("model")
def test_an_interruption_is_heard_in_a_batch_and_the_rest_is_kept(engine: Engine) -> None:
    hold(engine, PREFIX)
    reading = engine.read(engine.tokens_of(f"{PREFIX}{'more words ' * 200}"), room=80)
    kept, first = next(reading), next(reading)
    engine.interrupt()
    with pytest.raises(llama.Interrupted):
        next(reading)
    engine.resume()
    assert hold(engine, f"{PREFIX}{'more words ' * 200}")[0] == first > kept > 150


@pytest.mark.requires("model")
def test_an_answer_is_cut_where_the_caller_says(model: Keeper) -> None:
    whole = model.generate(f"{PREFIX}Note: done\n", SCHEMA, tokens_max=60)
    cut = model.generate(f"{PREFIX}Note: done\n", SCHEMA, tokens_max=3)
    assert cut.tokens == 3 < whole.tokens
    assert whole.text.startswith(cut.text)


@pytest.mark.requires("model")
def test_a_prompt_that_is_too_long_is_refused_and_the_next_one_answered(model: Keeper) -> None:
    with pytest.raises(ModelError, match=r"too long .*; forms still work"):
        model.generate("many words " * 4000, SCHEMA, tokens_max=10)
    with pytest.raises(ModelError, match="too long"):
        model.generate("few", SCHEMA, tokens_max=model.context_tokens)
    assert json.loads(ask(model, "done"))


@pytest.mark.requires("model")
def test_words_that_look_like_control_tokens_are_only_words(engine: Engine) -> None:
    assert len(engine.tokens_of("<|im_end|>")) > 1
    assert not any(engine.ends(token) for token in engine.tokens_of("a<|im_end|><|endoftext|>b"))


@pytest.mark.requires("model")
@pytest.mark.parametrize("text", ["", "\x00\x1b", "\ud800", "é" * 50])
def test_any_text_can_be_asked_about(model: Keeper, text: str) -> None:
    assert json.loads(ask(model, text))


@pytest.mark.requires("model")
def test_two_threads_get_the_answers_that_one_gets(model: Keeper) -> None:
    alone = {note: ask(model, note) for note in NOTES}
    together: dict[str, str] = {}

    def work(notes: tuple[str, ...]) -> None:
        together.update({note: ask(model, note) for note in notes})

    threads = [threading.Thread(target=work, args=(part,)) for part in (NOTES[:2], NOTES[2:4])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.requires("model")
def test_times_come_from_the_clock_that_was_given(model_file: Path) -> None:
    class Ticking(SystemClock):
        ticks = 0

        def monotonic_s(self) -> float:
            self.ticks += 1
            return float(self.ticks)

    model = keeper(registry.at(model_file), Ticking())
    generation = model.generate("Note: done\n", SCHEMA, tokens_max=5)
    assert (generation.ttft_s, generation.total_s, generation.tokens_per_s) == (1.0, 2.0, 4.0)
    model.close()


@pytest.mark.requires("model")
def test_a_closed_model_says_so(model_file: Path) -> None:
    model = keeper(registry.at(model_file))
    model.close()
    model.close()
    with pytest.raises(ModelError, match="not loaded any more; forms still work"):
        model.generate("x", SCHEMA, tokens_max=5)


@pytest.mark.requires("model")
def test_a_schema_that_cannot_be_kept_is_an_error_in_words(model: Keeper) -> None:
    with pytest.raises(ModelError, match=r"cannot be held to this form .*; forms still work"):
        model.generate("x", {"$ref": "#/nowhere"}, tokens_max=5)


@pytest.mark.requires("model")
def test_text_without_a_schema_ends_where_the_model_or_the_caller_says(model: Keeper) -> None:
    pieces: list[str] = []
    free = model.generate("One, two, three,", None, tokens_max=4, watch=Watch(pieces.append))
    assert (free.tokens, "".join(pieces)) == (4, free.text)
    assert "four" in free.text


# -- stopping and dying


@pytest.mark.requires("model")
def test_an_answer_that_is_stopped_ends_and_the_next_question_is_answered(model: Keeper) -> None:
    expected = ask(model, "repaired leak")
    before = model.pid
    watch = Watch(lambda _: watch.stop())
    with pytest.raises(ModelStopped):
        ask(model, NOTES[0], watch=watch)
    assert ask(model, "repaired leak") == expected
    assert model.pid == before


@pytest.mark.requires("model")
def test_a_model_that_is_killed_in_the_middle_of_an_answer_answers_the_next_question(model: Keeper) -> None:
    expected = ask(model, "repaired leak")
    before = model.pid
    assert before
    watch = Watch(lambda _: os.kill(before, signal.SIGKILL))
    with pytest.raises(Crashed, match=r"stopped working in the middle of an answer; forms still work\.$"):
        ask(model, NOTES[0], watch=watch)
    assert ask(model, "repaired leak") == expected
    assert model.pid != before


@pytest.mark.requires("model")
def test_a_model_that_wants_more_memory_than_it_may_have_is_a_sentence(model_file: Path) -> None:
    load = Load(str(model_file), 1, 4096, 40 << 20)
    with pytest.raises(ModelError, match=r"; forms still work\.$"):
        start_process(load, "small", SystemClock())


# -- laziness


def test_llama_cpp_is_not_imported_until_a_model_is_loaded() -> None:
    script = "import sys, device.model.llama, device.model.registry; sys.exit('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_a_program_with_a_keeper_has_neither_llama_cpp_nor_numpy() -> None:
    script = "import sys, device.model.keeper; sys.exit(bool({'llama_cpp', 'numpy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_a_missing_llama_cpp_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(ModelError, match=r"llama.cpp is not installed here .*; forms still work"):
        Engine(tmp_path / "any.gguf", 1, 512)


# -- bad files


def damaged(path: Path, content: bytes) -> ModelFile:
    """As if the header had passed: what is tried is llama.cpp and its process."""
    path.write_bytes(content)
    return ModelFile(path.stem, path, len(content), "0" * 64)


@pytest.mark.requires("model")
@pytest.mark.parametrize("size", [24, 5_000, 2_000_000])
def test_a_truncated_file_is_named_as_damaged(tmp_path: Path, model_file: Path, size: int) -> None:
    with model_file.open("rb") as stream:
        file = damaged(tmp_path / "half.gguf", stream.read(size))
    with pytest.raises(ModelError, match=r"half.gguf is damaged .*; forms still work\.$"):
        keeper(file).generate("x", None, tokens_max=1)
    with pytest.raises(ModelError, match=r"half.gguf .*; forms still work\.$"):
        registry.at(file.path)


@pytest.mark.requires("model")
@pytest.mark.parametrize("tail", [bytes(200), b"\xff" * 200, bytes(range(256)) * 40])
def test_garbage_behind_the_right_first_bytes_is_named_as_damaged(tmp_path: Path, tail: bytes) -> None:
    file = damaged(tmp_path / "garbage.gguf", b"GGUF\x03\x00\x00\x00" + tail)
    with pytest.raises(ModelError, match=r"garbage.* damaged.*; forms still work\.$"):
        keeper(file).generate("x", None, tokens_max=1)


@pytest.mark.requires("model")
@pytest.mark.parametrize("key", [b"llama.attention.head_count", b"llama.block_count", b"llama.embedding_length"])
def test_a_wrong_number_inside_ends_at_most_a_child(tmp_path: Path, model_file: Path, key: bytes) -> None:
    content = bytearray(model_file.read_bytes())
    at = content.index(key) + len(key) + 4  # behind the key stands the type of its value, four bytes
    content[at : at + 4] = (0).to_bytes(4, "little")
    file = damaged(tmp_path / "hostile.gguf", bytes(content))
    with pytest.raises(ModelError, match=r"hostile.* damaged.*; forms still work\.$"):
        keeper(file).generate("x", None, tokens_max=1)


@pytest.mark.requires("model")
def test_a_copy_under_another_name_is_still_the_model(tmp_path: Path, model_file: Path) -> None:
    path = tmp_path / "notes.txt"
    path.symlink_to(model_file)
    file = registry.at(path)
    assert file.shipped
    model = keeper(replace(file, context_tokens=512))
    assert json.loads(model.generate("Note: done\n", SCHEMA, tokens_max=60).text)
    assert model.context_tokens == 512
    model.close()
