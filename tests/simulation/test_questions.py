"""Questions in a world: some leave, some may not, people change their minds, and what happened is written down."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.routing import DataClass
from simulators import world
from simulators.checkers import judged
from simulators.crossings import Arrived, Asked, Left, TookBack, mark_of
from simulators.disks import obstacle
from simulators.faults import LOSSY, Hits
from simulators.world import Options, Run, run
from simulators.world.options import Habits

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")

ROUTES = {
    "upstream_down": 0.2,
    "upstream_closes": 0.2,
    "upstream_hangs": 0.2,
    "upstream_redirects": 0.5,
    "consent_taken_back": 0.5,
}
OPTIONS = Options(2, 16, replace(LOSSY, **ROUTES), habits=Habits(wonders=0.6))


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[Run]]:
    yield [run(seed, OPTIONS) for seed in range(1, 7)]
    world.forget_templates()


def test_every_fault_of_the_route_happens_and_nothing_crosses_unpermitted(worlds: list[Run]) -> None:
    hits = Hits()
    for each in worlds:
        hits.update(each.hits)
        assert (each.unsettled, each.errors) == ((), ())
        assert [finding for found in judged(each.evidence).values() for finding in found] == []
    assert {name for name in ROUTES if not hits[name]} == set()


def test_what_leaves_is_of_every_kind_that_may(worlds: list[Run]) -> None:
    crossings = [each for run in worlds for each in run.evidence.crossings]
    assert {type(each) for each in crossings} >= {Arrived, Left, TookBack}
    sensitive = 0
    for run_ in worlds:
        asked = {each.mark: each for each in run_.evidence.crossings if isinstance(each, Asked)}
        left = {asked[str(mark_of(each.body))] for each in run_.evidence.crossings if isinstance(each, Left)}
        sensitive += sum(each.true_class in {DataClass.PERSONAL, DataClass.RESTRICTED} for each in left)
        assert len(left) < len(asked), "what may not leave is asked, too"
    assert sensitive > 0, "somebody agreed, and what is sensitive left"


def test_questions_do_not_make_two_worlds_of_one_seed(worlds: list[Run]) -> None:
    again = run(1, OPTIONS)
    assert (again.trace, again.steps_hash) == (worlds[0].trace, worlds[0].steps_hash)
    assert again.evidence.crossings == worlds[0].evidence.crossings
