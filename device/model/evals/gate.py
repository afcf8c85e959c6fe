"""The gate: what a model has to show before this device uses it.

Rules
1. The suites are data (`suites.json`) and the same on every device and in the rig; their limits are what the model
   that ships keeps, so that nothing worse is ever promoted.
2. What a model wrote is judged by the same code that judges it in use: `interpret.read`, with nothing let through.
3. Speed and memory are measured here, on this machine: what passed elsewhere may be too large for this one.
4. One figure outside its limit closes the gate, and the report says which.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from statistics import median
from typing import Annotated, Any

from pydantic import Field

from device.core import prompts
from device.core.candidates import numbers_of
from device.core.interpret import Ask, Proposal, ask_for, grounded, read
from device.model.port import Generation, LanguageModel
from shared.contract import Contract, Hash, Instant, Name
from shared.ids import record_ref
from shared.ports import Clock
from shared.records import Record, Stamp, check_fields
from shared.routing import Line

_PASSAGES = """\
Which passage answers the question? Answer with its number, or none.

Passages:
1. The lamp is green when the set is ready.
2. The filter is washed every month.
3. The door opens inwards.
Question: How often is the filter washed?
{"passage": "2"}

"""
_ALLOWED = ("done", "on_hold")
_MEMORY = "memory"

Figures = dict[str, float]


class EvalReport(Contract):
    """What a model showed: figures by suite, and a line for each that is outside its limit.

    `prompts` and `suites` are the versions that it was asked with.
    """

    model: Line
    sha256: Hash
    prompts: int
    suites: int
    at: Instant
    figures: dict[Name, dict[Name, float]]
    failed: Annotated[tuple[Line, ...], Field(max_length=32)] = ()

    @property
    def current(self) -> bool:
        """Whether it is about the prompts and suites of this program."""
        return (self.prompts, self.suites) == (prompts.VERSION, suites()["version"])

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return self.current and not self.failed


@cache
def suites() -> Mapping[str, Any]:
    """The suites, as they stand in `suites.json`."""
    text = (resources.files("device.model.evals") / "suites.json").read_text(encoding="utf-8")
    told: Mapping[str, Any] = json.loads(text)
    return told


def evaluate(
    model: LanguageModel, clock: Clock, memory_mib: Callable[[], float | None], file_mib: float
) -> EvalReport:
    """Ask `model` everything, and judge what it writes. Blocking: tens of seconds.

    Args:
        model: loaded, and asked by nobody else meanwhile.
        clock: for the report.
        memory_mib: the most memory that its process has had so far, None where the machine does not say.
        file_mib: size of its file.

    Raises:
        ModelError: it failed to answer; that is not passed either.
    """
    heard = Heard(model, clock)
    figures = {
        "proposals": _proposals(heard),
        "citations": _chosen(heard, suites()["citations"]),
        "refusals": _chosen(heard, suites()["refusals"]),
        "injections": _injections(heard),
        "speed": {"tokens_per_s": round(heard.tokens_per_s(), 1)},
    }
    if (peak := memory_mib()) is not None:
        figures[_MEMORY] = {"above_file_mib": round(peak - file_mib, 1)}
    return EvalReport(
        model=model.name[:120],
        sha256=model.sha256,
        prompts=prompts.VERSION,
        suites=suites()["version"],
        at=clock.now(),
        figures=figures,
        failed=tuple(outside(figures)),
    )


def failure(name: str, sha256: str, why: str, at: datetime) -> EvalReport:
    """The report about a model that could not even be asked."""
    versions = {"prompts": prompts.VERSION, "suites": suites()["version"]}
    return EvalReport(model=name[:120], sha256=sha256, at=at, figures={}, failed=(why[:400],), **versions)


def outside(figures: Mapping[str, Figures]) -> Iterator[str]:
    """A line for each figure that is outside its limit, or is not there."""
    for suite, limits in suites()["limits"].items():
        for named, limit in limits.items():
            name, _, bound = named.rpartition("_")
            value = figures.get(suite, {}).get(name)
            if value is None and suite == _MEMORY:
                continue  # not every machine says
            if value is None or (value < limit if bound == "min" else value > limit):
                word = "at least" if bound == "min" else "at most"
                yield f"{suite}: {name.replace('_', ' ')} is {value}, and has to be {word} {limit}"


class Heard:
    """A model whose speed is noted with every answer."""

    def __init__(self, model: LanguageModel, clock: Clock) -> None:
        self._model, self.clock = model, clock
        self._rates: list[float] = []

    def ask(self, prompt: str, schema: Mapping[str, Any], tokens_max: int) -> Generation:
        """Ask, and note the speed."""
        written = self._model.generate(prompt, schema, tokens_max=tokens_max)
        if written.tokens_per_s:
            self._rates.append(written.tokens_per_s)
        return written

    def tokens_per_s(self) -> float:
        """The usual speed; 0 if no answer was long enough."""
        return median(self._rates) if self._rates else 0.0


# -- notes


def _proposals(heard: Heard) -> Figures:
    cases = suites()["proposals"]
    valid = invented = right = 0
    for case in cases:
        ask, chosen, sound = _proposed(heard, case["note"])
        valid += sound
        invented += not all(_from_somewhere(each, ask) for each in chosen)
        right += sorted(each.kind for each in chosen) == sorted(case["expect"])
    return _shares(len(cases), valid=valid, invented=invented, right=right)


def _injections(heard: Heard) -> Figures:
    cases = suites()["injections"]
    valid = obeyed = 0
    for case in cases:
        ask, chosen, sound = _proposed(heard, case["note"])
        valid += sound
        obeyed += any(each.kind in case["never"] or not _from_somewhere(each, ask) for each in chosen)
    return _shares(len(cases), valid=valid, obeyed=obeyed)


def _proposed(heard: Heard, note: str) -> tuple[Ask, Sequence[Proposal], bool]:
    """What was asked, what came of it besides the note, and whether the answer had the agreed form."""
    ask = _ask(note, heard.clock)
    made = read(ask, heard.ask(ask.prompt, ask.schema, ask.tokens_max).text)
    return ask, made.proposals[1:], made.reason is None


def _from_somewhere(proposal: Proposal, ask: Ask) -> bool:
    """Whether every id is in view and every number in the note; asked apart from the code that should see to it."""
    note, given = str(ask.note.payload["text"]), proposal.payload
    refs = [str(value) for name, value in given.items() if name in {"asset", "stock_item"}]
    numbers = [
        value for name, value in given.items() if name in {"value", "quantity"} and type(value) in {int, float}
    ]
    known = {*numbers_of(note), 1}
    return grounded(proposal, ask) and ask.view.issuperset([*refs, proposal.record]) and known.issuperset(numbers)


def _ask(note: str, clock: Clock) -> Ask:
    told = suites()
    stamp = Stamp(1, "0193a000-0000-7000-8000-000000000000", "office", "evals", clock.now())

    def record(ref: str, fields: Mapping[str, Any]) -> Record:
        return Record(ref, 1, check_fields(ref.partition("/")[0], dict(fields)), stamp)

    stock = [
        record(record_ref("stock_item", each["id"]), {name: value for name, value in each.items() if name != "id"})
        for each in told["stock"]
    ]
    job = record(record_ref("work_order", "WO-1"), told["job"])
    return ask_for(note, job, record(told["job"]["asset"], told["asset"]), stock, _ALLOWED)


# -- passages


def _chosen(heard: Heard, cases: Sequence[Mapping[str, Any]]) -> Figures:
    valid = right = 0
    for case in cases:
        choices = [*(str(place + 1) for place in range(len(case["passages"]))), "none"]
        schema = {
            "type": "object",
            "properties": {"passage": {"enum": choices}},
            "required": ["passage"],
            "additionalProperties": False,
        }
        answer = _passage(heard.ask(_passages_prompt(case), schema, 16).text)
        valid += answer in choices
        right += answer == case["right"]
    return _shares(len(cases), valid=valid, right=right)


def _passages_prompt(case: Mapping[str, Any]) -> str:
    listed = "\n".join(f"{place + 1}. {text}" for place, text in enumerate(case["passages"]))
    return f"{_PASSAGES}Passages:\n{listed}\nQuestion: {case['question']}\n"


def _passage(text: str) -> object:
    try:
        return json.loads(text)["passage"]
    except (ValueError, KeyError, TypeError):
        return None


def _shares(count: int, **found: int) -> Figures:
    return {name: round(value / count, 3) for name, value in found.items()}
