"""The five reference rows, through the programs that people use: real processes, the model that ships as the cluster.

Each test has jobs of its own: what was once said on a job counts for everything that is asked about it later. Each
row is asked with the cluster up; what it falls back to, with the cluster down. A cluster that comes and goes changes
where a job's questions run at most once in a window. The managed service is an engine of ours behind a socket of
loopback, declared as `managed_cloud`, for an organisation whose policies switch it on.
"""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest

from policies.bundle import FILES, ROUTES
from shared.contract import to_instant
from shared.ids import id_of
from simulators import processes
from simulators.engine import Engine, serve_engine

pytestmark = pytest.mark.requires("model")

SENSITIVE = "Ms Harrington was injured at the pump, what now?"
QUOTED = "quoted from the manuals"
#: One that no manual of the sample organisation answers.
ELSEWHERE = "Is the order of the reserved part urgent?"
SEA = ("Which colour has the sea?", "--class", "public")
DOCUMENT = "The pump ran at 4.2 bar for three weeks. " * 12
#: Of long words: too long a text is cut by its signs, and what a model then reads are words.
LARGE = "Environmental responsibility requires international communication, professional understanding. " * 270
WINDOW = timedelta(seconds=60)


@dataclass(frozen=True)
class Laptop:
    """An enrolled laptop, as the words that every call of its program ends with."""

    where: tuple[str, ...]
    model: str | None = None

    def told(self, *words: str, code: int | None = 0) -> dict[str, Any]:
        command = [sys.executable, "-m", "device.cli", *words, *self.where]
        told = {**os.environ, "TAILBOARD_MODEL": self.model} if self.model else None
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL, env=told
        )
        assert code in (None, done.returncode), (words, done.stdout, done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def ask(self, text: str, *words: str, code: int | None = 0) -> dict[str, Any]:
        return self.told("ask", text, *words, code=code)


@dataclass(frozen=True)
class Stand:
    """A server process with its cluster, a laptop with the model that ships, and one without a model."""

    folder: Path
    server: processes.Running
    laptop: Laptop
    bare: Laptop
    token: str

    def fresh(self, name: str) -> Laptop:
        """One more laptop with the model that ships, which remembers nothing of how the cluster was."""
        return enrolled(self.folder / name, self.folder / "office", self.server, "a.okafor")

    def left_alone(self) -> bool:
        """Whether the server gives its cluster nothing at the moment."""
        told = httpx.get(f"{self.server.url}/metrics", headers={"Authorization": f"Bearer {self.token}"})
        return 'tailboard_gateway_out{upstream="embedded"} 0.0' not in told.text.splitlines()


def office(made: Path) -> Path:
    processes.administer(made, "init", "--tenant", "t", "--name", "T")
    processes.administer(made, "sample", "load")
    return made


def enrolled(folder: Path, home: Path, server: processes.Running, person: str, model: str | None = None) -> Laptop:
    folder.mkdir()
    (folder / "pin").write_text("2468\n")
    where = ("--home", str(folder / "home"), "--pin-file", str(folder / "pin"), "--json")
    code = processes.administer(home, "enrol-code", person)["code"]
    made = Laptop(where, model)
    made.told("enrol", server.url, code)
    made.told("sync")
    return made


@contextmanager
def standing(folder: Path, cluster: str) -> Iterator[Stand]:
    home = folder / "office"
    with processes.running_server(home, cluster=cluster) as server:
        laptop = enrolled(folder / "laptop", home, server, "a.okafor")
        bare = enrolled(folder / "bare", home, server, "b.lind", "none")
        token = processes.administer(home, "metrics-token")["file"]
        yield Stand(folder, server, laptop, bare, Path(token).read_text().strip())


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """With the embedded cluster."""
    folder = tmp_path_factory.mktemp("embedded")
    (folder / "office").mkdir()
    office(folder / "office")
    with standing(folder, "embedded") as made:
        yield made


# -- the model's process


def child_of(server: int) -> tuple[int, int] | None:
    """The embedded model's process and its port; None if there is none now."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            parent = (
                int((folder / "stat").read_text().rpartition(")")[2].split()[1]) if folder.name.isdecimal() else 0
            )
            words = (folder / "cmdline").read_bytes().split(b"\0") if parent == server else []
            if b"sync_server.cluster.llama_server" in words:
                return int(folder.name), int(words[words.index(b"--port") + 1])
    return None


def until(true: Callable[[], bool], what: str, within_s: float = 180) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends, what
        time.sleep(0.1)  # a real process says nothing when it is ready


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def up(stand: Stand) -> None:
    def ready() -> bool:
        child = child_of(stand.server.pid)
        return child is not None and listening(child[1]) and not stand.left_alone()

    until(ready, "the cluster does not come up")


@contextmanager
def down(stand: Stand) -> Iterator[None]:
    """The model's process dies, and the next is held where it was started: it serves nobody, and ends no more.

    Were that one killed, too, and again, the server would rest longer before each (up to a minute).
    """
    child = child_of(stand.server.pid)
    assert child is not None, "it is not up"
    dead, port = child
    over, held = threading.Event(), list[int]()

    def hold() -> None:
        while not held and not over.wait(0.02):  # long before it has read the model and listens
            if (now := child_of(stand.server.pid)) and now[0] != dead:
                os.kill(now[0], signal.SIGSTOP)
                held.append(now[0])

    os.kill(dead, signal.SIGKILL)
    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    try:
        until(lambda: not listening(port), "the cluster does not go down")
        yield
        assert not listening(port), "it came up meanwhile"
    finally:
        over.set()
        holder.join()
        for each in held:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def ran(said: dict[str, Any]) -> tuple[str, str]:
    return said["outcome"], said["badge"]


# -- the cluster is up


def test_sensitive_work_stays_on_the_laptop_or_crosses_with_a_consent(stand: Stand) -> None:
    up(stand)
    said = stand.laptop.ask(SENSITIVE, "--job", "WO-1042")
    assert ran(said) == ("answered", "THIS LAPTOP"), said
    assert said["answer"]["moved"] == []
    assert "nothing goes to the managed cloud" in said["answer"]["disclosure"]
    assert QUOTED in said["answer"]["disclosure"]
    refused = stand.bare.ask(SENSITIVE, "--job", "WO-1042", code=1)
    assert (refused["outcome"], "--consent once" in refused["advice"]) == ("refused", True)
    assert "Not in the manuals" in refused["why"]
    agreed = stand.bare.ask(SENSITIVE, "--job", "WO-1042", "--consent", "once")
    assert ran(agreed) == ("answered", "PRIVATE CLUSTER")
    assert [each["data_class"] for each in agreed["answer"]["moved"]] == ["personal"]
    assert stand.bare.ask(SENSITIVE, "--job", "WO-1043", code=1)["outcome"] == "refused", "it was for that one"


def test_the_organisations_documents_go_to_its_own_cluster_and_never_to_a_public_place(stand: Stand) -> None:
    up(stand)
    said = stand.laptop.ask(DOCUMENT, "--purpose", "summarise", "--job", "WO-1037")
    assert ran(said) == ("answered", "PRIVATE CLUSTER"), said
    assert "stays with the organisation" in said["answer"]["disclosure"]
    told = stand.laptop.told("route", "explain", DOCUMENT, "--purpose", "summarise", "--what-if", "cloud=high")
    whys = {each["route"]: each["obstacle"] for each in told["decision"]["why_not"]}
    assert whys["managed_cloud"] == "not_permitted"
    assert "managed_cloud" not in (*told["decision"]["fallbacks"], *told["decision"]["waits_for"])


def test_what_somebody_waits_for_runs_on_the_laptop_that_can(stand: Stand) -> None:
    up(stand)
    said = stand.laptop.ask("Which filter fits?", "--within", "300", "--job", "WO-1038")
    assert ran(said) == ("answered", "THIS LAPTOP"), said
    assert "If it fails:" in said["answer"]["disclosure"]
    assert QUOTED in said["answer"]["disclosure"]
    assert said["answer"]["citations"]


def test_offline_the_laptop_answers_and_one_without_a_model_lets_it_wait(stand: Stand) -> None:
    up(stand)
    for laptop in (stand.laptop, stand.bare):
        laptop.told("work", "offline")
    try:
        said = stand.laptop.ask("Which filter fits?", "--job", "WO-1039")
        assert ran(said) == ("answered", "THIS LAPTOP"), said
        assert "Answered offline on this laptop by" in said["answer"]["disclosure"]
        assert stand.laptop.told("status")["capability"]["model"] in said["answer"]["disclosure"]
        assert QUOTED in said["answer"]["disclosure"]
        quoted = stand.bare.ask("Which filter fits?", "--job", "WO-1039")["answer"]
        assert (quoted["citations"], quoted["moved"]) == (said["answer"]["citations"], []), "that needs no model"
        waits = stand.bare.ask(ELSEWHERE, "--job", "WO-1039")
        assert ran(waits) == ("waiting", "QUEUE")
    finally:
        for laptop in (stand.laptop, stand.bare):
            laptop.told("work", "online")

    def answered() -> bool:
        stand.bare.told("sync")
        return any(
            each["command"] == waits["command"] and each["task"]["status"] == "done"
            for each in stand.bare.told("task", "list", "--all")["tasks"]
        )

    until(answered, "the question that waited is not answered", within_s=420)


# -- the cluster comes and goes


def decided(laptop: Laptop) -> list[tuple[datetime, str, dict[str, str]]]:
    """When it was decided, for where, and what stood in the way of every other place."""
    entries = laptop.told("evidence", "metadata")["entries"]
    made = [(to_instant(each["at"]), each["told"]) for each in entries if each["kind"] == "decision"]
    return [(at, told["route"], {no["route"]: no["obstacle"] for no in told["why_not"]}) for at, told in made]


def by_choice(decisions: list[tuple[datetime, str, dict[str, str]]]) -> list[datetime]:
    """When the route changed although the place before could still have done it."""
    return [
        at
        for (_, before, _), (at, route, why_not) in itertools.pairwise(decisions)
        if route != before and why_not.get(before) in (None, "outranked")
    ]


def test_a_cluster_that_comes_and_goes_changes_the_route_at_most_once_in_a_window(stand: Stand) -> None:
    up(stand)
    laptop, words = stand.fresh("flapping"), ("--purpose", "summarise", "--job", "WO-1044")
    badges = []
    for _ in range(2):
        badges.append(laptop.ask(DOCUMENT, *words)["badge"])
        with down(stand):
            badges.append(laptop.ask(DOCUMENT, *words)["badge"])
        up(stand)
    badges.append(laptop.ask(DOCUMENT, *words)["badge"])
    assert badges[:2] == ["PRIVATE CLUSTER", "THIS LAPTOP"]
    decisions = decided(laptop)
    assert "private_cluster" in {route for _, route, _ in decisions} <= {"private_cluster", "device"}
    chosen = by_choice(decisions)
    assert all(later - earlier >= WINDOW for earlier, later in itertools.pairwise(chosen)), (
        chosen,
        badges,
    )


# -- the cluster is down


def test_with_the_cluster_down_nothing_crosses_further_than_before(stand: Stand) -> None:
    up(stand)
    laptop = stand.fresh("down")
    with down(stand):
        document = laptop.ask(DOCUMENT, "--purpose", "summarise", "--job", "WO-1045")
        assert ran(document) == ("answered", "THIS LAPTOP")
        sensitive = laptop.ask(SENSITIVE, "--job", "WO-1034")
        assert (ran(sensitive), sensitive["answer"]["moved"]) == (("answered", "THIS LAPTOP"), [])
        closed = stand.bare.ask(SENSITIVE, "--job", "WO-1034", code=1)
        assert (closed["outcome"], bool(closed["advice"])) == ("refused", True)
        waits = stand.bare.ask(DOCUMENT, "--purpose", "summarise", "--job", "WO-1046")
        assert ran(waits)[0] == "waiting"
        assert stand.bare.told("task", "cancel", waits["command"])["how"] == "withdrawn"


# -- the managed service


@contextmanager
def cloud() -> Iterator[tuple[Engine, int]]:
    """An engine of ours behind a socket of loopback, as the managed service; nothing of it is left afterwards."""
    engine, started = Engine("managed-xl"), Future[tuple[int, Callable[[], Any]]]()

    async def serve() -> None:
        over = asyncio.Event()
        hang_up = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
        async with serve_engine(engine) as server:
            started.set_result((server.sockets[0].getsockname()[1], hang_up))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    port, hang_up = started.result(30)
    try:
        yield engine, port
    finally:
        hang_up()
        thread.join(30)


def switched_on(folder: Path) -> Path:
    """The bundle that ships, for an organisation that switched the managed service on."""
    folder.mkdir()
    for name in FILES:
        text = (resources.files("policies.default") / name).read_text(encoding="utf-8")
        text = text.replace("tenants = []", 'tenants = ["t"]') if name == ROUTES else text
        (folder / name).write_text(text.replace("version = 1\n", "version = 2\n"), encoding="utf-8")
    return folder


CLUSTER = """
hosts = ["127.0.0.1"]
managed_cloud = true

[upstreams.service]
url = "http://127.0.0.1:{port}"
boundary = "managed_cloud"
model = "managed-xl"
tier = "high"
context_tokens = 200000
"""


def test_what_is_public_goes_to_the_managed_service_if_the_technician_chooses_it(tmp_path: Path) -> None:
    home = tmp_path / "office"
    home.mkdir()
    office(home)
    processes.administer(home, "policy", "publish", str(switched_on(tmp_path / "bundle")), "--as", "s.varga")
    with ExitStack() as service:
        engine, port = service.enter_context(cloud())
        (tmp_path / "cluster.toml").write_text(CLUSTER.format(port=port))
        with standing(tmp_path, str(tmp_path / "cluster.toml")) as stand:
            words = ("--purpose", "summarise", "--class", "public")
            before = stand.laptop.told("route", "explain", LARGE, *words)  # asked, it would stay there for a window
            assert before["decision"]["route"] != "managed_cloud", "nobody switched it on"
            processes.administer(home, "policy", "rollout", "2", "--force", "--reason", "agreed", "--as", "s.varga")
            for laptop in (stand.laptop, stand.bare):
                until(lambda one=laptop: fetched(one), "the bundle does not arrive")  # type: ignore[misc]
            large = stand.laptop.ask(LARGE, *words)
            assert (ran(large), len(engine.asked)) == (("answered", "CLOUD"), 1), large
            assert "this laptop would give a smaller summary" in large["answer"]["disclosure"]
            inside = stand.bare.ask(DOCUMENT, "--purpose", "summarise", "--job", "WO-1037")
            assert (inside["outcome"], len(engine.asked)) == ("waiting", 1), "what is ours waits for our own cluster"
            with_manuals = stand.bare.ask(*SEA, "--consent", "once", code=1)
            assert len(engine.asked) == 1, "pages of the organisation's manuals would go along"
            assert "only a question about a job can wait" in with_manuals["why"]
            withdraw_manuals(home)
            stand.bare.told("sync")
            assert "--consent once" in stand.bare.ask(*SEA, code=1)["advice"]
            assert ran(stand.bare.ask(*SEA, "--consent", "once")) == ("answered", "CLOUD")
            service.close()
            smaller = stand.laptop.ask(LARGE, *words)
            assert ran(smaller) == ("answered", "THIS LAPTOP"), smaller


def withdraw_manuals(home: Path) -> None:
    for each in processes.administer(home, "document", "list")["documents"]:
        name = id_of(each["ref"])
        processes.administer(home, "document", "withdraw", name, "--reason", "not ours", "--as", "m.reyes")


def fetched(laptop: Laptop) -> bool:
    laptop.told("sync")
    return bool(laptop.told("status")["policy_version"].endswith("-2"))
