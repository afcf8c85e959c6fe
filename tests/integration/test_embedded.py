"""The embedded cluster: the model that ships, behind a real process, and what becomes of that process."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.ports import system_ports
from sync_server.cluster.connections import Connections
from sync_server.cluster.embedded import Child, Embedded, embedded_cluster, free_port
from sync_server.cluster.engine import Engine, EngineFault, Fault

ASKED = {"model": "", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}


async def until(true: Callable[[], bool], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.05)


async def up(engine: Engine) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                await engine.probe()
            except EngineFault as fault:
                if fault.fault is not Fault.UNREACHED:
                    raise
                await asyncio.sleep(0.1)
            else:
                return


@pytest.mark.requires("model")
async def test_the_model_that_ships_answers_and_comes_back_after_its_process_died(model_file: Path) -> None:
    cluster, embedded = embedded_cluster(system_ports(), model_file)
    transport = Connections()
    (upstream,) = cluster.upstreams
    engine = Engine(upstream, transport)
    body = json.dumps({**ASKED, "model": upstream.told.model}).encode()
    running = asyncio.create_task(embedded.run(lambda _s: asyncio.sleep(0.05)))
    try:
        await up(engine)
        whole = await engine.complete(body, "t")
        assert whole.said["choices"][0]["message"]["content"]
        assert 1 <= whole.usage["completion_tokens"] <= 12
        exchange = await engine.open(body.replace(b"{", b'{"stream": true, ', 1), "t")
        while await exchange.event() is not None:
            pass
        assert exchange.usage["completion_tokens"]
        await exchange.close()
        async with httpx.AsyncClient(trust_env=False) as stranger:
            assert (await stranger.get(f"{upstream.told.url}/v1/models")).status_code == 401
        os.kill(child_of(embedded.child.port), signal.SIGKILL)
        await until(lambda: embedded.starts == 2)
        await up(engine)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await transport.aclose()
    with pytest.raises(EngineFault):
        await engine.probe()


def child_of(port: int) -> int:
    """The process that was told to listen on `port`."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (folder / "cmdline").exists():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"sync_server.cluster.llama_server" in words and str(port).encode() in words:
                    return int(folder.name)
    raise AssertionError("no such process")


async def test_a_process_that_does_not_last_is_started_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(Path("missing.gguf"), "m", free_port(), 512, "key")
    monkeypatch.setattr(Child, "command", (sys.executable, "-c", "raise SystemExit(3)"))
    embedded, pauses = Embedded(child, system_ports()), list[float]()

    async def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await embedded.run(wait)
    assert pauses == [2, 4, 8, 16]
    assert "key" not in repr(child)


def test_the_models_process_ends_with_its_input() -> None:
    """However the server ended: the operating system closes the pipe."""
    lines = (
        "import sys, threading, time",
        "from sync_server.cluster import llama_server",
        "sys.stdin.readline()",
        "threading.Thread(target=llama_server._end_with_input, daemon=True).start()",
        "print('up', flush=True)",
        "time.sleep(600)",
    )
    code = "\n".join(lines)
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(b"key\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"up\n"
        process.stdin.close()
        assert process.wait(timeout=30) == 0
