"""The line of one upstream, whatever comes in whatever order."""

import math
from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync_server.cluster.admission import RETRY_MAX_S, Begun, Line, Overloaded, Ticket, Waiting


class Lines(RuleBasedStateMachine):
    """Tickets come, run, and give up; the line is compared with a plain picture of it."""

    @initialize(slots=st.integers(1, 4), queue_max=st.integers(0, 5))
    def open(self, slots: int, queue_max: int) -> None:
        self.slots, self.queue_max = slots, queue_max
        self.line = Line(slots, queue_max)
        self.running: set[Ticket] = set()
        self.waiting: set[Ticket] = set()
        self.number = 0

    @rule(priority=st.integers(0, 2))
    def come(self, priority: int) -> None:
        self.number += 1
        ticket = Ticket(priority, self.number)
        match self.line.ask(ticket, 0.0):
            case Begun():
                assert not self.waiting, "nobody overtakes who waits"
                self.running.add(ticket)
            case Waiting(displaced):
                self.waiting.add(ticket)
                if displaced is not None:
                    assert displaced == max(self.waiting), "the least urgent goes"
                    assert displaced.priority > priority, "only more urgent work displaces"
                    self.waiting.remove(displaced)
            case Overloaded(retry_after_s):
                assert len(self.running) == self.slots
                assert len(self.waiting) == self.queue_max
                assert 1 <= retry_after_s <= RETRY_MAX_S

    @rule(data=st.data(), ran_s=st.none() | st.floats(0, 100))
    def leave(self, data: st.DataObject, ran_s: float | None) -> None:
        if not self.running | self.waiting:
            return
        ticket = data.draw(st.sampled_from(sorted(self.running | self.waiting)))
        self.running.discard(ticket)
        self.waiting.discard(ticket)
        for begun in self.line.leave(ticket, ran_s):
            assert begun == min(self.waiting), "the most urgent, then whoever came first"
            self.waiting.remove(begun)
            self.running.add(begun)

    @invariant()
    def bounds_hold_and_no_slot_is_idle(self) -> None:
        if not hasattr(self, "line"):
            return
        assert (self.line.running, self.line.waiting) == (len(self.running), len(self.waiting))
        assert len(self.running) <= self.slots
        assert len(self.waiting) <= self.queue_max
        assert not self.waiting or len(self.running) == self.slots


TestLines = Lines.TestCase


def full_line(mean_s: float = 2.0) -> tuple[Line, Iterator[int]]:
    line, numbers = Line(slots=1, queue_max=3, mean_s=mean_s), iter(range(1, 100))
    assert line.ask(Ticket(1, next(numbers)), 0.0) == Begun()
    return line, numbers


def test_what_cannot_begin_in_time_does_not_wait_in_vain() -> None:
    line, numbers = full_line()
    assert line.ask(Ticket(1, next(numbers), deadline_s=1.0), 0.0) == Overloaded(2)
    assert line.ask(Ticket(1, next(numbers), deadline_s=2.5), 0.0) == Waiting()
    assert line.ask(Ticket(0, next(numbers), deadline_s=2.5), 0.0) == Waiting(), "urgent work stands before it"


def test_the_time_to_come_back_is_what_the_line_measured() -> None:
    line, numbers = full_line(mean_s=1.0)
    waiting = [Ticket(1, next(numbers)) for _ in range(3)]
    assert [line.ask(each, 0.0) for each in waiting] == [Waiting()] * 3
    assert line.ask(Ticket(1, next(numbers)), 0.0) == Overloaded(4)
    for each in waiting:
        line.leave(each)
    for _ in range(50):
        line.leave(Ticket(9, 0), ran_s=10.0)
    assert line.retry_after_s == math.ceil(line.wait_s())
    assert 9 <= line.wait_s() <= 10
