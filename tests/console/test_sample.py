"""The large sample organisation: every page has something to show, and filling it a second time changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_server import cli
from sync_server.bootstrap import build_office
from sync_server.office import Office
from sync_server.sample import large
from sync_server.settings import Settings
from tests.console.browsing import SMALL


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    home = tmp_path / "s"
    monkeypatch.setattr(large, "Size", lambda: SMALL)
    for words in ("init --tenant h --name H", "sample load --large", "sample load --large"):
        assert cli.main([*words.split(), "--home", str(home)]) == 0
    office = build_office(Settings(home, f"sqlite:///{home / 'server.db'}"))
    yield office
    office.service.store.close()


def test_everything_that_can_wait_waits_there_once(filled: Office) -> None:
    waiting = filled.waiting("h")
    assert (waiting.conflicts, waiting.parked) == (SMALL.conflicts, SMALL.parked)
    assert min(waiting.approvals, waiting.quarantined, waiting.devices) >= 1
    refused, _ = filled.audit_page("h", "outcome refused")
    assert refused
    assert filled.published("h").rollout.stages
    assert len(filled.decisions_told("h")) == SMALL.decisions
    assert len(filled.device_lines("h")) == SMALL.technicians + 1, "one waits to be approved"
    assert filled.verify_audit("h").why is None
