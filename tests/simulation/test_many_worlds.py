"""A hundred worlds that are always the same, and some that nobody has seen yet: no promise is broken in any of them.

A failure names the seed and the command that runs its world again.
"""

import os
from collections.abc import Iterator

import pytest

from simulators import world
from simulators.disks import obstacle
from simulators.explore import Campaign, only_what_matters, play
from tests.conftest import FRESH

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
FIXED, FRESH_ONES, TOGETHER = 100, 25, 5


@pytest.fixture(scope="module", autouse=True)
def templates() -> Iterator[None]:
    only_what_matters()
    yield
    world.forget_templates()


def all_is_well(first: int) -> None:
    campaign = Campaign(first, TOGETHER, profile="rough", devices=3, commands=12)
    for seed in range(first, first + TOGETHER):
        findings = play(campaign, seed).findings
        assert not findings, f"{campaign.replay(seed)}\n" + "\n".join(map(str, findings))


@pytest.mark.parametrize("first", range(0, FIXED, TOGETHER))
def test_no_promise_is_broken_in_a_world_that_is_always_the_same(first: int) -> None:
    all_is_well(first)


@pytest.mark.parametrize("offset", range(0, FRESH_ONES, TOGETHER))
def test_no_promise_is_broken_in_a_world_that_nobody_has_seen(offset: int) -> None:
    all_is_well(int(os.environ[FRESH]) + offset)
