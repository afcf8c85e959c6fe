"""The gateway as it is served: a process of its own, on its own loop, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from simulators.engine import Engine, Mood, serve_engine
from simulators.processes import administer, running_server

CLUSTER = """
hosts = ["127.0.0.1"]
[upstreams.house]
url = "http://127.0.0.1:{port}"
boundary = "private_cluster"
model = "m"
tier = "standard"
context_tokens = 4096
"""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.001)


def set_up(home: Path, port: int) -> str:
    """A server's folder, with one program that may ask; its key."""
    home.mkdir()
    (home / "cluster.toml").write_text(CLUSTER.format(port=port), encoding="utf-8")
    administer(home / "server", "init", "--tenant", "t", "--name", "T")
    administer(home / "server", "person", "add", "root", "--name", "Root", "--role", "admin")
    return str(administer(home / "server", "client", "add", "c", "--data-class", "internal", "--as", "root")["key"])


@asynccontextmanager
async def served(home: Path, engine: Engine) -> AsyncIterator[tuple[str, str]]:
    """Where the gateway listens, and a program's key."""
    async with serve_engine(engine) as listening:
        key = set_up(home, listening.sockets[0].getsockname()[1])
        with running_server(home / "server", cluster=str(home / "cluster.toml")) as running:
            yield running.url, key


def asked(key: str, *, stream: bool) -> bytes:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Which filter?"}], "stream": stream})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(url)
    return await asyncio.open_connection(place.hostname, place.port)


async def whole(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    return await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))


async def test_one_connection_gets_its_answers_in_order_and_a_stream_gets_every_event(tmp_path: Path) -> None:
    engine = Engine()
    async with served(tmp_path / "home", engine) as (url, key):
        reader, writer = await connect(url)
        for _ in range(3):
            writer.write(asked(key, stream=False))
        for _ in range(3):
            assert json.loads(await whole(reader))["choices"][0]["message"]["content"] == "".join(engine.words)
        writer.write(asked(key, stream=True))
        streamed = await reader.readuntil(b"\r\n0\r\n\r\n")
        assert [streamed.count(word.encode()) for word in ("data: [DONE]", '"object"')] == [1, len(engine.words) + 3]
        writer.close()
    assert len(engine.asked) == 4


async def test_who_hangs_up_on_the_served_program_stops_the_engine(tmp_path: Path) -> None:
    engine = Engine(mood=Mood.STALLS)
    async with served(tmp_path / "home", engine) as (url, key):
        reader, writer = await connect(url)
        writer.write(asked(key, stream=True))
        await reader.readuntil(b"data: ")
        assert engine.cut == 0
        writer.close()
        await until(lambda: engine.cut == 1)
        engine.mood = Mood.HANGS
        reader, writer = await connect(url)
        writer.write(asked(key, stream=False))
        await until(lambda: len(engine.asked) == 2)
        writer.close()
        await until(lambda: engine.cut == 2)
