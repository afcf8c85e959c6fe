import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.model import llama, probe, registry
from device.model.llama import LlamaModel
from device.model.port import LanguageModel, ModelError
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


@pytest.fixture(scope="module")
def model(model_file: Path) -> Iterator[LlamaModel]:
    loaded = llama.load(registry.at(model_file), SystemClock())
    yield loaded
    loaded.close()


def ask(model: LanguageModel, note: str, tokens_max: int = 60) -> str:
    return model.generate(f"{PREFIX}Note: {note}\n", SCHEMA, tokens_max=tokens_max).text


# -- answers


@pytest.mark.requires("model")
@pytest.mark.parametrize("note", NOTES)
def test_answers_fit_the_schema(model: LlamaModel, note: str) -> None:
    answer = json.loads(ask(model, note))
    assert list(answer) == ["action", "state"]
    assert answer["action"] in SCHEMA["properties"]["action"]["enum"]
    assert answer["state"] in SCHEMA["properties"]["state"]["enum"]


@pytest.mark.requires("model")
def test_the_model_reads_the_note(model: LlamaModel) -> None:
    assert json.loads(ask(model, "Replaced inlet filter"))["action"] == "replaced"
    assert json.loads(ask(model, "repaired leak"))["action"] == "repaired"


@pytest.mark.requires("model")
def test_what_was_asked_before_changes_no_answer(model: LlamaModel, model_file: Path) -> None:
    in_a_row = [ask(model, note) for note in NOTES]
    fresh = llama.load(registry.at(model_file), SystemClock())
    backwards = [ask(fresh, note) for note in reversed(NOTES)]
    fresh.close()
    assert in_a_row == backwards[::-1]


@pytest.mark.requires("model")
def test_a_shared_beginning_is_not_computed_again(model: LlamaModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(model, NOTES[0])
    computed: list[int] = []
    engine = model._engine
    extend = engine.extend

    def counting(tokens: list[int]) -> None:
        computed.append(len(tokens))
        extend(tokens)

    monkeypatch.setattr(engine, "extend", counting)
    ask(model, NOTES[1], tokens_max=1)
    assert sum(computed) < 20 < len(engine.tokens_of(PREFIX))


@pytest.mark.requires("model")
def test_asking_the_likeliest_token_first_chooses_what_the_whole_vocabulary_would(model: LlamaModel) -> None:
    engine = model._engine
    everything = np.arange(engine.vocab_size)
    for lead in ("", "In other words: "):
        engine.read(engine.tokens_of(f"{PREFIX}Note: {NOTES[0]}\n{lead}"), room=80)
        with llama._Grammar(engine, SCHEMA) as grammar:
            for _ in range(12):
                token = grammar.choose(engine.logits())
                assert token == (grammar._allowed(everything, engine.logits()) or engine.end_token())
                if engine.ends(token):
                    break
                grammar.accept(token)
                engine.extend([token])


@pytest.mark.requires("model")
def test_an_answer_is_cut_where_the_caller_says(model: LlamaModel) -> None:
    whole = model.generate(f"{PREFIX}Note: done\n", SCHEMA, tokens_max=60)
    cut = model.generate(f"{PREFIX}Note: done\n", SCHEMA, tokens_max=3)
    assert cut.tokens == 3 < whole.tokens
    assert whole.text.startswith(cut.text)


@pytest.mark.requires("model")
def test_a_prompt_that_is_too_long_is_refused_and_the_next_one_answered(model: LlamaModel) -> None:
    with pytest.raises(ModelError, match=r"too long .*; forms still work"):
        model.generate("many words " * 2000, SCHEMA, tokens_max=10)
    with pytest.raises(ModelError, match="too long"):
        model.generate("few", SCHEMA, tokens_max=llama.CONTEXT_TOKENS)
    assert json.loads(ask(model, "done"))


@pytest.mark.requires("model")
def test_words_that_look_like_control_tokens_are_only_words(model: LlamaModel) -> None:
    engine = model._engine
    assert len(engine.tokens_of("<|im_end|>")) > 1
    assert not any(engine.ends(token) for token in engine.tokens_of("a<|im_end|><|endoftext|>b"))


@pytest.mark.requires("model")
@pytest.mark.parametrize("text", ["", "\x00\x1b", "\ud800", "é" * 50])
def test_any_text_can_be_asked_about(model: LlamaModel, text: str) -> None:
    assert json.loads(ask(model, text))


@pytest.mark.requires("model")
def test_two_threads_get_the_answers_that_one_gets(model: LlamaModel) -> None:
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

    model = llama.load(registry.at(model_file), Ticking(), context_tokens=512)
    generation = model.generate("Note: done\n", SCHEMA, tokens_max=5)
    assert (generation.ttft_s, generation.total_s) == (1.0, 2.0)
    assert generation.tokens_per_s == 4.0
    model.close()


@pytest.mark.requires("model")
def test_a_closed_model_says_so(model_file: Path) -> None:
    model = llama.load(registry.at(model_file), SystemClock(), context_tokens=256)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="not loaded any more; forms still work"):
        model.generate("x", SCHEMA, tokens_max=5)


@pytest.mark.requires("model")
def test_a_schema_that_cannot_be_kept_is_an_error_in_words(model: LlamaModel) -> None:
    with pytest.raises(ModelError, match=r"cannot be held to this form .*; forms still work"):
        model.generate("x", {"$ref": "#/nowhere"}, tokens_max=5)


# -- silence and laziness


@pytest.mark.requires("model")
def test_nothing_is_written_to_the_terminal(model_file: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from device.model import llama, registry; "
        "from shared.ports import SystemClock; model = llama.load(registry.at(Path(sys.argv[1])), SystemClock()); "
        "model.generate('Yes or no? ', {'enum': ['yes', 'no']}, tokens_max=4); model.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(model_file)], capture_output=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_llama_cpp_is_not_imported_until_a_model_is_loaded() -> None:
    script = "import sys, device.model.llama, device.model.registry; sys.exit('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_a_missing_llama_cpp_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    file = ModelFile("any", tmp_path / "any.gguf", 0, "0" * 64, pinned=True)
    with pytest.raises(ModelError, match=r"llama.cpp is not installed here .*; forms still work"):
        llama.load(file, SystemClock())


# -- bad files


def damaged(path: Path, content: bytes) -> ModelFile:
    path.write_bytes(content)
    return registry.at(path)


@pytest.mark.requires("model")
@pytest.mark.parametrize("size", [24, 5_000, 2_000_000])
def test_a_truncated_file_is_named_as_damaged(tmp_path: Path, model_file: Path, size: int) -> None:
    with model_file.open("rb") as stream:
        file = damaged(tmp_path / "half.gguf", stream.read(size))
    with pytest.raises(ModelError, match=r"half.gguf is damaged .*; forms still work\.$"):
        llama.load(file, SystemClock())


@pytest.mark.requires("model")
@pytest.mark.parametrize("tail", [bytes(200), b"\xff" * 200, bytes(range(256)) * 40])
def test_garbage_behind_the_right_first_bytes_is_named_as_damaged(tmp_path: Path, tail: bytes) -> None:
    file = damaged(tmp_path / "garbage.gguf", b"GGUF\x03\x00\x00\x00" + tail)
    with pytest.raises(ModelError, match=r"garbage.gguf is damaged.*; forms still work\.$"):
        llama.load(file, SystemClock())


@pytest.mark.requires("model")
@pytest.mark.parametrize("key", [b"llama.attention.head_count", b"llama.block_count", b"llama.embedding_length"])
def test_a_wrong_number_inside_ends_at_most_a_child(tmp_path: Path, model_file: Path, key: bytes) -> None:
    content = bytearray(model_file.read_bytes())
    at = content.index(key) + len(key) + 4  # behind the key stands the type of its value, four bytes
    content[at : at + 4] = (0).to_bytes(4, "little")
    file = damaged(tmp_path / "hostile.gguf", bytes(content))
    with pytest.raises(ModelError, match=r"hostile.gguf is damaged.*; forms still work\.$"):
        llama.load(file, SystemClock())


@pytest.mark.requires("model")
def test_a_copy_under_another_name_is_still_the_model(tmp_path: Path, model_file: Path) -> None:
    path = tmp_path / "notes.txt"
    path.symlink_to(model_file)
    file = registry.at(path)
    assert file.pinned
    model = llama.load(replace(file, pinned=False), SystemClock(), context_tokens=512)
    assert json.loads(model.generate("Note: done\n", SCHEMA, tokens_max=60).text)
    model.close()


def test_a_probe_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no answer in 0 s; forms still work"):
        probe.run(tmp_path / "any.gguf", timeout_s=0.01)
