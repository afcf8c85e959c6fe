"""Hosts: what a crash takes, what it leaves, and what a zombie finds."""

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text

from simulators.clocks import HostClock
from simulators.faults import CALM
from simulators.hosts import Incarnation
from simulators.loop import Gone
from tests.simulation.stage import START, Scene, play


def test_a_crash_runs_no_finally_block_and_no_timer(tmp_path: Path) -> None:
    ran: list[str] = []

    async def program(life: Incarnation) -> None:
        asyncio.get_running_loop().call_later(5, ran.append, "timer")
        try:
            await life.start(asyncio.sleep(100))
        finally:
            ran.append("finally")

    async def act(scene: Scene) -> list[str]:
        host = scene.host(program=program)
        host.boot()
        await asyncio.sleep(1)
        host.crash("here", power_cut=False)
        await asyncio.sleep(1000)
        return list(ran)  # not what is closed afterwards, when the world is gone

    assert play(tmp_path, act) == []


def test_what_the_dead_still_write_is_never_read(tmp_path: Path) -> None:
    async def act(scene: Scene) -> tuple[str, bool]:
        host = scene.host()
        first = host.boot()
        (first.home / "kept").write_text("before")
        host.crash("here", power_cut=False)
        (first.home / "kept").write_text("after")
        second = host.boot()
        return (second.home / "kept").read_text(), first.alive

    assert play(tmp_path, act) == ("before", False)


def test_a_second_life_starts_with_nothing_in_memory_and_all_on_disk(tmp_path: Path) -> None:
    lives: list[int] = []

    async def program(life: Incarnation) -> None:
        counter = life.home / "count"
        lives.append(int(counter.read_text()) if counter.exists() else 0)
        counter.write_text(str(lives[-1] + 1))
        await asyncio.Event().wait()

    async def act(scene: Scene) -> None:
        host = scene.host(program=program)
        for _ in range(3):
            host.boot()
            await asyncio.sleep(1)
            host.crash("here")
            assert host.down.is_set()

    play(tmp_path, act)
    assert lives == [0, 1, 2]


def test_a_zombie_goes_on_where_it_stood_and_its_timers_are_overdue(tmp_path: Path) -> None:
    seen: list[float] = []

    async def program(_life: Incarnation) -> None:
        while True:
            await asyncio.sleep(10)
            seen.append(asyncio.get_running_loop().time())

    async def act(scene: Scene) -> None:
        host = scene.host(program=program)
        host.boot()
        await asyncio.sleep(15)
        host.pause(100)
        assert host.up
        await asyncio.sleep(120)

    play(tmp_path, act)
    assert seen == [10.0, 115.0, 125.0, 135.0]


def test_a_suspended_host_may_not_count_the_time(tmp_path: Path) -> None:
    async def act(scene: Scene) -> tuple[float, float]:
        host = scene.host()
        host.clock = HostClock(scene.loop.time, START, counts_sleep=False)
        host.boot()
        host.suspend(3600)
        await asyncio.sleep(4000)
        return host.clock.monotonic_s(), host.clock.error().total_seconds()

    assert play(tmp_path, act) == (400.0, 0.0)


def test_only_a_power_cut_reboots_the_machine(tmp_path: Path) -> None:
    async def act(scene: Scene) -> list[str]:
        host = scene.host()
        seen = []
        for power_cut in (False, True):
            host.boot()
            host.crash("here", power_cut=power_cut)
            seen.append(host.clock.boot_id())
        return seen

    assert play(tmp_path, act) == ["boot-1", "boot-2"]


def test_crashes_come_at_every_await(tmp_path: Path) -> None:
    reached: set[int] = set()

    async def program(_life: Incarnation) -> None:
        for number in range(5):
            await asyncio.sleep(0)
            reached.add(number)
        await asyncio.Event().wait()

    def died_at(seed: int) -> int:
        async def act(scene: Scene) -> int:
            reached.clear()
            host = scene.host(program=program)
            host.boot()
            await asyncio.sleep(1)
            return len(reached) if host.crashes else -1

        return play(tmp_path / str(seed), act, replace(CALM, crash_at_step=0.2), seed)

    assert {died_at(seed) for seed in range(60)} == {-1, 0, 1, 2, 3, 4}


def rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize(("fault", "kept"), [("crash_before_commit", 0), ("crash_after_commit", 1)])
def test_both_sides_of_a_commit_are_crash_points(tmp_path: Path, fault: str, kept: int) -> None:
    reached: list[str] = []

    async def program(life: Incarnation) -> None:
        engine = create_engine(f"sqlite:///{life.home / 'x.db'}")
        event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA journal_mode = WAL"))
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))  # wrote nothing: no crash point
        reached.append("read")
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
        reached.append("written")

    async def act(scene: Scene) -> int:
        host = scene.host(program=program)
        connection = sqlite3.connect(host.home / "x.db")
        connection.execute("CREATE TABLE t (a)")
        connection.close()
        host.boot()
        await asyncio.sleep(1)
        assert host.crashes == 1
        assert scene.chaos.hits[fault] == 1
        return rows(host.home / "x.db")

    assert play(tmp_path, act, replace(CALM, **{fault: 1.0})) == kept
    assert reached == ["read"]


def test_a_person_at_a_dead_host_sees_nothing(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        host = scene.host()
        life = host.boot()
        assert life.perform(lambda: 5) == 5
        host.crash("here")
        with pytest.raises(Gone):
            life.perform(lambda: 5)

    play(tmp_path, act)


def test_only_what_may_be_cancelled_is(tmp_path: Path) -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            for _ in range(50):
                await asyncio.sleep(1)
            ended.append(f"{name} done")
        except asyncio.CancelledError:
            ended.append(f"{name} cancelled")
            raise

    async def program(life: Incarnation) -> None:
        tasks = [life.start(work("a")), life.start(work("b"), cancellable=True)]
        with suppress(asyncio.CancelledError):
            await tasks[1]
        await tasks[0]

    async def act(scene: Scene) -> None:
        scene.host(program=program).boot()
        await asyncio.sleep(100)

    play(tmp_path, act, replace(CALM, cancel=0.5))
    assert ended == ["b cancelled", "a done"]


def test_a_backup_put_back_is_the_older_state(tmp_path: Path) -> None:
    async def act(scene: Scene) -> str:
        host = scene.host()
        life = host.boot()
        (life.home / "state").write_text("old")
        host.backup(tmp_path / "backup")
        (life.home / "state").write_text("new")
        host.crash("for the restore", power_cut=False)
        host.restore(tmp_path / "backup")
        return (host.boot().home / "state").read_text()

    assert play(tmp_path, act) == "old"
