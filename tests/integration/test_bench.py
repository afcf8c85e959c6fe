"""The benches at toy size: shape and counts. What they say about speed is theirs to report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.bench import figures as bench_figures
from simulators.bench import model
from simulators.bench.figures import Figures
from simulators.bench.postgres import Load, postgres
from simulators.bench.scaling import Ages, ledger_scaling, server_rss_growth
from simulators.bench.sync import Measured, Sizes, measure

TINY = Sizes(saves=20, commands=60, jobs=6, edits=8, records=30)
IDS_IN_EVERY_FIGURE = {"value", "unit", "floor", "ratio"}


@pytest.fixture(autouse=True)
def bench_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAILBOARD_BENCH_DIR", str(tmp_path))
    return tmp_path


def check(figures: Figures) -> None:
    for name, figure in figures.items():
        assert set(figure) == IDS_IN_EVERY_FIGURE, name
        assert figure["floor"] > 0, name


def test_the_road_counts_what_both_databases_hold(bench_dir: Path) -> None:
    measured = measure(TINY)
    check(measured.figures)
    assert {"save", "save_late", "apply", "resync", "pull", "wire_bytes"} <= set(measured.figures)
    assert measured.whole
    assert measured.counts["apply"] == {"sent": 180, "unsettled": 0, "lost": 0, "doubled": 0, "different": 0}
    assert measured.counts["resync"] == {"edited": 8, "merged": 4, "conflicts": 4, "lost": 0, "different": 0}
    assert measured.counts["pull"]["records"] >= 30
    assert list(bench_dir.iterdir()) == [], "scratch folders are removed"


@pytest.mark.parametrize("name", ["lost", "doubled", "unsettled", "different"])
def test_anything_missing_is_an_answer_of_no(name: str) -> None:
    assert not Measured({}, {"apply": {name: 1}}).whole


def test_a_long_life_is_measured_on_a_ledger_that_was_filled() -> None:
    check({"ledger_scaling": ledger_scaling(Ages(young=40, old=400, commands=20, turns=1))})
    check({"server_rss_growth": server_rss_growth(40, block=20)} | {})


@pytest.mark.requires("model")
def test_the_model_stands_beside_raw_llama_cpp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ANSWER_TOKENS", 6)
    monkeypatch.setattr(model, "PROMPT_TOKENS", 100)
    monkeypatch.setattr(model, "_NOTES", 2)
    figures, counts = model.measure(1)
    check(figures)
    assert {"decode_rate", "constrained_rate", "next_question_ttft", "proposal_p50", "peak_memory"} <= set(figures)
    assert counts["asked_the_model"] <= counts["notes"] == 2


@pytest.mark.requires("postgresql")
def test_postgresql_stands_beside_sqlite() -> None:
    told = postgres(Load(tenants=2, commands=10, turns=1))
    assert set(told) == {"postgres", "postgres_two"}
    check(told)


def test_without_postgresql_the_figures_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.bench.postgres.find_programs", lambda: None)
    told = postgres(Load())
    assert all("not installed" in figure["skipped"] for figure in told.values())
    assert all("skipped" in line for line in bench_figures.as_lines(told))


def test_the_verb_is_there() -> None:
    command = [sys.executable, "-m", "simulators.cli", "bench", "sync", "--help"]
    assert "--full" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_json_of_the_save_bench() -> None:
    command = [sys.executable, "-m", "simulators.cli", "bench", "save", "--commands", "10", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    check(told["figures"])


def test_a_decision_stands_beside_the_bare_calls_for_the_same_candidates() -> None:
    from simulators.bench.route import measure as measure_route

    told = measure_route(200)
    check(told)
    assert {"decide", "decide_p99", "classify"} <= set(told)


def test_the_gateway_is_measured_behind_a_real_server() -> None:
    from simulators.bench.gateway import measure as measure_gateway

    measured = measure_gateway(100, 0.2)
    check(measured.figures)
    assert set(measured.figures) == {
        "gateway_added_p50", "gateway_first_byte_delay", "gateway_rate", "gateway_exchange_cpu", "gateway_rss",
    }  # fmt: skip
    assert measured.counts["crowd"] > 0


def test_one_start_that_something_disturbed_changes_no_figure() -> None:
    from simulators.bench.tui import _in_turns, _middle

    order: list[str] = []
    taken = {"ours": iter([1.0, 9.0, 1.1]), "bare": iter([1.0, 1.0, 1.0])}

    def start(which: str) -> float:
        order.append(which)
        return next(taken[which])

    turns = _in_turns(3, lambda: start("ours"), lambda: start("bare"))
    assert _middle(turns, "s cpu") == {"value": 1.1, "unit": "s cpu", "floor": 1.0, "ratio": 1.1}
    assert order == ["ours", "bare", "bare", "ours", "ours", "bare"]


def test_the_screen_stands_beside_a_bare_app() -> None:
    from simulators.bench.tui import Load
    from simulators.bench.tui import measure as measure_screen

    figures = measure_screen(Load(jobs=30, rows=40, keys=10, turns=1))
    starts, keys = {"first_paint", "rows_shown", "memory", "help"}, {"jobs", "filter", "outbox", "while_writing"}
    assert starts | {f"key_{name}_p95" for name in keys} <= set(figures)
    check({name: each for name, each in figures.items() if "skipped" not in each})
