"""Several servers over one PostgreSQL work questions off: one of them takes each, and who is late is fenced off."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared.records import TaskStatus
from sync_server.cluster.queue.desk import TaskDesk
from sync_server.office import Office
from sync_server.service import Service
from tests.builders import StillClock
from tests.contract.tasks.world import LEASE_S, LIMITS, Questions
from tests.integration.test_replicas import replica
from tests.postgres import Cluster
from tests.served import TENANT, empty_database

pytestmark = pytest.mark.requires("postgresql")


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@pytest.fixture
def questions(office: Office) -> Questions:
    clock = office.service.ports.clock
    assert isinstance(clock, StillClock)
    return Questions(office, clock)


@contextmanager
def servers(questions: Questions, count: int) -> Iterator[list[Service]]:
    made = [replica(questions.office, number) for number in range(1, count + 1)]
    yield made
    for each in made:
        each.store.close()


def work_until_empty(questions: Questions, service: Service, start: threading.Barrier) -> int:
    """How many tasks one server took, working beside the others."""
    worker = questions.worker(desk=TaskDesk(service, questions.policy, service.ports.new_id(), LIMITS))
    start.wait()
    taken = 0
    while asyncio.run(worker.step(questions.clock.now())):
        taken += 1
    return taken


def test_two_servers_at_once_run_each_task_once(questions: Questions) -> None:
    commands = [questions.ask(f"question {n}") for n in range(12)]
    start = threading.Barrier(2)
    with servers(questions, 2) as both, ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(lambda service: work_until_empty(questions, service, start), both))
    while asyncio.run(questions.step()):
        pass  # what a worker left because it had to give way
    assert sum(taken) <= len(commands)
    assert {questions.task(each).status for each in commands} == {TaskStatus.DONE}
    assert Counter(task for task, _ in questions.came) == Counter(commands)


def test_a_row_that_another_server_holds_is_passed_over_not_waited_for(questions: Questions) -> None:
    first, second = questions.ask("one"), questions.ask("two")
    now = questions.clock.now()
    until = now + timedelta(seconds=LEASE_S)
    with servers(questions, 2) as (one, two), one.store.transaction() as tx:
        held = tx.lease_task("one", now, until)
        assert held
        other = TaskDesk(two, questions.policy, "two", LIMITS).lease(now, until)
        assert other
        assert {held.command, other.command} == {first, second}
        assert TaskDesk(two, questions.policy, "two", LIMITS).lease(now, until) is None


def test_what_another_server_took_over_is_not_written_by_the_first(questions: Questions) -> None:
    command = questions.ask()
    now = questions.clock.now()
    with servers(questions, 2) as (one, two):
        slow: Any = TaskDesk(one, questions.policy, "one", LIMITS)
        row = slow.lease(now, now + timedelta(seconds=LEASE_S))
        questions.pass_time(LEASE_S + 1)
        worker = questions.worker(desk=TaskDesk(two, questions.policy, "two", LIMITS))
        assert asyncio.run(worker.step(questions.clock.now()))
        known = questions.engine().known()
        assert slow.dispatch(row, known, questions.clock.now(), questions.clock.now()) is None
    assert (questions.task(command).status, questions.came) == (TaskStatus.DONE, [(command, 2)])
    with questions.office.service.store.transaction() as tx:
        assert tx.tasks_in(TENANT, (TaskStatus.QUEUED, TaskStatus.RUNNING)) == []
