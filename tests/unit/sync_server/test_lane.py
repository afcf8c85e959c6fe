"""Writers that come together share a transaction, and nothing else."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sync_server.store.lane import TOGETHER_MAX, Apart, Lane


class Books:
    """A database that counts: each transaction is the list of what was done in it."""

    def __init__(self) -> None:
        self.committed: list[list[str]] = []
        self.at_commit: Callable[[], None] = lambda: None

    def transact(self, work_off: Callable[[Any, Apart], None]) -> None:
        page: list[str] = []

        def apart(work: Callable[[], Any]) -> Any:
            before = list(page)
            try:
                return work()
            except Exception:
                page[:] = before
                raise

        work_off(page, apart)
        self.at_commit()
        self.committed.append(page)


class Crowd:
    """One writer holds the transaction open until `size` others have come, each doing `act(number)`."""

    def __init__(self, books: Books, size: int, act: Callable[[list[str], int], object]) -> None:
        self.lane, self.gate, self.inside = Lane(books.transact), threading.Event(), threading.Event()
        self.results: dict[int, object] = {}
        first = threading.Thread(target=self.lane.run, args=(self._hold,))
        first.start()
        assert self.inside.wait(10)
        others = [threading.Thread(target=self._come, args=(number, act)) for number in range(size)]
        for number, other in enumerate(others):
            other.start()
            while len(self.lane._waiting) <= number:
                pass
        self.gate.set()
        for each in (first, *others):
            each.join(10)

    def _hold(self, page: list[str]) -> None:
        page.append("first")
        self.inside.set()
        assert self.gate.wait(10)

    def _come(self, number: int, act: Callable[[list[str], int], object]) -> None:
        try:
            self.results[number] = self.lane.run(lambda page: act(page, number))
        except Exception as error:  # noqa: BLE001
            self.results[number] = error


def write(page: list[str], number: int) -> int:
    page.append(f"n{number}")
    return number


def test_who_comes_while_one_writes_shares_the_next_transaction() -> None:
    books = Books()
    crowd = Crowd(books, 5, write)
    assert crowd.results == {number: number for number in range(5)}
    assert [sorted(page) for page in books.committed] == [["first"], ["n0", "n1", "n2", "n3", "n4"]]


def test_one_that_fails_leaves_nothing_and_harms_nobody() -> None:
    def act(page: list[str], number: int) -> int:
        write(page, number)
        if number == 1:
            raise ValueError("not this one")
        return number

    books = Books()
    crowd = Crowd(books, 3, act)
    assert isinstance(crowd.results.pop(1), ValueError)
    assert crowd.results == {0: 0, 2: 2}
    assert sorted(books.committed[1]) == ["n0", "n2"]


def test_a_commit_that_fails_fails_everybody_in_it() -> None:
    books = Books()

    def at_commit() -> None:
        if books.committed:
            raise OSError("no space")

    books.at_commit = at_commit
    crowd = Crowd(books, 3, write)
    assert all(isinstance(result, OSError) for result in crowd.results.values())
    assert len(books.committed) == 1


def test_a_great_crowd_takes_several_transactions_and_everybody_is_served() -> None:
    books = Books()
    crowd = Crowd(books, TOGETHER_MAX + 3, write)
    assert crowd.results == {number: number for number in range(TOGETHER_MAX + 3)}
    assert [len(page) for page in books.committed] == [1, TOGETHER_MAX, 3]


def test_alone_a_failure_is_raised_as_it_is() -> None:
    lane = Lane(Books().transact)
    with pytest.raises(ValueError, match="as it is"):
        lane.run(lambda _: (_ for _ in ()).throw(ValueError("as it is")))
