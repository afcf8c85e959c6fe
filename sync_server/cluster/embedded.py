"""The embedded cluster: the model that ships, served by llama.cpp in a child process, to try everything with.

Rules
1. The child listens on loopback and takes only requests that carry a key which was drawn for it.
2. A child that ends is started again, after a pause that doubles each time it did not last.
3. It ends with the server: it is told to, and its input ends whatever becomes of the server.
"""

import asyncio
import hashlib
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from shared import embedded_model
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.routing import Route, Tier
from sync_server.cluster.upstreams import Cluster, Upstream, UpstreamSettings

log = logging.getLogger("tailboard.server")
PAUSE_S, PAUSE_MAX_S = 1.0, 60.0
#: A child that ran so long had a good start.
LASTED_S = 60.0
ENDS_IN_S = 5.0
#: A long question on a laptop's processor, beside everything else that it does.
PATIENCE_S = 110.0
NAME = "embedded"


@dataclass(frozen=True, slots=True)
class Child:
    """How the child is started. The key goes in by its input, where no list of processes shows it."""

    model: Path
    name: str
    port: int
    context_tokens: int
    key: str = field(repr=False)

    @property
    def command(self) -> tuple[str, ...]:
        """The command line."""
        told = ("--model", str(self.model), "--name", self.name, "--port", str(self.port))
        return (
            sys.executable,
            "-m",
            "sync_server.cluster.llama_server",
            *told,
            "--context",
            str(self.context_tokens),
        )


class Embedded:
    """Keeps the child alive."""

    def __init__(self, child: Child, ports: Ports) -> None:
        self.child, self._ports = child, ports
        self.starts = 0
        #: Called with the name of the upstream whenever its process was started.
        self.started: Callable[[str], None] = lambda _name: None

    async def run(self, wait: Callable[[float], Awaitable[None]]) -> None:
        """Start the child, and again whenever it ends, until cancelled."""
        pause_s = PAUSE_S
        while True:
            began_s = self._ports.clock.monotonic_s()
            status = await self._once()
            lasted_s = self._ports.clock.monotonic_s() - began_s
            pause_s = PAUSE_S if lasted_s >= LASTED_S else min(pause_s * 2, PAUSE_MAX_S)
            log.warning("the model's process ended", extra={"status": status, "lasted_s": round(lasted_s, 1)})
            await wait(pause_s)

    async def _once(self) -> int | None:
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            *self.child.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        assert process.stdin is not None, "asked for a pipe"
        self.started(NAME)
        try:
            with suppress(ConnectionError, RuntimeError):  # it died already; uvloop says so with the latter
                process.stdin.write(self.child.key.encode() + b"\n")
                await process.stdin.drain()
            return await process.wait()
        finally:
            process.stdin.close()
            if process.returncode is None:
                process.terminate()
                await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(ENDS_IN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def embedded_cluster(ports: Ports, model: Path | None = None) -> tuple[Cluster, Embedded]:
    """The cluster of the model that ships (or of the GGUF file `model`), and what keeps it alive.

    Raises:
        Refused: `not_found`, there is no such model here.
    """
    path = model if model is not None else shipped_model()
    key, port = ports.randomness.draw(24).hex(), free_port()
    told = embedded_upstream(path.stem, port)
    child = Child(path, told.model, port, told.context_tokens, key)
    return Cluster((Upstream(NAME, told, key),)), Embedded(child, ports)


def embedded_upstream(model: str, port: int) -> UpstreamSettings:
    """How the child that serves `model` on a port of loopback is spoken to."""
    return UpstreamSettings(
        url=f"http://127.0.0.1:{port}",
        boundary=Route.PRIVATE_CLUSTER,
        model=model,
        tier=Tier.BASIC,
        context_tokens=embedded_model.CONTEXT_TOKENS,
        slots=1,
        queue_max=16,
        first_byte_timeout_s=PATIENCE_S,
        between_tokens_timeout_s=PATIENCE_S / 2,
    )


def shipped_model() -> Path:
    """The file of the model that ships. Raises `Refused` if it is not installed, or not the file that shipped."""
    try:
        files = metadata.files(embedded_model.DISTRIBUTION) or ()
    except metadata.PackageNotFoundError as error:
        words = f"the model that ships ({embedded_model.DISTRIBUTION}) is not installed; name a cluster.toml instead"
        raise Refused(Code.NOT_FOUND, words) from error
    found = next((Path(str(file.locate())) for file in files if file.name == embedded_model.FILE), None)
    if found is None or not found.is_file():
        raise Refused(Code.NOT_FOUND, f"{embedded_model.DISTRIBUTION} is installed without {embedded_model.FILE}")
    with found.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != embedded_model.SHA256:
            raise Refused(Code.INTERNAL, f"{found.name} is not the file that shipped; install it anew")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
