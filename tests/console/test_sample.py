"""The large sample organisation: every page has something to show, and filling it a second time changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_server import cli
from sync_server.bootstrap import build_office
from sync_server.console.home import KEY_WARNED
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
    assert {str(each.fields["status"]) for each in filled.page_of("h", "conflict")} == {"open", "resolved"}
    assert any(each.fields["questions"] for each in filled.page_of("h", "conflict", "open"))
    keys = {each.device.key_expires_at for each in filled.device_lines("h")}
    now = filled.service.ports.clock.now()
    assert {at < now for at in keys if at and at - now < KEY_WARNED} == {True, False}, "one ran out, one will soon"
    assert len(filled.decisions_told("h")) == SMALL.decisions
    assert len(filled.device_lines("h")) == SMALL.technicians + 1, "one waits to be approved"
    assert filled.verify_audit("h").why is None


def test_models_and_policies_are_in_force_on_their_way_and_gone_back_from(filled: Office) -> None:
    catalogue, policies = filled.model_catalogue("h"), filled.published("h")
    for rollout in (catalogue.rollout, policies.rollout):
        assert rollout.in_force
        assert rollout.stages
        assert max(each.version for each in rollout.stages) > rollout.in_force
    assert {each.mode for each in catalogue.rollout.stages} == {"in_force", "shadow"}
    reports = filled.model_reports("h")
    assert {bool(told.failed) for _, told in reports.values()} == {True, False}
    assert {bool(each.why_not) for each in filled.incoming_models()} == {True, False}
    acts = {str(each.body.get("act")) for each in filled.audit_page("h", limit=5000)[0]}
    assert {"model rolled back", "bundle rolled back"} <= acts
