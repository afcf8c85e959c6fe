"""What the verbs of `tailboard-sim` do: from parsed arguments to a `Report`."""

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError
from shared.ports import system_ports
from simulators.bench.figures import as_lines
from simulators.demo.notes import Notes, from_file, shipped
from simulators.demo.stage import PIN, Stage, enrol_laptop, open_laptop, prepare_server
from simulators.processes import server


def demo(arguments: argparse.Namespace) -> Report:
    """The screen if there is one to open, else the story."""
    headless = arguments.headless or arguments.json or not (sys.stdin.isatty() and sys.stdout.isatty())
    return _headless(arguments) if headless else _on_screen(arguments)


def _headless(arguments: argparse.Namespace) -> Report:
    from simulators.demo.story import tell

    notes = _notes(arguments)
    model = Path(arguments.model) if arguments.model else None
    with ExitStack() as stack:
        home = _empty_home(arguments) or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tailboard-")))
        figures = asyncio.run(tell(Stage(home), notes, system_ports(), _teller(arguments), model))
    ok = figures["lost"] == 0 and figures["duplicated"] == 0 and figures["converged"]
    return Report("tailboard.demo.v1", figures, _summary(figures), ok=ok)


def _on_screen(arguments: argparse.Namespace) -> Report:
    from device.tui.app import show
    from device.tui.door import ajar

    home = Path(arguments.home) if arguments.home else _demo_home()
    stage, ports = Stage(home), system_ports()
    model = Path(arguments.model) if arguments.model else None
    if not stage.database.exists():
        print("Setting up a server with the sample organisation …")
    prepare_server(stage)
    with server(stage.server) as url:
        if not (stage.device / "keys.json").exists():
            asyncio.run(enrol_laptop(stage, url, ports))
        print(f"The laptop's PIN in this demo is {PIN}. Everything is in {home}.")
        device = open_laptop(stage, ports, model=model)
        device.move_to(url)
        broken = asyncio.run(show(ajar(device)))
    return Report("tailboard.demo.v1", ok=not broken)


def bench_save(arguments: argparse.Namespace) -> Report:
    """Confirm-to-saved beside a bare durable commit."""
    from simulators.bench.save import measure

    if arguments.commands < 10:
        raise UsageError("--commands needs at least 10 to say anything.")
    figures = measure(arguments.commands)
    return Report("tailboard.bench.v1", {"bench": "save", "figures": figures}, as_lines(figures))


def bench_route(arguments: argparse.Namespace) -> Report:
    """A full decision beside bare calls of the policy engine; the classifier apart."""
    from simulators.bench.route import measure

    if arguments.decisions < 100:
        raise UsageError("--decisions needs at least 100 to say anything.")
    figures = measure(arguments.decisions)
    return Report("tailboard.bench.v1", {"bench": "route", "figures": figures}, as_lines(figures))


def bench_sync(arguments: argparse.Namespace) -> Report:
    """The sync road; with `--full`, a long life and PostgreSQL too."""
    from simulators.bench.sync import Sizes, measure

    measured = measure(Sizes())
    figures = {**measured.figures, **(_long_run() if arguments.full else {})}
    data = {"bench": "sync", "cores": os.cpu_count(), "figures": figures, "counts": measured.counts}
    lines = [*as_lines(figures), *(f"{name}: {counted}" for name, counted in measured.counts.items())]
    if not measured.whole:
        lines.append("Something was lost, doubled or left unsettled; the counts say where.")
    return Report("tailboard.bench.v1", data, lines, ok=measured.whole)


def bench_console(arguments: argparse.Namespace) -> Report:
    """The console's pages over a large organisation."""
    from simulators.bench.console import Load, measure

    if arguments.rounds < 5:
        raise UsageError("--rounds needs at least 5 to say anything.")
    links = 5_000_000 if arguments.full else arguments.links
    kept = Path(arguments.keep) if arguments.keep else None
    figures = measure(Load(arguments.conflicts, links, arguments.rounds), kept)
    return Report("tailboard.bench.v1", {"bench": "console", "figures": figures}, as_lines(figures))


def bench_model(arguments: argparse.Namespace) -> Report:
    """The laptop's model beside raw llama.cpp."""
    from device.errors import LocalError
    from simulators.bench.model import measure

    if arguments.rounds < 3:
        raise UsageError("--rounds needs at least 3 to say anything.")
    try:
        figures, counts = measure(arguments.rounds)
    except LocalError as error:
        raise UsageError(str(error)) from error
    data = {"bench": "model", "cores": os.cpu_count(), "figures": figures, "counts": counts}
    lines = [*as_lines(figures), *(f"{name}: {counted}" for name, counted in counts.items())]
    return Report("tailboard.bench.v1", data, lines)


def bench_tui(arguments: argparse.Namespace) -> Report:
    """The screen beside a bare Textual app."""
    from simulators.bench.tui import Load, measure

    if min(arguments.jobs, arguments.rows, arguments.keys) < 10 or arguments.turns < 1:
        raise UsageError("--jobs, --rows and --keys need at least 10, --turns at least 1.")
    load = Load(arguments.jobs, arguments.rows, arguments.keys, arguments.turns)
    figures = measure(load, _shipped_model())
    data = {"bench": "tui", "cores": os.cpu_count(), "figures": figures}
    return Report("tailboard.bench.v1", data, as_lines(figures))


def _shipped_model() -> Path | None:
    from device.errors import LocalError
    from device.model import registry

    try:
        return registry.embedded().path
    except LocalError:
        return None


def bench_library(arguments: argparse.Namespace) -> Report:
    """Reading manuals and searching them."""
    from simulators.bench.library import Shelf, measure

    if arguments.pages < 200:
        raise UsageError("--pages needs at least 200 to say anything.")
    figures = measure(Shelf(pages=arguments.pages))
    return Report("tailboard.bench.v1", {"bench": "library", "figures": figures}, as_lines(figures))


def bench_answers(arguments: argparse.Namespace) -> Report:
    """Answers from manuals; the answer is yes if every bound holds."""
    from simulators.bench.answers import holds, measure
    from simulators.bench.model import kept

    with kept() if arguments.model else nullcontext() as model:
        figures = measure(model)
    data = {"bench": "answers", "figures": figures}
    return Report("tailboard.bench.v1", data, as_lines(figures), ok=holds(figures))


def bench_gateway(arguments: argparse.Namespace) -> Report:
    """What the gateway adds."""
    from simulators.bench.figures import as_lines
    from simulators.bench.gateway import measure

    if arguments.requests < 10 or arguments.seconds <= 0:
        raise UsageError("--requests needs at least 10, --seconds more than 0.")
    measured = measure(arguments.requests, arguments.seconds)
    data = {"bench": "gateway", "cores": os.cpu_count(), "figures": measured.figures, "counts": measured.counts}
    lines = [*as_lines(measured.figures), *(f"{name}: {counted}" for name, counted in measured.counts.items())]
    return Report("tailboard.bench.v1", data, lines)


def bench_assistant(arguments: argparse.Namespace) -> Report:
    """How well real notes are read."""
    from simulators.bench.assistant import measure

    if arguments.data and not Path(arguments.data).is_dir():
        raise UsageError(f"There is no folder {arguments.data}.")
    measured = measure(Path(arguments.data) if arguments.data else None, arguments.model_notes)
    data = {"bench": "assistant", "figures": measured.figures, "counts": measured.counts}
    return Report("tailboard.bench.v1", data, as_lines(measured.figures))


def _long_run() -> dict[str, Any]:
    from simulators.bench.postgres import Load, postgres
    from simulators.bench.scaling import Ages, ledger_scaling, server_rss_growth

    return {
        "ledger_scaling": ledger_scaling(Ages()),
        "server_rss_growth": server_rss_growth(100_000),
        **postgres(Load()),
    }


def erp(arguments: argparse.Namespace) -> Report | None:
    """Serve the parts ERP until a signal."""
    import uvicorn

    from simulators.erp import Duplicates, Erp, Memory, Mood, build_erp, wait_for_hang_up

    made = Erp(Mood(arguments.mood), Memory(arguments.memory), Duplicates(arguments.duplicates))
    try:
        listener = socket.create_server(("127.0.0.1", arguments.port))
    except OSError as error:
        raise UsageError(f"Cannot listen on port {arguments.port}: {error.strerror}. Choose another.") from error
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    told = json.dumps({"schema": "tailboard.erp.v1", "ok": True, "url": url})
    print(told if arguments.json else f"Listening on {url}", flush=True)
    config = uvicorn.Config(build_erp(made, wait_for_hang_up), log_config=None, access_log=False, lifespan="off")
    with listener:
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
    return None


def kill(arguments: argparse.Namespace) -> Report:
    """The campaign, in a folder that is removed afterwards."""
    from simulators.kill.campaign import Order, play
    from simulators.kill.table import as_data, as_lines, ok

    if not hasattr(os, "fork"):
        raise UsageError("This system cannot fork; run the campaign on Linux or macOS.")
    if arguments.rounds < 1:
        raise UsageError("--rounds needs a number of at least 1.")
    if arguments.seed < 0:
        raise UsageError(f"A seed is a number from 0 up; {arguments.seed} is none.")
    points = _points(arguments.point)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tailboard-kill-")))
        database = stack.enter_context(_postgresql()) if arguments.database == "postgresql" else None
        result = play(home, Order(points, arguments.rounds, arguments.seed, database), _progress)
    data = {"database": arguments.database, "seed": arguments.seed, **as_data(result)}
    return Report("tailboard.kill.v1", data, as_lines(result), ok=ok(result))


def _points(names: list[str] | None) -> Any:
    from simulators.kill.points import BY_NAME, POINTS

    if unknown := set(names or ()) - BY_NAME.keys():
        raise UsageError(f"There is no point {', '.join(sorted(unknown))}. There are: {', '.join(BY_NAME)}.")
    return tuple(BY_NAME[name] for name in names) if names else POINTS


def _postgresql() -> AbstractContextManager[str]:
    from simulators.postgresql import find_programs, postgresql

    programs = find_programs()
    if programs is None:
        raise UsageError("PostgreSQL is not installed here (initdb and postgres). Use --database sqlite.")
    return postgresql(programs)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def picture(arguments: argparse.Namespace) -> Report:
    """The technician's screen as an SVG file."""
    from simulators.demo.picture import draw

    path = Path(arguments.file)
    if path.suffix != ".svg" or not path.parent.is_dir():
        raise UsageError(f"{path}: give the name of an .svg file in a folder that exists.")
    with tempfile.TemporaryDirectory(prefix="tailboard-") as home:
        asyncio.run(draw(Stage(Path(home)), path, system_ports()))
    return Report("tailboard.picture.v1", {"file": str(path)}, [f"Wrote {path}"])


def walk(arguments: argparse.Namespace) -> Report:
    """The technician's walk as a page of captures."""
    from simulators.demo.walk import page
    from simulators.demo.walk import walk as walk_through

    path = Path(arguments.file)
    if path.suffix != ".md" or not path.parent.is_dir():
        raise UsageError(f"{path}: give the name of an .md file in a folder that exists.")
    if arguments.columns < 80 or arguments.rows < 24:
        raise UsageError("The screen needs 80 columns and 24 rows: --columns 80 --rows 24.")
    with tempfile.TemporaryDirectory(prefix="tailboard-") as home:
        captures = asyncio.run(walk_through(Stage(Path(home)), system_ports(), arguments.columns, arguments.rows))
    path.write_text(page(captures), encoding="utf-8")
    return Report("tailboard.walk.v1", {"file": str(path), "captures": len(captures)}, [f"Wrote {path}"])


def _notes(arguments: argparse.Namespace) -> Notes:
    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError("--limit needs a number of at least 1.")
    try:
        notes = from_file(Path(arguments.notes)) if arguments.notes else shipped()
    except OSError as error:
        raise UsageError(f"Cannot read {arguments.notes}: {error.strerror}.") from error
    if not notes.notes:
        raise UsageError(f"There is no usable line in {arguments.notes}: {dict(notes.left_out)}.")
    return Notes(notes.notes[: arguments.limit], notes.left_out)


def _empty_home(arguments: argparse.Namespace) -> Path | None:
    if not arguments.home:
        return None
    home = Path(arguments.home)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise UsageError(f"{home} is not empty. The headless demo starts from nothing; give a new folder.")
    home.mkdir(parents=True, exist_ok=True)
    return home


def _demo_home() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "tailboard" / "demo"


def _teller(arguments: argparse.Namespace) -> Any:
    stream = sys.stderr if arguments.json else sys.stdout
    return lambda line: print(line, file=stream, flush=True)


def _summary(figures: dict[str, Any]) -> list[str]:
    model = figures["model"] or {"name": "none", "tokens_per_s": 0, "ttft_ms_p50": 0}
    left, sync = figures["bytes_left_device"], figures["sync_bytes_up"]
    lines = [
        f"Notes {figures['notes']}: {figures['proposals_valid']} gave commands, {figures['forms_used']} by form.",
        f"Model {model['name']}: {model['tokens_per_s']} tokens/s, first token after {model['ttft_ms_p50']} ms.",
        f"Left the laptop for inference: {left} bytes; for sync: {sync} bytes.",
        f"Routes: {figures['routes']}. Took {figures['wall_s']} s.",
    ]
    if figures["notes_left_out"]:
        lines.insert(1, f"Lines left out of the notes file: {figures['notes_left_out']}")
    return lines
