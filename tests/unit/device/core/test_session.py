from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from device.core.session import (
    BACKOFF_MAX,
    SHUT_OUT_EVERY,
    TOGETHER_MIN,
    Action,
    Ask,
    Close,
    Push,
    Queue,
    Rest,
    Session,
)
from shared.sync import COMMANDS_MAX, EpochEnd
from tests.builders import NOW

ids = st.lists(st.uuids().map(str), max_size=5).map(tuple)


@given(ids, ids, ids)
def test_while_anything_is_in_doubt_only_the_question_is_sent(
    in_doubt: tuple[str, ...], saved: tuple[str, ...], held: tuple[str, ...]
) -> None:
    action = Session(greeted=True).next_action(NOW, Queue(in_doubt, saved, held))
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


@given(ids, ids, ids, ids, st.integers(0, 5), st.booleans(), st.booleans())
def test_a_round_that_leaves_ahead_is_the_one_that_would_come_next(
    in_doubt: tuple[str, ...],
    saved: tuple[str, ...],
    held: tuple[str, ...],
    turned: tuple[str, ...],
    sent: int,
    more: bool,
    greeted: bool,
) -> None:
    queue, session = Queue(in_doubt, saved, held, turned), Session(greeted=greeted)
    act = Push(saved[:sent])
    ahead = session.ahead(act, queue, more=more)
    session.answered(NOW, more=more, act=act)
    left = Queue(in_doubt, tuple(each for each in saved if each not in act.ids), held, turned)
    if ahead is not None:
        assert greeted
        assert ahead == session.next_action(NOW, left)
    elif greeted and left.saved:
        assert in_doubt or held or turned


def test_a_round_carries_at_most_one_rounds_worth() -> None:
    many = tuple(map(str, range(COMMANDS_MAX + 5)))
    assert Session(greeted=True).next_action(NOW, Queue(saved=many)) == Push(many[:COMMANDS_MAX])


@given(st.integers(0, 3000))
def test_a_backlog_ends_in_smaller_rounds_and_leaves_nothing_out(number: int) -> None:
    queue, session = Queue(saved=tuple(map(str, range(COMMANDS_MAX + number)))), Session(greeted=True)
    act: Action | None = session.next_action(NOW, queue)
    rounds: list[tuple[str, ...]] = []
    while isinstance(act, Push) and act.ids:
        rounds.append(act.ids)
        following = session.ahead(act, queue, more=True)
        queue, act = Queue(saved=queue.saved[len(act.ids) :]), following
    assert [each for ids in rounds for each in ids] == [*map(str, range(COMMANDS_MAX + number))]
    assert all(len(ids) <= COMMANDS_MAX for ids in rounds)
    assert len(rounds[-1]) <= TOGETHER_MIN or len(rounds) == 1
    assert len(rounds) <= -(-number // COMMANDS_MAX) + 3


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


def test_commands_that_fail_again_and_again_wait_longer_though_questions_about_them_are_answered() -> None:
    """A server that answers everything but the commands themselves was asked once a second, for ever."""
    session, now, waits = Session(), NOW, []
    for _ in range(12):
        act = session.next_action(now, Queue(in_doubt=("x",)))
        assert act == Ask(("x",))
        session.answered(now, more=False, act=Ask(("x",)))
        assert session.next_action(now, Queue(saved=("x",))) == Push(("x",)), "what is known again goes at once"
        session.failed(now, 0.0, act=Push(("x",)))
        assert session.not_before is not None
        waits.append(session.not_before - now)
        now = session.not_before
    assert waits[:4] == [timedelta(seconds=each) for each in (0.5, 1, 2, 4)]
    assert waits[-1] == BACKOFF_MAX / 2
    session.answered(now, more=False, act=Push(("x",)))
    session.failed(now, 0.0, act=Push(("x",)))
    assert session.not_before == now + timedelta(seconds=0.5), "they got through: all of it is forgotten"


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
    assert session.next_action(NOW - timedelta(days=1), Queue(in_doubt=("x",))) == Ask(("x",))


def test_a_session_begins_with_a_round_that_pushes_nothing_and_so_does_the_next() -> None:
    session = Session()
    assert session.next_action(NOW, Queue(saved=("x",))) == Push(())
    session.answered(NOW, more=False, act=Push(()))
    assert session.next_action(NOW, Queue(saved=("x",))) == Push(("x",))
    session.failed(NOW, 0.0)
    session.send_now()
    assert session.next_action(NOW, Queue(saved=("x",))) == Push(())


def test_all_that_is_held_is_asked_about_in_turn() -> None:
    held = tuple(map(str, range(2 * COMMANDS_MAX + 7)))
    session, asked = Session(greeted=True), set[str]()
    for _ in range(3):
        action = session.next_action(NOW, Queue(held=held))
        assert isinstance(action, Ask)
        asked.update(action.ids)
        session.answered(NOW, more=True, act=action)
    assert asked == set(held)


def test_why_the_chain_cannot_go_on_is_said_before_anything_else_and_once() -> None:
    session, ended = Session(), EpochEnd(epoch=1, reason="restored")
    session.answered(NOW, more=False, act=Push(()), ended=ended)
    assert session.next_action(NOW, Queue(in_doubt=("x",))) == Close(ended)
    session.answered(NOW, more=False, act=Close(ended), ended=ended)
    assert session.next_action(NOW, Queue(in_doubt=("x",))) == Ask(("x",))


def test_shut_out_and_cut_off_it_backs_off() -> None:
    session = Session()
    session.turned_out(NOW, Push(()))
    queue = Queue(saved=("a",))
    assert session.next_action(NOW, queue) == Push(("a",))
    session.failed(NOW, 0.5)
    assert session.next_action(NOW, queue) == Rest(session.not_before)
    session.turned_out(NOW, Push(()))
    assert session.next_action(NOW, queue) == Push(("a",)), "the server was heard: what is new need not wait"


def test_shut_out_it_brings_everything_once_and_then_asks_rarely() -> None:
    session = Session()
    session.turned_out(NOW, Push(()))
    assert session.next_action(NOW, Queue(in_doubt=("a",), saved=("b",), turned=("c",))) == Push(("a", "c", "b"))
    session.turned_out(NOW, Push(("a", "c", "b")))
    assert session.next_action(NOW, Queue(turned=("c",))) == Rest(NOW + SHUT_OUT_EVERY)
    assert session.next_action(NOW, Queue(held=("a", "b", "c"))) == Rest(NOW + SHUT_OUT_EVERY)
    assert session.next_action(NOW + SHUT_OUT_EVERY, Queue(held=("a",))) == Push(())
