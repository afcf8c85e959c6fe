"""The technician's screen beside a bare Textual app: first paint, keys under load, memory, and the command's start.

Both run in processes of their own, in turns, so that a machine that slows down slows both; every other turn begins
with the bare one, and the turn with the median ratio is told. A start is measured in processor time, which others on
the machine do not lengthen, and with bytecode, as it is installed; a key as a person waits for it. The store holds
thousands of jobs and a long outbox. While keys are pressed on the list of jobs the model writes, if there is one
here; the floor beside that is the bare list while the same model writes.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, TypeVar

import httpx

from device.bootstrap import open_device
from device.settings import Settings
from device.standing import approved
from device.store import DeviceStore
from device.store.items import COLUMNS
from shared.ids import record_ref
from shared.ports import Ports, system_ports
from shared.records import Record, Stamp, check_fields
from shared.sync import cursor_at
from simulators.bench.figures import Figure, Figures, figure, say, scratch, skipped
from simulators.bench.save import PIN, WORDS, make_laptop

_BARE, _START, _KEYS = "simulators.bench.tui_bare", "simulators.bench.tui_start", "simulators.bench.tui_child"
_WRITER = "simulators.bench.tui_writer"
Told = TypeVar("Told")
#: A cell of the outbox as it is copied: everything but its place, its name and what names it.
_COPIED = [name for name in COLUMNS if name not in {"position", "id", "seq", "payload"}]


@dataclass(frozen=True, slots=True)
class Load:
    """How much is on the laptop, how many keys are pressed, and how often each start is repeated, an odd number."""

    jobs: int = 5_000
    rows: int = 100_000
    keys: int = 200
    turns: int = 9


def measure(load: Load, model: Path | None = None) -> Figures:
    """Every figure. `model` writes while keys are pressed; without one the load of a generation is left out."""
    figures: Figures = {}
    with scratch() as home:
        make_laptop(home, system_ports()).store.close()
        _fill(home, load)
        with _bytecode() as environment:
            figures |= _starts(home, load.turns, environment)
            figures |= {"help": _help(load.turns, environment)}
        figures |= _keys(home, load, model)
    return figures


# -- the laptop


def _fill(home: Path, load: Load) -> None:
    """Jobs, assets, and an outbox of settled commands, copied from one that was really made and settled."""
    ports = system_ports()
    device = open_device(Settings(home), PIN, ports, transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    try:
        device.store.absorb(list(_records(load.jobs, ports)), cursor_at(1, 1))
        device.workbench.note(record_ref("work_order", "WO-00001"), WORDS)
        _lengthen(device.store, load.rows)
        device.workbench.note(record_ref("work_order", "WO-00002"), WORDS)
        device.workbench.go(online=False)
        approved(device.store, ports.clock.now())  # or its policies keep the sentences from the model
    finally:
        device.store.close()


def _records(jobs: int, ports: Ports) -> list[Record]:
    born = Stamp(1, ports.new_id(), "office", "tester", ports.clock.now())

    def record(ref: str, fields: dict[str, Any]) -> Record:
        return Record(ref, 1, check_fields(ref.partition("/")[0], fields), born)

    assets = [record(f"asset/A-{number}", {"name": f"Pump {number}", "type": "pump"}) for number in range(50)]
    orders = [
        record(
            f"work_order/WO-{number:05}",
            {
                "title": f"Quarterly check number {number}",
                "asset": f"asset/A-{number % 50}",
                "due_on": f"2027-{number % 12 + 1:02}-{number % 28 + 1:02}",
                "checklist": [{"id": str(item), "text": f"Item {item}"} for item in range(1, 6)],
            },
        )
        for number in range(jobs)
    ]
    return [*assets, *orders]


def _lengthen(store: DeviceStore, rows: int) -> None:
    """The only command in the outbox counts as applied, and stands there so many times."""
    with store.transaction() as connection:
        run = connection.execute
        run(
            "UPDATE outbox SET state = 'settled', outcome = 'applied', settled_at = wall, change_seq = 1,"
            " incarnation = 1"
        )
        run(
            f"INSERT INTO outbox (id, seq, payload, {', '.join(_COPIED)})"  # noqa: S608 - columns of ours
            " WITH RECURSIVE more (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM more WHERE n < ?)"
            " SELECT printf('0193a000-0000-7000-8000-%012x', n), n,"
            " CAST(replace(CAST(payload AS TEXT), outbox.id, printf('0193a000-0000-7000-8000-%012x', n)) AS BLOB),"
            f" {', '.join(f'outbox.{name}' for name in _COPIED)} FROM more, outbox WHERE outbox.position = 1",
            (rows,),
        )


# -- starts


@contextmanager
def _bytecode() -> Iterator[dict[str, str]]:
    """The environment of a program that finds its bytecode, as an installed one does; the first start writes it."""
    with scratch() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield environment | {"PYTHONPYCACHEPREFIX": str(folder)}


def _starts(home: Path, turns: int, environment: Mapping[str, str]) -> Figures:
    def bare() -> dict[str, Any]:
        return _child(_BARE, environment=environment)

    def ours() -> dict[str, Any]:
        return _child(_START, home, PIN, environment=environment)

    bare()  # they compile
    ours()
    taken = list(_in_turns(turns, ours, bare))
    return {
        "first_paint": _middle(((mine["cpu_s"], floor["cpu_s"]) for mine, floor in taken), "s cpu"),
        "rows_shown": _middle(((mine["shown_s"], floor["cpu_s"]) for mine, floor in taken), "s cpu"),
        "memory": _middle(((mine["mib"], floor["mib"]) for mine, floor in taken), "MiB"),
    }


def _in_turns(turns: int, ours: Callable[[], Told], floor: Callable[[], Told]) -> Iterator[tuple[Told, Told]]:
    """What each said, turn by turn; every other turn begins with the floor."""
    for turn in range(turns):
        if turn % 2:
            beside = floor()
            yield ours(), beside
        else:
            yield ours(), floor()


def _middle(pairs: Iterable[tuple[float, float]], unit: str) -> Figure:
    """The turn with the median ratio: one start that something disturbed changes nothing."""
    in_order = sorted(pairs, key=lambda pair: pair[0] / pair[1])
    value, beside = in_order[len(in_order) // 2]
    return figure(value, unit, beside)


def _child(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"the bench's own process {module} broke down:\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _help(turns: int, environment: Mapping[str, str]) -> Figure:
    """`tailboard --help` beside an interpreter that does nothing, in processor time."""
    ours = [sys.executable, "-m", "device.cli", "--help"]
    floor = [sys.executable, "-c", "pass"]
    _processor_s(ours, environment)  # it compiles
    taken = _in_turns(turns, lambda: _processor_s(ours, environment), lambda: _processor_s(floor, environment))
    return _middle(((mine * 1000, bare * 1000) for mine, bare in taken), "ms cpu")


def _processor_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# -- keys


def _keys(home: Path, load: Load, model: Path | None) -> Figures:
    say(f"{load.keys} keys on each list, with {load.jobs} jobs and {load.rows} commands")
    bare = _child(_BARE, load.keys)["ms"]
    told = _child(_KEYS, home, load.keys, model or "none")["ms"]
    writing = told.pop("while_writing", None)
    figures = {f"key_{name}_p95": figure(_p95(taken), "ms", _p95(bare)) for name, taken in told.items()}
    if model is None or writing is None:
        return figures | {"key_while_writing_p95": skipped("no model on this machine")}
    with _writing(home, model):
        beside = _child(_BARE, load.keys)["ms"]
    return figures | {"key_while_writing_p95": figure(_p95(writing), "ms", _p95(beside))}


@contextmanager
def _writing(home: Path, model: Path) -> Iterator[None]:
    """A process in which the model writes all the time. Raises `RuntimeError` if it did not."""
    command = [sys.executable, "-m", _WRITER, str(home), str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin, "it ends when this is closed"
        assert process.stdout, "it says when it has begun"
        began = process.stdout.readline()
        yield
        wrote = process.poll() is None
        process.stdin.close()
    if not began or not wrote:
        raise RuntimeError("while keys were pressed on the bare list the model did not write")


def _p95(taken: Sequence[float]) -> float:
    return quantiles(taken, n=20)[-1]
