"""What a tenant and its people may use in a window, however many processes count."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import given

from sync_server.cluster.quota import Allowance, Book, Given, OneProcess, Quotas, Spent
from tests.builders import NOW

Whom = Sequence[tuple[str, Allowance]]
TENANT = ("t", Allowance(requests=3, tokens=100, window_s=60))
ACTOR = ("t/a", Allowance(requests=2, tokens=100, window_s=60))
OTHER = ("t/b", Allowance(requests=2, tokens=100, window_s=60))
LARGE = ("t", Allowance(requests=1000, tokens=100_000, window_s=60))


class Process:
    """One server's purses over a book."""

    def __init__(self, book: Book) -> None:
        self.book, self.quotas, self.drawn = book, Quotas(), 0

    def take(self, whom: Whom, tokens: int, second: float) -> Spent | None:
        now = NOW + timedelta(seconds=second)
        while wanted := self.quotas.take(whom, tokens, now):
            self.drawn += 1
            found = asyncio.run(self.book.draw(wanted, now))
            if isinstance(found, Spent):
                return found
            self.quotas.add(found, now)
        return None

    def bring_back(self, second: float) -> None:
        asyncio.run(self.book.bring_back(self.quotas.unused(NOW + timedelta(seconds=second))))


def test_both_must_have_room_or_neither_pays() -> None:
    here = Process(OneProcess())
    assert here.take([TENANT, ACTOR], 10, 0) is None
    assert here.take([TENANT, ACTOR], 10, 1) is None
    assert here.take([TENANT, ACTOR], 10, 2) == Spent("t/a", 58)
    assert here.take([TENANT, OTHER], 10, 3) is None, "the tenant did not pay for what its person was refused"
    assert here.take([TENANT, OTHER], 10, 4) == Spent("t", 56)
    assert here.take([TENANT, ACTOR], 10, 61) is None


def test_reserved_tokens_are_put_right() -> None:
    here = Process(OneProcess())
    assert here.take([TENANT], 90, 0) is None
    assert here.take([TENANT], 20, 0) == Spent("t", 60)
    here.quotas.put_right(["t"], reserved=90, taken=30)
    assert here.take([TENANT], 70, 0) is None
    assert here.take([TENANT], 1, 0) == Spent("t", 60)


def test_several_processes_share_one_quota() -> None:
    book = OneProcess()
    one, two = Process(book), Process(book)
    assert [one.take([TENANT], 10, 0), two.take([TENANT], 10, 0), one.take([TENANT], 10, 0)] == [None] * 3
    assert two.take([TENANT], 10, 1) == Spent("t", 59)
    assert one.take([TENANT], 10, 1) == Spent("t", 59)


def test_a_share_lasts_for_many_tasks_and_what_is_not_used_comes_back() -> None:
    book = OneProcess()
    one, two = Process(book), Process(book)
    for _ in range(20):
        assert one.take([LARGE], 10, 0) is None
    assert one.drawn == 1, "a share of many is drawn at once"
    assert one.take([LARGE], 10, 0) is None
    taken = 0
    while two.take([LARGE], 10, 1) is None:
        taken += 1
    assert taken == 1000 - 40, "what the other holds is not there"
    one.bring_back(7)
    assert two.take([LARGE], 10, 8) is None
    while two.take([LARGE], 10, 8) is None:
        taken += 1
    assert taken + 1 + 21 == 1000, "in the end nothing is left over"


def test_what_took_more_than_was_reserved_is_owed() -> None:
    book = OneProcess()
    one, two = Process(book), Process(book)
    assert one.take([TENANT], 10, 0) is None
    one.quotas.put_right(["t"], reserved=10, taken=95)
    one.bring_back(9)
    assert two.take([TENANT], 10, 10) == Spent("t", 50)


def test_a_clock_that_was_set_back_closes_no_window_for_long() -> None:
    book = OneProcess()
    assert Process(book).take([TENANT], 100, 7200) is None
    assert Process(book).take([TENANT], 100, 0) is None


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60), st.integers(0, 30), st.booleans())))
def test_no_window_gives_more_than_it_has(asked: list[tuple[int, int, int, bool]]) -> None:
    book = OneProcess()
    processes, second = [Process(book), Process(book)], 0
    taken: list[tuple[int, int]] = []
    for which, tokens, later_s, brings_back in asked:
        second += later_s
        if brings_back:
            processes[which].bring_back(second)
        elif processes[which].take([TENANT], tokens, second) is None:
            taken.append((second, tokens))
    for at, _ in taken:  # a window begins with a task; two windows may touch
        within = [tokens for when, tokens in taken if at <= when < at + 60]
        assert len(within) <= 2 * 3
        assert sum(within) <= 2 * 100


def test_a_window_that_ended_takes_nothing_back() -> None:
    book = OneProcess()
    one = Process(book)
    assert one.take([TENANT], 100, 0) is None
    asyncio.run(book.bring_back([Given("t", NOW + timedelta(seconds=60), 0, 0)]))
    assert one.quotas.unused(NOW + timedelta(seconds=61)) == []
