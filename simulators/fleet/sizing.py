"""How many servers a fleet needs, and what one run of it comes to, as figures.

Rules
1. A server is so many rounds and so many commands in a second; several are one that is as many times as fast.
2. The fewest that are ever proposed carry the polls of a quiet fleet at two thirds of their time.
3. Sizes are tried in fixed steps, whatever the number of processes: the answer depends on the seed alone.
"""

import math
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from device.core.session import POLL_EVERY
from simulators.explore import begin_child
from simulators.fleet.model import WARM_S, Course, Fleet, lumpiness, pressure, quantiles, run

QUIET_LOAD = 2 / 3
STEPS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
#: A herd has stayed together if its busiest second is so many times the mean one, and asks so many times too much.
STORM_LUMPS, STORM_PRESSURE = 4.5, 2.0


@dataclass(frozen=True, slots=True)
class Speed:
    """What one server does in a second: rounds without commands, and commands."""

    rounds_s: float
    commands_s: float


def polls_s(devices: int) -> float:
    """Rounds in a second of a fleet that has nothing to say."""
    return devices / POLL_EVERY.total_seconds()


def fewest(devices: int, speed: Speed) -> int:
    """The servers that a quiet fleet needs."""
    return math.ceil(polls_s(devices) / speed.rounds_s / QUIET_LOAD - 1e-9)  # a whole number is enough


def of_servers(fleet: Fleet, speed: Speed, servers: int) -> Fleet:
    """The fleet with so many servers."""
    return replace(fleet, rounds_s=servers * speed.rounds_s, commands_s=servers * speed.commands_s)


def sizes(fleet: Fleet, speed: Speed) -> list[int]:
    """The numbers of servers to try, from the fewest up."""
    least = fewest(fleet.devices, speed)
    return sorted({math.ceil(least * step) for step in STEPS})


@dataclass(frozen=True, slots=True)
class _Played:
    """`run` of one size, in a form that can be sent to another process."""

    fleet: Fleet
    speed: Speed
    seed: int

    def __call__(self, servers: int) -> tuple[int, dict[str, Any]]:
        sized = of_servers(self.fleet, self.speed, servers)
        return servers, figures(sized, run(sized, self.seed))


def tried(fleet: Fleet, speed: Speed, seed: int, jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each size with its figures, from the fewest servers up."""
    play, counts = _Played(fleet, speed, seed), sizes(fleet, speed)
    if jobs == 1:
        yield from map(play, counts)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, begin_child) as pool:
        yield from pool.imap(play, counts, chunksize=1)


def needed(tries: Sequence[tuple[int, dict[str, Any]]], within_s: float) -> int | None:
    """The fewest servers from which on every size drains in time; None if the largest does not."""
    enough = None
    for servers, found in reversed(tries):
        if found["drained_s"] is None or found["drained_s"] > within_s:
            break
        enough = servers
    return enough


def figures(fleet: Fleet, course: Course) -> dict[str, Any]:
    """What a course comes to, for programs; times in seconds."""
    end = int(WARM_S + fleet.outage_s)
    after = course.arrivals[end : int(course.ended_s) + 1]
    drained = course.drained_s
    lumps, asked = lumpiness(fleet, course), pressure(fleet, course)
    return {
        "events": course.events,
        "quiet_load": round(polls_s(fleet.devices) / fleet.rounds_s, 3),
        "commands_said": course.said,
        "tries_in_outage": quantiles(course.tries_out),
        "waiting_at_end": {"devices": len(course.oldest_s), "oldest_s": quantiles(course.oldest_s)},
        "drained_s": None if drained is None else round(drained, 3),
        "tries_until_answered": quantiles(course.tries_back),
        "busiest_s": {"requests": max(after, default=0), "second": after.index(max(after)) if after else 0},
        "lumpiness": round(lumps, 2),
        "pressure": round(asked, 2),
        "storm": lumps > STORM_LUMPS and asked > STORM_PRESSURE,
        "refused": course.refused,
        "timed_out": course.timed_out,
        "load_after": round(course.busy_s / max(1.0, course.ended_s - end), 3),
        "command_age_s": quantiles(course.waited_s),
    }
