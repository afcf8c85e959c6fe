"""What is done next with a task, without a database: time first, then the decision, then what came of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.records import ANSWER_CHARS_MAX, TaskStatus
from shared.routing import DataClass, Link, Obstacle, Refusal, Route, RouteRequest
from simulators.cluster import answer
from sync_server.cluster.queue.port import Broke, Busy, QueuedTask
from sync_server.cluster.queue.steps import Done, Later, Limits, Over, Run, after_run, expired, first
from sync_server.store import TaskEntry
from tests.builders import NOW, new_id
from tests.contract.tasks.world import HouseRule

LIMITS = Limits(attempts_max=3, run_s=100.0, pause_s=5.0, pause_max_s=60.0)
ROW = TaskEntry("t", new_id(), TaskStatus.QUEUED, NOW, NOW + timedelta(hours=1), fence=3)
REQUEST = RouteRequest(
    tenant="t",
    device="TB-01",
    actor="a.okafor",
    purpose="answer",
    data_class=DataClass.INTERNAL,
    input_chars=9,
    link=Link.UP,
)
DECISION = HouseRule().choose(REQUEST, NOW)


def decided(route: Route, **more: Any) -> Any:
    return DECISION.model_copy(update={"route": route, **more})


def running() -> tuple[TaskEntry, Run, QueuedTask]:
    run = first(ROW, decided(Route.PRIVATE_CLUSTER), NOW, LIMITS)
    assert isinstance(run, Run)
    row = replace(ROW, state=TaskStatus.RUNNING, attempts=1)
    task = QueuedTask(
        "t",
        ROW.command,
        3,
        "d",
        "a",
        "answer",
        "?",
        None,
        DataClass.INTERNAL,
        REQUEST.tier,
        9,
        run.places,
        9.0,
        DECISION.hash,
        "1",
        "x",
    )
    return row, run, task


@given(late_s=st.floats(min_value=0, max_value=1e6), route=st.sampled_from(Route))
def test_what_is_over_its_time_never_runs_whatever_was_decided(late_s: float, route: Route) -> None:
    step = first(ROW, decided(route), ROW.expires_at + timedelta(seconds=late_s), LIMITS)
    assert isinstance(step, Over)
    assert step.status is TaskStatus.EXPIRED


@given(left_s=st.floats(min_value=0.001, max_value=1e5), route=st.sampled_from(Route))
def test_only_what_may_run_at_this_servers_places_runs_and_never_beyond_its_time(left_s: float, route: Route) -> None:
    now = ROW.expires_at - timedelta(seconds=left_s)
    step = first(ROW, decided(route, fallbacks=(Route.DEVICE,)), now, LIMITS)
    assert isinstance(step, Run) is (route in {Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD})
    if isinstance(step, Run):
        assert step.places == (route,)
        assert now + timedelta(seconds=step.within_s) <= ROW.expires_at + timedelta(milliseconds=1)
    if isinstance(step, Later):
        assert now < step.at <= ROW.expires_at


def test_the_decisions_own_place_comes_before_its_fallbacks() -> None:
    step = first(ROW, decided(Route.MANAGED_CLOUD, fallbacks=(Route.PRIVATE_CLUSTER, Route.DEVICE)), NOW, LIMITS)
    assert isinstance(step, Run)
    assert step.places == (Route.MANAGED_CLOUD, Route.PRIVATE_CLUSTER)


def test_a_refusal_says_why_and_what_to_do() -> None:
    why = Refusal(route=Route.PRIVATE_CLUSTER, obstacle=Obstacle.NOT_PERMITTED, reason="internal work stays here")
    told = decided(Route.REFUSE, why_not=(why,), advice="Ask again with a consent.")
    step = first(ROW, told, NOW, LIMITS)
    assert step == Over(TaskStatus.REFUSED, "internal work stays here. Ask again with a consent.")


def test_expiry_keeps_the_last_word() -> None:
    step = expired(replace(ROW, detail="no room"), ROW.expires_at)
    assert step
    assert step.detail.endswith("The last word on it: no room")


@pytest.mark.parametrize(("attempts", "ends"), [(1, False), (2, False), (3, True)])
def test_so_many_tries_and_no_more(attempts: int, ends: bool) -> None:
    row, run, _ = running()
    step = after_run(replace(row, attempts=attempts), run, Broke("it broke"), LIMITS, NOW)
    assert isinstance(step, Over) is ends
    if isinstance(step, Over):
        assert step.status is TaskStatus.FAILED


@given(tries=st.integers(min_value=0, max_value=10_000), after=st.none() | st.floats(min_value=0, max_value=1e9))
def test_no_room_is_waited_for_and_never_too_long(tries: int, after: float | None) -> None:
    row, run, _ = running()
    step = after_run(replace(row, tries=tries), run, Busy("full", after), LIMITS, NOW)
    assert isinstance(step, Later)
    assert step.unsent
    assert NOW < step.at <= NOW + timedelta(seconds=LIMITS.pause_max_s)


def test_an_answer_counts_for_its_own_task_fence_and_place() -> None:
    row, run, task = running()
    right = answer(task)
    assert isinstance(after_run(row, run, right, LIMITS, NOW), Done)
    wrongs = [
        replace(right, fence=2),
        replace(right, answer=right.answer.model_copy(update={"task": new_id()})),
        replace(right, answer=right.answer.model_copy(update={"route": Route.MANAGED_CLOUD})),
        replace(right, answer=right.answer.model_copy(update={"route": Route.DEVICE})),
    ]
    for wrong in wrongs:
        assert isinstance(after_run(row, run, wrong, LIMITS, NOW), Later)


@given(length=st.integers(min_value=0, max_value=3 * ANSWER_CHARS_MAX))
def test_every_answer_fits_a_record(length: int) -> None:
    row, run, task = running()
    told = answer(task)
    long = replace(told, answer=told.answer.model_copy(update={"text": "x" * length}))
    step = after_run(row, run, long, LIMITS, NOW)
    assert isinstance(step, Done)
    assert len(step.answer.text) <= ANSWER_CHARS_MAX
    assert step.truncated is (length > ANSWER_CHARS_MAX)


def test_a_request_that_names_an_obstacle_is_a_house_rule() -> None:
    """The stand-in for policies that the tests of this road use says what it means."""
    told = HouseRule().choose(REQUEST.model_copy(update={"output_tokens": 2000}), NOW)
    assert told.why_not == (
        Refusal(route=Route.PRIVATE_CLUSTER, obstacle=Obstacle.NEEDS_APPROVAL, reason="needs_approval"),
    )
