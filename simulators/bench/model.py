"""The model on the laptop beside raw llama.cpp: the same file and the same number of threads, in turns.

Raw is the bindings and nothing else: tokens decoded in this process, the likeliest taken by llama.cpp's own sampler.
Ours is what the laptop runs: the keeper, the process, the frames. Of each round every way has one turn, so that a
machine that slows down slows all of them; medians over the rounds. Where others work on the machine, the figures in
processor time are the ones to believe.
"""

import ctypes
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from device.capability import peak_memory_mib
from device.core.asking import SCHEMA
from device.core.certainty import sure_answer
from device.core.interpret import Ask, ask_for, read
from device.model import registry
from device.model.keeper import Keeper, Machine
from device.model.llama import BATCH_TOKENS, Engine, Free, write
from device.model.port import LanguageModel
from device.model.sizing import room_for
from shared.ports import SystemClock
from shared.records import Record, Stamp, check_fields
from simulators.bench.figures import Figures, figure, say, seconds
from simulators.demo.notes import shipped

#: Tokens of the long prompt about one job, and of an answer.
PROMPT_TOKENS, ANSWER_TOKENS = 800, 48
_LEAD = "The technician asks and the assistant answers at length.\n\n"
_FACT, _FACT_TOKENS = "The pump was checked and the pressure was written down. ", 11
_NOTES = 12
_SHORTHAND = (
    "Replaced seal, done",
    "REPAIRED, DONE",
    "replaced now 4.2 bar",
    "Inspected pump, done",
    "cleaned, 4.2 bar",
)


@dataclass
class Rounds:
    """What was measured, a list a figure."""

    raw_rate: list[float]
    same_rate: list[float]
    our_rate: list[float]
    held_rate: list[float]
    gap_ms: list[float]
    cold_ms: list[float]
    next_ms: list[float]
    raw_cpu_ms: list[float]
    our_cpu_ms: list[float]
    held_cpu_ms: list[float]
    here_cpu_ms: list[float]


def measure(rounds: int) -> tuple[Figures, dict[str, Any]]:
    """The figures over so many rounds, and what they rest on. Raises `ModelError` where there is no model."""
    file = registry.embedded()
    room = room_for(file.size_bytes, file.kv_bytes, file.context_tokens, registry.processors(), None)
    assert room is not None, "nobody said how much is free"
    with _raw(file.path, room.threads, room.context_tokens) as raw, kept(file) as keeper:
        engine = Engine(file.path, room.threads, room.context_tokens)
        seen = Rounds(*([] for _ in fields(Rounds)))
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            _decode(raw, engine, keeper, seen)
            _prompts(keeper, seen, number)
        notes = _proposals(keeper)
        peak_mib = peak_memory_mib(keeper.pid) or 0.0
    size_mib = file.size_bytes / (1 << 20)
    figures = {
        "decode_rate": figure(median(seen.our_rate), "1/s", median(seen.raw_rate)),
        "constrained_rate": figure(median(seen.held_rate), "1/s", median(seen.our_rate)),
        "next_question_ttft": figure(median(seen.next_ms), "ms", median(seen.cold_ms)),
        "isolation_per_token": figure(median(seen.gap_ms), "ms", 1000 / median(seen.same_rate)),
        "isolation_cpu_per_token": figure(median(seen.here_cpu_ms), "ms", median(seen.raw_cpu_ms)),
        "decode_cpu_per_token": figure(median(seen.our_cpu_ms), "ms", median(seen.raw_cpu_ms)),
        "constrained_cpu_per_token": figure(median(seen.held_cpu_ms), "ms", median(seen.our_cpu_ms)),
        "proposal_p50": figure(median(notes.ms), "ms", median(notes.tokens) * 1000 / median(seen.raw_rate)),
        "shorthand_p50": figure(median(notes.sure_ms), "ms", median(notes.rules_ms)),
        "peak_memory": figure(peak_mib, "MiB", size_mib),
    }
    counts = {
        "model": file.name,
        "threads": room.threads,
        "context_tokens": room.context_tokens,
        "rounds": rounds,
        "notes": len(notes.ms),
        "asked_the_model": notes.asked,
        "peak_memory_above_the_file_mib": round(peak_mib - size_mib, 1),
    }
    return figures, counts


@contextmanager
def kept(file: registry.ModelFile | None = None) -> Iterator[Keeper]:
    """A model as laptops keep it, begun; the one that ships if none is named. Raises `ModelError`."""
    file = file or registry.embedded()
    keeper = Keeper([file], SystemClock(), Machine(processors=registry.processors()))
    try:
        keeper.generate(_LEAD, None, tokens_max=2)
        yield keeper
    finally:
        keeper.close()


# -- the floor


class _Raw:
    """The bindings, used as their examples do."""

    def __init__(self, api: Any, context: Any, vocab: Any) -> None:
        self._api, self._context, self._vocab = api, context, vocab
        self._greedy = api.llama_sampler_init_greedy()

    def answer(self, text: str, tokens: int) -> tuple[float, float]:
        """Of an answer to `text`, after its first token: tokens a second, and ms of processor time for each."""
        api = self._api
        raw = text.encode()
        room = (api.llama_token * (len(raw) + 8))()
        count = api.llama_tokenize(self._vocab, raw, len(raw), room, len(room), True, False)
        api.llama_memory_clear(api.llama_get_memory(self._context), True)
        self._decode(room[:count])
        token = api.llama_sampler_sample(self._greedy, self._context, -1)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(tokens - 1):
            self._decode([token])
            token = api.llama_sampler_sample(self._greedy, self._context, -1)
        cpu_ms = (time.process_time() - cpu_s) * 1000 / (tokens - 1)
        return (tokens - 1) / (time.perf_counter() - began_s), cpu_ms

    def _decode(self, tokens: Sequence[int]) -> None:
        array = (self._api.llama_token * len(tokens))(*tokens)
        failed = self._api.llama_decode(self._context, self._api.llama_batch_get_one(array, len(tokens)))
        assert not failed, "llama.cpp decodes"


@contextmanager
def _raw(path: Path, threads: int, context_tokens: int) -> Iterator[_Raw]:
    import llama_cpp  # noqa: PLC0415  # only a bench does that in the program's own process

    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
    options = llama_cpp.llama_context_default_params()
    options.n_ctx, options.n_batch, options.n_ubatch = context_tokens, BATCH_TOKENS, BATCH_TOKENS
    options.n_threads = options.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, options)
    try:
        yield _Raw(llama_cpp, context, llama_cpp.llama_model_get_vocab(model))
    finally:
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)


# -- turns


def _decode(raw: _Raw, engine: Engine, keeper: Keeper, seen: Rounds) -> None:
    keeper.generate(_LEAD, None, tokens_max=2)  # the prompt is read before anything is counted
    rate, cpu_ms = raw.answer(_LEAD, ANSWER_TOKENS)
    seen.raw_rate.append(rate)
    seen.raw_cpu_ms.append(cpu_ms)
    rate, cpu_ms, here_ms = _answer(keeper, None)
    seen.our_rate.append(rate)
    seen.our_cpu_ms.append(cpu_ms)
    seen.here_cpu_ms.append(here_ms)
    seen.same_rate.append(_same_process(engine))
    rate, cpu_ms, _ = _answer(keeper, SCHEMA)
    seen.held_rate.append(rate)
    seen.held_cpu_ms.append(cpu_ms)
    seen.gap_ms.append(1000 / seen.our_rate[-1] - 1000 / seen.same_rate[-1])


def _answer(keeper: Keeper, schema: Any) -> tuple[float, float, float]:
    """Tokens a second; milliseconds of processor time for a token, of both processes, and of this one alone."""
    here_s, child_s = time.process_time(), _cpu_s(keeper.pid)
    written = keeper.generate(_LEAD, schema, tokens_max=ANSWER_TOKENS)
    here_ms = (time.process_time() - here_s) * 1000 / written.tokens
    child_ms = (_cpu_s(keeper.pid) - child_s) * 1000 / written.tokens
    return written.tokens_per_s, here_ms + child_ms, here_ms


def _cpu_s(pid: int | None) -> float:
    """Processor seconds of a process's threads. Source: Linux, Documentation/scheduler/sched-stats, schedstat."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9


def _same_process(engine: Engine) -> float:
    """Tokens a second of our own loop without a process between."""
    for _ in engine.read(engine.tokens_of(_LEAD), room=ANSWER_TOKENS):
        pass
    pieces = write(engine, Free(), ANSWER_TOKENS)
    next(pieces)
    began = time.perf_counter()
    count = sum(1 for _ in pieces)
    return count / (time.perf_counter() - began)


def _prompts(keeper: LanguageModel, seen: Rounds, number: int) -> None:
    """A prompt about a job that nothing is known of, then the next question about the same job."""
    facts = f"Job {number}. " + _FACT * (PROMPT_TOKENS // _FACT_TOKENS)
    begun = keeper.generate(f"{facts}\nWhich filter fits?\n", None, tokens_max=2)
    assert begun.computed > 0.9 * PROMPT_TOKENS, "the prompt is as long as it is said to be"
    following = keeper.generate(f"{facts}\nHow tight are the bolts?\n", None, tokens_max=2)
    seen.cold_ms.append(begun.ttft_s * 1000 * PROMPT_TOKENS / begun.computed)
    seen.next_ms.append(following.ttft_s * 1000)


@dataclass
class Noted:
    """Milliseconds from a note to its proposals: of notes that ship, and of such that the rules are sure of.

    `tokens` is what the model wrote for each of the first, `rules_ms` what the rules alone take for the second.
    """

    ms: list[float]
    tokens: list[int]
    sure_ms: list[float]
    rules_ms: list[float]

    @property
    def asked(self) -> int:
        """For how many notes the model was asked."""
        return sum(count > 0 for count in self.tokens)


def _proposals(keeper: LanguageModel) -> Noted:
    keeper.generate(_asked("cleaned the strainer").prompt, None, tokens_max=1)
    noted = Noted([], [], [], [])
    for each in shipped().notes[:_NOTES]:
        began = time.perf_counter()
        noted.tokens.append(_propose(keeper, each.text))
        noted.ms.append((time.perf_counter() - began) * 1000)
    for note in _SHORTHAND * 4:
        began = time.perf_counter()
        if _propose(keeper, note):
            raise AssertionError(f"the rules are not sure of {note!r}")
        noted.sure_ms.append((time.perf_counter() - began) * 1000)
        noted.rules_ms.append(seconds(lambda note=note: _asked(note)) * 1000)  # type: ignore[misc]
    return noted


def _propose(keeper: LanguageModel, note: str) -> int:
    """Do what the workbench does; how many tokens the model wrote."""
    ask = _asked(note)
    if (sure := sure_answer(ask, ["Seal of the pump"])) is not None:
        read(ask, sure)
        return 0
    written = keeper.generate(ask.prompt, ask.schema, tokens_max=ask.tokens_max)
    read(ask, written.text)
    return written.tokens


def _asked(note: str) -> Ask:
    stamp = Stamp(1, "0193a000-0000-7000-8000-000000000000", "office", "bench", SystemClock().now())
    limits = [{"quantity": "pressure", "unit": "bar", "low": 3.0, "high": 5.0}]

    def record(ref: str, **fields: Any) -> Record:
        return Record(ref, 1, check_fields(ref.partition("/")[0], fields), stamp)

    job = record("work_order/WO-1", title="Seal of the pump", asset="asset/P-7", status="in_progress")
    asset = record("asset/P-7", name="Pump 7", type="pump", site="Works", location="Hall", limits=limits)
    stock = [record("stock_item/FLT-200", name="Inlet filter", part_no="IF200", unit="pcs", on_hand=4)]
    return ask_for(note, job, asset, stock, ("done", "on_hold"))
