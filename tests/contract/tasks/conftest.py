"""The world of this folder."""

import pytest

from sync_server.office import Office
from tests.builders import StillClock
from tests.contract.tasks.world import Questions


@pytest.fixture
def questions(office: Office) -> Questions:
    clock = office.service.ports.clock
    assert isinstance(clock, StillClock)
    return Questions(office, clock)
