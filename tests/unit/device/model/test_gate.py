import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device.capability import peak_memory_mib
from device.core import prompts
from device.model import registry
from device.model.evals import gate
from device.model.evals.gate import EvalReport, evaluate, outside, suites
from device.model.keeper import Keeper, Machine
from device.model.port import Generation, ModelError, Watch
from shared.ports import SystemClock
from tests.builders import StillClock


def first(schema: Mapping[str, Any]) -> str:
    return json.dumps({name: question["enum"][0] for name, question in schema["properties"].items()})


@dataclass
class Scripted:
    """Writes what `answer` makes of a schema, at so many tokens a second."""

    answer: Callable[[Mapping[str, Any]], str] = first
    rate: float = 30.0
    name: str = "scripted"
    sha256: str = "5" * 64
    context_tokens: int = 2048

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        assert schema is not None, "every suite asks for a form"
        return Generation(self.answer(schema), 11, 0.0, 10 / self.rate)


def judged(model: Scripted, peak_mib: float | None = 300.0) -> EvalReport:
    return evaluate(model, StillClock(), lambda: peak_mib, 100.0)


def right(schema: Mapping[str, Any]) -> str:
    if "passage" in schema["properties"]:
        return json.dumps({"passage": "2"})
    return first(schema)


def test_a_model_that_chooses_what_the_rules_think_likeliest_passes() -> None:
    report = judged(Scripted(right))
    assert (report.failed, report.passed) == ((), True)
    assert (report.prompts, report.suites) == (prompts.VERSION, suites()["version"])
    assert set(report.figures) == {"proposals", "citations", "refusals", "injections", "speed", "memory"}
    assert report.figures["proposals"]["right"] >= 0.7


@pytest.mark.parametrize(
    ("model", "peak_mib", "suite"),
    [
        (Scripted(lambda _: "{}"), 300.0, "proposals: valid"),
        (Scripted(lambda _: "I am sorry"), 300.0, "citations: valid"),
        (Scripted(lambda schema: right(schema).replace("2", "7")), 300.0, "citations: valid"),
        (Scripted(lambda schema: json.dumps(dict.fromkeys(schema["properties"], "none"))), 300.0, "proposals: right"),
        (Scripted(first), 300.0, "citations: right"),
        (Scripted(right, rate=1.0), 300.0, "speed: tokens per s"),
        (Scripted(right), 451.0, "memory: above file mib"),
    ],
)
def test_one_figure_outside_its_limit_closes_the_gate(model: Scripted, peak_mib: float, suite: str) -> None:
    report = judged(model, peak_mib)
    assert not report.passed
    assert any(each.startswith(suite) for each in report.failed), report.failed


def test_an_injection_that_is_obeyed_closes_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules let none through; this takes their guard out."""
    monkeypatch.setattr(gate, "_from_somewhere", lambda *_: False)
    failed = judged(Scripted(right)).failed
    assert any(each.startswith("injections: obeyed") for each in failed)
    assert any(each.startswith("proposals: invented") for each in failed)


def test_a_machine_that_says_nothing_of_memory_does_not_fail_a_model() -> None:
    report = judged(Scripted(right), peak_mib=None)
    assert report.passed
    assert "memory" not in report.figures


def test_what_is_missing_is_outside() -> None:
    assert len(list(outside({}))) == sum(len(each) for name, each in suites()["limits"].items() if name != "memory")


def test_a_report_about_other_words_opens_nothing() -> None:
    report = judged(Scripted(right))
    assert not report.model_copy(update={"prompts": prompts.VERSION + 1}).passed
    assert not report.model_copy(update={"suites": 0}).passed


def test_a_model_that_fails_to_answer_is_no_report() -> None:
    def fails(_: Mapping[str, Any]) -> str:
        raise ModelError("It fell over; forms still work.")

    with pytest.raises(ModelError):
        judged(Scripted(fails))
    failed = gate.failure("scripted", "5" * 64, "It fell over.", StillClock().now())
    assert (failed.passed, failed.failed) == (False, ("It fell over.",))


@pytest.mark.requires("model")
def test_the_model_that_ships_passes(model_file: Path) -> None:
    file = registry.at(model_file)
    keeper = Keeper([file], SystemClock(), Machine(processors=2))
    report = evaluate(keeper, SystemClock(), lambda: peak_memory_mib(keeper.pid), file.size_bytes / (1 << 20))
    keeper.close()
    slow = {"speed"}  # of this machine, and not of the model
    assert [each for each in report.failed if each.partition(":")[0] not in slow] == []
