"""The world of this folder."""

from collections.abc import Iterator

import pytest

import shared.commands
from shared.commands import CATALOGUE
from sync_server.office import Office
from tests.builders import StillClock
from tests.contract.systems.acceptance.world import ADAPTERS, Parts, SpareWanted
from tests.served import office

__all__ = ["office"]


@pytest.fixture
def _spare_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.commands, "CATALOGUE", {**CATALOGUE, SpareWanted.kind.name: SpareWanted})


@pytest.fixture(params=sorted(ADAPTERS))
def parts(request: pytest.FixtureRequest, office: Office, _spare_wanted: None) -> Iterator[Parts]:
    clock = office.service.ports.clock
    assert isinstance(clock, StillClock)
    yield Parts(office, clock, request.param)
    office.service.store.close()
