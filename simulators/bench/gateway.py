"""What the gateway adds: a real server in front of a bare engine, beside the same load straight to the engine.

Policy, quotas and audit are on; requests are a program's chat completions, of which no two in a row say the same or
are equally long. Server, engine and load generator are three processes on this machine's cores. Ways are tried in
turns, so that a machine that slows down slows both.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from simulators.bench.exchange import exchange_cpu
from simulators.bench.figures import Figures, figure, scratch
from simulators.bench.upstream import MODEL
from simulators.processes import Running, administer, resident_mb, running_server

#: So many at once.
CROWD = 8
PROMPT = "Which filter fits the inlet of the pump, and what has to be checked after it was replaced?"
#: Of which each prompt has one character more than the one before.
TAIL = "It ran hot for an hour last night, and the seal was dry when it stopped."
_CLUSTER = """
hosts = ["127.0.0.1"]
[upstreams.bench]
url = "http://127.0.0.1:{port}"
boundary = "private_cluster"
model = "{model}"
tier = "standard"
context_tokens = 32768
slots = 64
queue_max = 1024
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures, and what they rest on."""

    figures: Figures
    counts: dict[str, Any]


class Line:
    """One kept-open connection that asks one thing after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
        self._reader, self._writer, self._requests = reader, writer, cycle(requests)

    @classmethod
    async def open(cls, url: str, key: str, *, stream: bool) -> "Line":
        """To the server or engine at `url`."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        prompts = [f"{PROMPT} {TAIL[:length]}" for length in range(len(TAIL) + 1)]
        return cls(reader, writer, [_asked(key, prompt, stream=stream) for prompt in prompts])

    async def ask(self) -> float:
        """Ask once and read the answer to its end; milliseconds to the body's first byte. Raises on a refusal."""
        began = time.perf_counter()
        self._writer.write(next(self._requests))
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise OSError(f"refused: {head[:400]!r} {await self._reader.read(400)!r}")
        lower = head.lower()
        if b"chunked" in lower:
            await self._reader.readuntil(b"data: ")
            first = time.perf_counter()
            await self._reader.readuntil(b"\r\n0\r\n\r\n")
        else:
            size = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            await self._reader.readexactly(size)
            first = time.perf_counter()
        return (first - began) * 1000

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _asked(key: str, prompt: str, *, stream: bool) -> bytes:
    more = {"stream": True} if stream else {}
    body = json.dumps(
        {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **more}, separators=(",", ":")
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def measure(requests: int, seconds: float) -> Measured:
    """`requests` one after the other on each way, then `seconds` of a crowd of `CROWD` on each."""
    with scratch() as home, _bare_engine() as engine, _gateway(home, engine.port) as (running, key):
        direct = f"http://127.0.0.1:{engine.port}"
        return asyncio.run(_measure(running, direct, engine.pid, key, requests, seconds))


async def _measure(running: Running, direct: str, engine: int, key: str, requests: int, seconds: float) -> Measured:
    ways = {"gateway": running.url, "direct": direct}
    single = await _in_turns(ways, key, requests, stream=False)
    streams = await _in_turns(ways, key, requests, stream=True)
    before = cpu_s(running.pid)
    crowd, asked = await _crowd(running.url, key, seconds)
    spent = cpu_s(running.pid) - before
    floor, _ = await _crowd(direct, key, seconds)
    added = [
        median(single["gateway"]) - median(single["direct"]),
        median(streams["gateway"]) - median(streams["direct"]),
    ]
    figures = {
        "gateway_added_p50": figure(added[0], "ms", median(single["direct"])),
        "gateway_first_byte_delay": figure(added[1], "ms", median(streams["direct"])),
        "gateway_rate": figure(crowd, "1/s", floor),
        "gateway_exchange_cpu": await exchange_cpu(f"{direct}/v1/chat/completions", requests),
        "gateway_rss": figure(resident_mb(running.pid), "MiB", resident_mb(engine)),
    }
    return Measured(
        figures, {"requests": requests, "crowd": asked, "cpu_ms_per_request": round(spent * 1000 / asked, 3)}
    )


async def _in_turns(ways: dict[str, str], key: str, requests: int, *, stream: bool) -> dict[str, list[float]]:
    lines = {name: await Line.open(url, key, stream=stream) for name, url in ways.items()}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(requests + 50):
        for name, line in lines.items():
            first = await line.ask()
            if turn >= 50:  # everything is warm
                taken[name].append(first)
    for line in lines.values():
        line.close()
    return taken


async def _crowd(url: str, key: str, seconds: float) -> tuple[float, int]:
    """Requests a second of `CROWD` at once, and how many they were."""
    lines = [await Line.open(url, key, stream=False) for _ in range(CROWD)]
    began = time.perf_counter()

    async def go_on(line: Line) -> int:
        asked = 0
        while time.perf_counter() - began < seconds:
            await line.ask()
            asked += 1
        return asked

    asked = sum(await asyncio.gather(*(go_on(line) for line in lines)))
    took = time.perf_counter() - began
    for line in lines:
        line.close()
    return asked / took, asked


@dataclass(frozen=True, slots=True)
class _Engine:
    port: int
    pid: int


@contextmanager
def _bare_engine() -> Iterator[_Engine]:
    command = [sys.executable, "-m", "simulators.bench.upstream"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None, "asked for pipes"
    assert process.stdout is not None, "asked for pipes"
    try:
        yield _Engine(int(process.stdout.readline()), process.pid)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@contextmanager
def _gateway(home: Path, port: int) -> Iterator[tuple[Running, str]]:
    server = home / "server"
    administer(server, "init", "--tenant", "bench", "--name", "Bench")
    administer(server, "person", "add", "root", "--name", "Root", "--role", "admin")
    key = administer(server, "client", "add", "bench", "--data-class", "internal", "--as", "root")["key"]
    file = home / "cluster.toml"
    file.write_text(_CLUSTER.format(port=port, model=MODEL), encoding="utf-8")
    with running_server(server, cluster=str(file)) as running:
        yield running, key


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used. Source: proc(5), /proc/pid/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
