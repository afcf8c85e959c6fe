"""The seeded loop: same seed, same steps; virtual time; no threads."""

import asyncio
import gc
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import pytest

from simulators import loop as loops
from simulators.loop import (
    Deadlock,
    Livelock,
    SeededLoop,
    StepLimit,
    ThreadForbidden,
    current_loop,
    simulate,
    task_of,
)
from simulators.streams import Stream


def run(main: Callable[[], Coroutine[Any, Any, Any]], seed: int = 1, **more: Any) -> tuple[Any, SeededLoop]:
    return simulate(main, Stream(seed, "order"), **more)


async def race(workers: int = 6, rounds: int = 4) -> list[int]:
    seen: list[int] = []

    async def work(number: int) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
            seen.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(work(number))
    return seen


def test_same_seed_same_steps() -> None:
    (first, one), (second, other) = run(race), run(race)
    assert first == second
    assert (one.digest(), one.steps) == (other.digest(), other.steps)


def test_other_seeds_other_orders() -> None:
    assert len({tuple(run(race, seed)[0]) for seed in range(20)}) == 20
    assert len({run(race, seed)[1].digest() for seed in range(20)}) == 20


def test_every_order_of_two_steps_comes_up() -> None:
    firsts = {run(lambda: race(2, 1), seed)[0][0] for seed in range(20)}
    assert firsts == {0, 1}


def test_a_step_of_a_task_keeps_its_own_order() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        for number in range(10):
            loop.call_soon(seen.append, f"c{number}")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return seen

    for seed in range(5):
        assert run(main, seed)[0] == [f"c{number}" for number in range(10)]


def test_steps_are_told_from_other_callbacks() -> None:
    async def main() -> list[bool]:
        loop = current_loop()
        other = loop.create_task(asyncio.sleep(3))
        first = task_of(loop._ready[-1]) is other
        await asyncio.sleep(1)
        handle = loop.call_soon(other.cancel)
        cancelling = task_of(handle) is None
        waiter = loop.create_future()
        waiting = loop.create_task(asyncio.wait_for(waiter, None))
        await asyncio.sleep(1)
        waiter.set_result(None)
        woken = task_of(loop._ready[-1]) is waiting
        await waiting
        return [first, cancelling, woken]

    assert run(main)[0] == [True, True, True]


def test_a_day_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(main)[0] == 86_400.0


def test_timeouts_are_virtual_too() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.get_running_loop().create_future()
        return asyncio.get_running_loop().time()

    assert run(main)[0] == 3600.0


def test_what_waits_for_ever_is_named() -> None:
    async def waits_in_vain() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="waits_in_vain"):
        run(waits_in_vain)


def test_what_never_ends_is_ended() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    with pytest.raises(StepLimit, match=r"100 steps, the last by the world: .*main"):
        run(main, steps_max=100)


def test_who_never_rests_is_named() -> None:
    async def restless() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(7))
            await asyncio.sleep(5)
            group.create_task(restless())

    with pytest.raises(Livelock, match=r"the world: .*restless #\d+ never rests: \d+ steps at 5\.0"):
        run(main)


def test_much_to_do_over_time_is_no_livelock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "STEPS_AT_ONCE_MAX", 20)

    async def main() -> None:
        for _ in range(200):
            await asyncio.sleep(1)

    assert run(main)[1].time() == 200.0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of the processor's time here")
def test_a_step_that_never_comes_back_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "STUCK_CPU_S", 0.05)

    async def stuck() -> None:
        while True:
            with suppress(Exception):
                sum(range(100))

    async def main() -> None:
        await asyncio.create_task(stuck())

    with pytest.raises(Livelock, match=r"the world: .*stuck #\d+ never comes back"):
        run(main)


async def by_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, print)


async def by_to_thread() -> None:
    await asyncio.to_thread(print)


async def by_anyio() -> None:
    await anyio.to_thread.run_sync(print)


async def by_hand() -> None:
    threading.Thread(target=print, name="by hand").start()


async def swallowed() -> None:
    try:
        await by_anyio()
    except Exception:  # noqa: BLE001
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("main", "named"),
    [
        (by_executor, "print"),
        (by_to_thread, "print"),
        (by_anyio, "WorkerThread"),
        (by_hand, "by hand"),
        (swallowed, "WorkerThread"),
    ],
)
def test_a_thread_is_refused_by_name(main: Callable[[], Coroutine[Any, Any, Any]], named: str) -> None:
    with pytest.raises(ThreadForbidden, match=named):
        run(main)


def test_threads_work_again_afterwards() -> None:
    run(race)
    threads = [threading.Thread(target=lambda: None)]
    threads[0].start()
    threads[0].join()


def test_threadsafe_calls_from_the_same_thread_are_ordinary_calls() -> None:
    async def main() -> int:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon_threadsafe(future.set_result, 5)
        return int(await future)

    assert run(main)[0] == 5


def test_an_abandoned_generator_is_finalised() -> None:
    closed: list[float] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            closed.append(asyncio.get_running_loop().time())

    async def main() -> None:
        async for _ in numbers():
            break
        await asyncio.sleep(5)

    run(main)
    assert closed == [1.0]


def test_a_run_may_end_while_a_generator_is_being_finalised() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(100)

    async def main() -> str:
        async for _ in numbers():
            break
        await asyncio.sleep(1)
        return "done"

    assert run(main)[0] == "done"


def test_a_group_cancels_in_an_order_that_the_seed_alone_decides() -> None:
    async def main() -> list[int]:
        ended: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(number)

        async def fail() -> None:
            await asyncio.sleep(1)
            raise ValueError

        ballast = [object() for _ in range(current_loop().steps * 3 + 17)]
        with pytest.raises(ExceptionGroup):  # noqa: PT012
            async with asyncio.TaskGroup() as group:
                for number in range(12):
                    group.create_task(wait(number))
                group.create_task(fail())
        assert ballast
        return ended

    orders = [tuple(run(main, seed)[0]) for seed in [*range(8), *range(8)]]
    assert orders[:8] == orders[8:]
    assert len(set(orders)) == 8


def test_sets_of_tasks_and_futures_are_walked_in_the_order_of_creation() -> None:
    async def main() -> None:
        loop = current_loop()
        futures = [loop.create_future() for _ in range(50)]
        tasks = [loop.create_task(asyncio.sleep(0)) for _ in range(50)]
        assert list({*futures[::-1]}) == futures
        assert list({*tasks[::-1]}) == tasks
        await asyncio.gather(*tasks)

    run(main)


def test_anyio_groups_cancel_so_too() -> None:
    async def main() -> list[int]:
        ended: list[int] = []

        async def wait(number: int) -> None:
            try:
                with anyio.CancelScope():
                    await anyio.sleep(100)
            finally:
                ended.append(number)

        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(wait, number)
            await anyio.sleep(1)
            group.cancel_scope.cancel()
        return ended

    orders = [tuple(run(main, seed)[0]) for seed in [*range(8), *range(8)]]
    assert orders[:8] == orders[8:]


def test_an_error_that_nobody_waits_for_is_kept() -> None:
    async def fail() -> None:
        raise ValueError("unheard")

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(1)
        del task

    assert "unheard" in str(run(main)[1].unheard)


def test_a_socket_cannot_be_opened() -> None:
    async def main() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises((NotImplementedError, ThreadForbidden)):
        run(main)


def test_a_run_may_end_while_a_generator_is_being_finished() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(60)

    async def main() -> int:
        generator = numbers()
        number = await anext(generator)
        del generator
        gc.collect()  # nobody finishes it: the loop does, in a task that outlasts the run
        await asyncio.sleep(1)
        return number

    assert run(main)[0] == 1
