from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from device.core.session import BACKOFF_MAX, Ask, Push, Queue, Rest, Session
from shared.sync import COMMANDS_MAX
from tests.builders import NOW

ids = st.lists(st.uuids().map(str), max_size=5).map(tuple)


@given(ids, ids, ids)
def test_while_anything_is_in_doubt_only_the_question_is_sent(
    in_doubt: tuple[str, ...], saved: tuple[str, ...], held: tuple[str, ...]
) -> None:
    action = Session().next_action(NOW, Queue(in_doubt, saved, held))
    if in_doubt:
        assert action == Ask(in_doubt)
    elif saved:
        assert action == Push(saved)
    else:
        assert action == (Ask(held) if held else Push(()))


@given(ids, st.booleans())
def test_offline_nothing_is_tried(queue: tuple[str, ...], asked: bool) -> None:
    session = Session(online=False)
    if asked:
        session.send_now()
    assert session.next_action(NOW, Queue(queue, queue, queue)) == Rest(None)


def test_a_round_carries_at_most_one_rounds_worth() -> None:
    many = tuple(map(str, range(COMMANDS_MAX + 5)))
    assert Session().next_action(NOW, Queue(saved=many)) == Push(many[:COMMANDS_MAX])


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True))
def test_each_failure_waits_longer_up_to_a_limit_and_never_hammers(failures: int, spread: float) -> None:
    session = Session()
    waits = []
    for _ in range(failures):
        session.failed(NOW, spread)
        assert session.not_before is not None
        waits.append(session.not_before - NOW)
        assert session.next_action(NOW, Queue(saved=("x",))) == Rest(session.not_before)
    assert waits == sorted(waits)
    assert timedelta(seconds=0.5) <= waits[0]
    assert waits[-1] <= BACKOFF_MAX


def test_the_server_may_ask_for_more_patience() -> None:
    session = Session()
    session.failed(NOW, 0.0, retry_after=timedelta(minutes=30))
    assert session.not_before == NOW + timedelta(minutes=30)


def test_after_an_answer_new_work_goes_at_once_and_idling_waits() -> None:
    session = Session()
    session.answered(NOW, more=False)
    assert isinstance(session.next_action(NOW, Queue()), Rest)
    assert session.next_action(NOW, Queue(saved=("x",))) == Push(("x",))
    session.answered(NOW, more=True)
    assert session.next_action(NOW, Queue()) == Push(())


def test_a_person_who_asks_does_not_wait() -> None:
    session = Session()
    session.failed(NOW, 0.9)
    session.send_now()
    assert session.next_action(NOW, Queue(in_doubt=("x",))) == Ask(("x",))


def test_a_clock_that_was_set_back_does_not_stop_the_work() -> None:
    session = Session()
    session.failed(NOW, 0.5)
    assert session.next_action(NOW - timedelta(days=1), Queue(saved=("x",))) == Push(("x",))
