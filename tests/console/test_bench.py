"""The bench of the console's pages, over little: it measures every page, and what it copies is really there."""

import pytest

from simulators.bench import console as bench


def test_every_page_is_measured_beside_a_floor_and_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_programs", lambda: None)
    figures = bench.measure(bench.Load(conflicts=120, links=3000, rounds=2))
    assert {f"sqlite_{name}" for name, _ in bench.PAGES} <= figures.keys()
    assert all(each["value"] > 0 and each["floor"] > 0 for name, each in figures.items() if name != "postgresql")
    assert figures["sqlite_page_weight"]["value"] < bench.WEIGHT_KB
    assert "skipped" in figures["postgresql"]
