"""What a bench says, and where it works.

A figure is a value beside a floor that was measured in the same run, so that the ratio means the same on every
machine. `ratio` is value / floor: for times and sizes small is good, for rates large is good.
"""

import gc
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Figure = dict[str, Any]
Figures = dict[str, Figure]


def figure(value: float, unit: str, floor: float) -> Figure:
    """`value` in `unit` beside `floor` in the same unit."""
    return {
        "value": round(value, 3),
        "unit": unit,
        "floor": round(floor, 3),
        "ratio": round(value / floor, 3) if floor else None,
    }


def skipped(why: str) -> Figure:
    """A figure that could not be measured here, and why."""
    return {"value": None, "unit": "", "floor": None, "ratio": None, "skipped": why}


def as_lines(figures: Mapping[str, Figure]) -> list[str]:
    """One line a figure, for a person."""
    return [
        f"{name:<22} skipped: {f['skipped']}"
        if "skipped" in f
        else f"{name:<22} {f['value']:>12} {f['unit']:<11} floor {f['floor']:>12}  ratio {f['ratio']}"
        + (f"  by the clock {f['clock']}" if "clock" in f else "")
        for name, f in figures.items()
    ]


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, on the disk that TAILBOARD_BENCH_DIR names if it does, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-", dir=os.environ.get("TAILBOARD_BENCH_DIR")) as folder:
        yield Path(folder)


def say(line: str) -> None:
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def seconds(work: Callable[[], object]) -> float:
    """How long `work()` takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds(work: Callable[[], object]) -> float:
    """How much processor time `work()` takes, in seconds: what others do on the machine counts less."""
    started = time.process_time()
    work()
    return time.process_time() - started


async def seconds_of(work: Callable[[], Awaitable[object]]) -> float:
    """How long awaiting `work()` takes, in seconds.

    What the bench itself has piled up before is put aside, or the collector would walk over it again and again inside
    the measurement.
    """
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
