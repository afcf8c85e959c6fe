"""Laptops of simulated worlds tell their evidence, too, and the same world always the same way."""

import pytest

from shared.evidence import EvidencePlace
from simulators.disks import obstacle
from simulators.world import Options, run
from simulators.world.options import Habits
from sync_server.telemetry.taking import Witness

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")


def test_worlds_tell_their_evidence_the_same_way_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[EvidencePlace, int]] = []
    take = Witness._take

    def taking(self: Witness, *what: object) -> EvidencePlace:
        place = take(self, *what)  # type: ignore[arg-type]
        told.append((place, len(what[4])))  # type: ignore[arg-type]
        return place

    monkeypatch.setattr(Witness, "_take", taking)
    options = Options(devices=2, commands=4, habits=Habits(wonders=1.0))
    first, once = run(5, options), list(told)
    told.clear()
    again = run(5, options)
    assert (first.trace, once) == (again.trace, told)
    assert sum(number for _, number in once) > 4
