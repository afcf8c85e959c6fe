"""Routes do not flutter, and nothing that is remembered outlives a deny."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.boundary import Question, may_run
from policies.consent import counting
from policies.route import choose, class_of, is_interactive
from policies.stability import Stability, see_failure, see_link, settle, steady, thrash
from shared.routing import BOUNDARIES, DataClass, Decision, Link, Route
from tests.builders import NOW
from tests.routing import capability, consent, everywhere, request, shipped, without

DEVICE, CLUSTER, CLOUD = BOUNDARIES
RULES = shipped().rules.stability
WINDOW = timedelta(seconds=RULES.window_s)
SECOND = timedelta(seconds=1)


def watched(seen: Sequence[tuple[float, Link]]) -> Stability:
    state = Stability()
    for after_s, link in seen:
        state = see_link(state, RULES, link, NOW + timedelta(seconds=after_s))
    return state


def link_at(state: Stability, link: Link, at: datetime) -> Link:
    return steady(state, RULES, conversation=None, link=link, at=at).link


def test_a_link_gets_worse_at_once_and_better_after_a_whole_window() -> None:
    state = watched([(0, Link.UP), (1, Link.DOWN), (2, Link.UP)])
    assert link_at(state, Link.UP, NOW + 3 * SECOND) is Link.DOWN
    assert link_at(state, Link.UP, NOW + 2 * SECOND + WINDOW - SECOND) is Link.DOWN
    assert link_at(state, Link.UP, NOW + 2 * SECOND + WINDOW) is Link.UP
    assert link_at(state, Link.MARGINAL, NOW + 2 * SECOND + WINDOW) is Link.MARGINAL


def test_a_link_that_is_back_and_weak_counts_as_weak() -> None:
    state = watched([(0, Link.DOWN), (1, Link.UP), (30, Link.MARGINAL), (40, Link.UP)])
    assert link_at(state, Link.UP, NOW + timedelta(seconds=61)) is Link.MARGINAL


def test_before_anything_was_seen_the_link_is_what_it_is() -> None:
    for link in Link:
        assert link_at(Stability(), link, NOW) is link


def test_a_clock_that_went_backwards_starts_the_wait_anew() -> None:
    state = watched([(0, Link.DOWN), (100, Link.UP), (50, Link.UP)])
    assert link_at(state, Link.UP, NOW + timedelta(seconds=50) + WINDOW - SECOND) is Link.DOWN
    assert link_at(state, Link.UP, NOW + timedelta(seconds=50) + WINDOW) is Link.UP


def test_a_place_that_fails_again_and_again_rests() -> None:
    state = Stability()
    for after_s in range(RULES.failures):
        assert steady(state, RULES, conversation=None, link=Link.UP, at=NOW).unhealthy == ()
        state = see_failure(state, RULES, CLUSTER, NOW + after_s * SECOND)
    last = NOW + (RULES.failures - 1) * SECOND
    rest = timedelta(seconds=RULES.rest_s)
    assert steady(state, RULES, conversation=None, link=Link.UP, at=last).unhealthy == (CLUSTER,)
    assert steady(state, RULES, conversation=None, link=Link.UP, at=last + rest).unhealthy == ()
    state = see_failure(state, RULES, CLUSTER, last + rest)
    assert steady(state, RULES, conversation=None, link=Link.UP, at=last + rest).unhealthy == (CLUSTER,)
    over = last + rest + timedelta(seconds=RULES.health_s)
    state = see_failure(state, RULES, CLUSTER, over)
    assert steady(state, RULES, conversation=None, link=Link.UP, at=over).unhealthy == ()


class Conversation:
    """One laptop that asks about one job again and again."""

    def __init__(self) -> None:
        self.state = Stability()
        self.decisions: list[Decision] = []

    def ask(self, at: datetime, link: Link = Link.UP, **facts: object) -> Route:
        self.state = see_link(self.state, RULES, link, at)
        known = {place: each.model_copy(update={"measured_at": at, "expires_at": at + WINDOW})
                 for place, each in everywhere().items()}  # fmt: skip
        asked = request(**({"link": link, "known": known} | facts))
        advice = steady(self.state, RULES, conversation=asked.conversation, link=link, at=at)
        decision = choose(shipped(), asked, at, advice)
        self.state = settle(self.state, RULES, decision)
        self.decisions.append(decision)
        return decision.route

    def switches(self) -> list[datetime]:
        pairs = zip(self.decisions, self.decisions[1:], strict=False)
        return [later.decided_at for earlier, later in pairs if earlier.route is not later.route]


def test_a_conversation_stays_where_it_began_as_long_as_it_goes_on() -> None:
    talk = Conversation()
    hot = {**everywhere(), DEVICE: capability(throttled=True)}
    assert talk.ask(NOW, known=hot) is CLUSTER
    later = NOW
    for _ in range(20):
        later += timedelta(seconds=RULES.affinity_s - 1)
        assert talk.ask(later) is CLUSTER
    assert talk.ask(later, conversation="WO-2") is DEVICE
    assert talk.ask(later + timedelta(seconds=RULES.affinity_s)) is DEVICE
    assert talk.state.switched == 0, "who paused so long begins anew"


def test_the_lifetime_counts_from_where_the_conversation_began() -> None:
    rules = RULES.model_copy(update={"lifetime_s": 300, "affinity_s": 0})
    state, held = Stability(), []
    for after_s in (0, 100, 299, 300):
        at = NOW + after_s * SECOND
        advice = steady(state, rules, conversation="WO-1", link=Link.UP, at=at)
        held.append(advice.held)
        known = {CLUSTER: capability(measured_at=at, expires_at=at + SECOND, context_tokens=9000)}
        state = settle(state, rules, choose(shipped(), request(known=known), at, advice))
    assert held == [None, CLUSTER, CLUSTER, None]


def test_a_hold_ends_with_the_deny_and_does_not_come_back() -> None:
    talk = Conversation()
    hot = {**everywhere(), DEVICE: capability(throttled=True)}
    assert talk.ask(NOW, known=hot) is CLUSTER
    assert talk.ask(NOW + SECOND, data_class=DataClass.PERSONAL) is DEVICE
    assert talk.ask(NOW + 2 * SECOND) is DEVICE
    assert talk.state.switched == thrash(talk.state, RULES, NOW + 2 * SECOND) == 1
    assert thrash(talk.state, RULES, NOW + 2 * SECOND + WINDOW) == 0


def test_what_runs_nowhere_is_held_nowhere() -> None:
    talk = Conversation()
    assert talk.ask(NOW, purpose="summarise") is CLUSTER
    assert talk.ask(NOW + SECOND, data_class=DataClass.RESTRICTED, known=without(DEVICE)) is Route.REFUSE
    assert talk.state.holds == {}


@given(st.lists(st.tuples(st.floats(1, RULES.window_s / 2), st.sampled_from(Link)), min_size=2, max_size=60))
def test_at_the_edge_of_coverage_a_route_switches_at_most_once_in_a_window(seen: list[tuple[float, Link]]) -> None:
    """Flutter: no stretch without a bad moment is as long as a window, so there is one switch, to the laptop."""
    talk, at, good_for = Conversation(), NOW, 0.0
    for after_s, drawn in seen:
        good_for = good_for + after_s if drawn is Link.UP else 0.0
        link = drawn if good_for < RULES.window_s / 2 else Link.DOWN
        good_for = 0.0 if link is not Link.UP else good_for
        at += timedelta(seconds=after_s)
        talk.ask(at, link, purpose="summarise")
    switches = talk.switches()
    assert all(later - earlier >= WINDOW for earlier, later in itertools.pairwise(switches))
    assert talk.state.switched == len(switches) <= 1


@given(st.lists(st.tuples(st.floats(0.1, 3 * RULES.window_s), st.sampled_from(Link)), min_size=2, max_size=40))
def test_whatever_the_link_does_nothing_moves_out_twice_in_a_window(seen: list[tuple[float, Link]]) -> None:
    talk, at = Conversation(), NOW
    for after_s, link in seen:
        at += timedelta(seconds=after_s)
        talk.ask(at, link, purpose="summarise")
    pairs = zip(talk.decisions, talk.decisions[1:], strict=False)
    out = [later.decided_at for earlier, later in pairs if (earlier.route, later.route) == (DEVICE, CLUSTER)]
    assert all(later - earlier >= WINDOW for earlier, later in itertools.pairwise(out))


@given(
    st.lists(
        st.tuples(
            st.floats(0, 200),
            st.sampled_from(Link),
            st.sampled_from(DataClass),
            st.booleans(),
            st.sampled_from(["answer", "summarise", "propose"]),
            st.sampled_from([None, *BOUNDARIES]),
        ),
        max_size=25,
    )
)
@pytest.mark.parametrize("lifetime_s", [0, 10**8])
def test_no_deny_is_ever_outlived(
    lifetime_s: float, steps: list[tuple[float, Link, DataClass, bool, str, Route | None]]
) -> None:
    """Whatever was held, however long: where it runs is permitted then, by policies asked without memory."""
    rules = RULES.model_copy(update={"lifetime_s": lifetime_s, "affinity_s": lifetime_s})
    state, at = Stability(), NOW
    for after_s, link, data_class, agreed, purpose, failing in steps:
        at += timedelta(seconds=after_s)
        state = see_link(state, rules, link, at)
        if failing:
            state = see_failure(state, rules, next(each for each in BOUNDARIES if each is failing), at)
        given = (consent(purpose=purpose, expires_at=at + SECOND),) if agreed else ()
        known = {place: each.model_copy(update={"measured_at": at, "expires_at": at + WINDOW})
                 for place, each in everywhere().items()}  # fmt: skip
        asked = request(link=link, data_class=data_class, consents=given, purpose=purpose, known=known)
        decision = choose(shipped(), asked, at, steady(state, rules, conversation="WO-1", link=link, at=at))
        state = settle(state, rules, decision)
        consented = frozenset(counting(asked, class_of(asked), at))
        question = Question(asked, class_of(asked), is_interactive(shipped().rules, asked), consented)
        permitted = {place for place, verdict in may_run(shipped(), question, at).items() if verdict.permitted}
        assert {decision.route, *decision.fallbacks, *decision.waits_for} <= {*permitted, Route.QUEUE, Route.REFUSE}
