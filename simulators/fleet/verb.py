"""`tailboard-sim fleet`: a fleet, an outage, and what comes back."""

import argparse
import sys
import time
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any

from shared.commandline import Report, UsageError
from simulators.bench.figures import figure
from simulators.fleet.model import COVERAGE, SERVER, Fleet, run
from simulators.fleet.sizing import Speed, fewest, figures, needed, of_servers, polls_s, tried

DEVICES_MAX = 1_000_000
_FLOOR_EVENTS = 300_000


def fleet(arguments: argparse.Namespace) -> Report:
    """One fleet; with `--drain-within`, in several sizes of the server."""
    asked, speed = _asked(arguments), Speed(arguments.rounds_s, arguments.commands_s)
    servers = arguments.servers or fewest(asked.devices, speed)
    sized = of_servers(asked, speed, servers)
    began_s = time.process_time()
    found = figures(sized, run(sized, arguments.seed))
    rate = 60 * found["events"] / max(1e-9, time.process_time() - began_s)
    data = {
        "seed": arguments.seed,
        "devices": asked.devices,
        "outage": {"of": asked.outage, "s": asked.outage_s, "return_s": asked.return_s},
        "server": {"servers": servers, "rounds_s": speed.rounds_s, "commands_s": speed.commands_s},
        **found,
        "figures": {"events": figure(rate, "1/min CPU", _floor())},
    }
    lines = _lines(data, asked)
    ok = found["drained_s"] is not None and not found["storm"]
    if arguments.drain_within is not None:
        sizing = _sizing(asked, speed, arguments)
        data, lines, ok = data | {"sizing": sizing}, lines + _sizing_lines(sizing), sizing["servers"] is not None
    return Report("tailboard.fleet.v1", data, lines, ok=ok)


def _asked(arguments: argparse.Namespace) -> Fleet:
    if not 1 <= arguments.devices <= DEVICES_MAX:
        raise UsageError(f"--devices takes a number from 1 to {DEVICES_MAX:,}.")
    if arguments.seed < 0:
        raise UsageError(f"A seed is a number from 0 up; {arguments.seed} is none.")
    if arguments.jobs < 1:
        raise UsageError("--jobs needs a number of at least 1.")
    if arguments.servers is not None and arguments.servers < 1:
        raise UsageError("--servers needs a number of at least 1.")
    for name in ("outage_s", "return_s", "rounds_s", "commands_s", "queue_s", "drain_within"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} needs a number above 0.")
    if arguments.commands_h < 0:
        raise UsageError("--commands-h needs a number from 0 up.")
    return Fleet(
        arguments.devices,
        arguments.outage,
        arguments.outage_s,
        arguments.return_s,
        arguments.commands_h,
        queue_s=arguments.queue_s,
    )


def _floor() -> float:
    """Events a minute of a bare heap of as many timers, in this process."""
    began_s, heap = time.process_time(), [(float(n), n) for n in range(1000)]
    for n in range(_FLOOR_EVENTS):
        at_s, _ = heappop(heap)
        heappush(heap, (at_s + 1000.0, n))
    return 60 * _FLOOR_EVENTS / max(1e-9, time.process_time() - began_s)


def _sizing(asked: Fleet, speed: Speed, arguments: argparse.Namespace) -> dict[str, Any]:
    tries = []
    for servers, found in tried(asked, speed, arguments.seed, arguments.jobs):
        tries.append((servers, found))
        print(f"{servers} servers: {_drained(found)}", file=sys.stderr, flush=True)
    enough = needed(tries, arguments.drain_within)
    return {
        "within_s": arguments.drain_within,
        "servers": enough,
        "commands_s": enough * speed.commands_s if enough else None,
        "rounds_s": enough * speed.rounds_s if enough else None,
        "tried": [{"servers": servers, **found} for servers, found in tries],
    }


def _drained(found: Mapping[str, Any]) -> str:
    return "not drained" if found["drained_s"] is None else f"drained in {found['drained_s']:,.0f} s"


def _spread(values: Mapping[str, float], unit: str = "") -> str:
    return f"half {values['p50']:,.0f}{unit}, 99 in 100 {values['p99']:,.0f}{unit}, most {values['max']:,.0f}{unit}"


def _lines(data: Mapping[str, Any], asked: Fleet) -> list[str]:
    server, waiting, rate = data["server"], data["waiting_at_end"], data["figures"]["events"]
    away = {SERVER: "the server is away", COVERAGE: "coverage is away"}[asked.outage]
    back = "" if asked.outage == SERVER else f", and comes back within {asked.return_s:g} s"
    rows = [
        (
            "servers",
            f"{server['servers']} of {server['rounds_s']:,.0f} rounds/s, {server['commands_s']:,.0f} commands/s",
        ),
        ("polls of a quiet fleet", f"{polls_s(asked.devices):,.0f}/s, {data['quiet_load']:.0%} of their time"),
        ("tries in the outage", f"a device: {_spread(data['tries_in_outage'])}"),
        (
            "waiting when it ends",
            f"{waiting['devices']:,} devices; oldest command: {_spread(waiting['oldest_s'], ' s')}",
        ),
        ("everybody answered", _drained(data)),
        ("tries until answered", f"a device: {_spread(data['tries_until_answered'])}"),
        ("busiest second", f"{data['busiest_s']['requests']:,} requests, {data['busiest_s']['second']} s after"),
        ("later waves", f"busiest second {data['lumpiness']:g} of the mean, {_storm(data)}"),
        ("refused, timed out", f"{data['refused']:,}, {data['timed_out']:,}"),
        ("load since the end", f"{data['load_after']:.0%} of the servers' time"),
        ("age when settled", _spread(data["command_age_s"], " s")),
        (
            "the model",
            f"{data['events']:,} device-events, {rate['value'] / 1e6:.1f} million a minute of processor time",
        ),
        ("", f"(a bare heap: {rate['floor'] / 1e6:.0f} million)"),
    ]
    head = f"{asked.devices:,} devices; {away} for {asked.outage_s:,.0f} s{back}. Seed {data['seed']}."
    return [head, *(f"  {name:24}{words}" for name, words in rows)]


def _storm(data: Mapping[str, Any]) -> str:
    word = "A STORM: the herd stays together" if data["storm"] else "no storm"
    return f"{data['pressure']:g} of what the servers can do: {word}"


def _sizing_lines(sizing: Mapping[str, Any]) -> list[str]:
    heads = f"  {'servers':>8} {'drained in':>12} {'busiest second':>15} {'refused':>10} {'load':>6}"
    lines = ["", f"To be drained within {sizing['within_s']:g} s:", heads, *map(_sized, sizing["tried"])]
    if sizing["servers"] is None:
        return [*lines, "No size that was tried is enough."]
    speed = f"{sizing['rounds_s']:,.0f} rounds/s and {sizing['commands_s']:,.0f} commands/s in all"
    return [*lines, f"Enough for that: {sizing['servers']} of these servers, {speed}."]


def _sized(found: Mapping[str, Any]) -> str:
    drained = "never" if found["drained_s"] is None else f"{found['drained_s']:,.0f} s"
    requests = found["busiest_s"]["requests"]
    return (
        f"  {found['servers']:>8} {drained:>12} {requests:>15,} {found['refused']:>10,} {found['load_after']:>6.0%}"
    )
