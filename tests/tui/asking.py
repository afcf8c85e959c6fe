"""A laptop with manuals, a scripted model and a scripted cluster, for tests of the pages that ask."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from device.capability import Machine
from device.cluster_client import ClusterClient
from device.model.port import Generation, ModelError, Watch
from simulators.bench.answers import Manual, index_all, put
from tests.laptops import Elsewhere, Writes
from tests.tui.conftest import MakeWorld
from tests.tui.drive import Person
from tests.tui.world import World

TEXT = b"""# 4 Assembly

## 4.2 Casing bolts

| model | torque Nm |
|---|---|
| NX65-200 | 65 |

Never refit a used gasket.

## 4.9 Notes

Keep the spare keys in the red box.
"""
NX = Manual("nx", "nx.md", TEXT, "NX pumps", "7")
TORQUE = "What torque do the casing bolts of the NX65-200 need?"
UNKNOWN = "What does the warranty for the casing cost?"
PERSONAL = "Ms Harrington at 12 Mill Lane, +44 20 7946 0958, was injured. What now?"


@dataclass
class Slow(Writes):
    """A model that writes its pieces and then waits to be stopped, or for its gate."""

    pieces: tuple[str, ...] = ('{"answer": "Tighten the', " casing")
    ended: threading.Event = field(default_factory=threading.Event)

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        assert watch is not None, "who asks follows"
        for piece in self.pieces:
            watch.piece(piece)
        stop = threading.Event()
        with watch.stopping(stop.set):
            stop.wait(10)
        self.ended.set()
        raise ModelError("It was stopped; forms still work.")


def asking(
    make_world: MakeWorld,
    *manuals: Manual,
    model: Writes | None = None,
    online: bool = False,
) -> tuple[World, Elsewhere]:
    """A world with these manuals read, this model (None: none), and a cluster that answers."""
    world = make_world(with_model=False, online=online)
    device = world.device
    elsewhere = Elsewhere(world.clock)
    carrier = httpx.MockTransport(elsewhere)
    device.cluster = ClusterClient(device.client, carrier, device.meter, device.keys, device.ports)
    device.model = model
    device.workbench.routes.laptop._machine = Machine  # a test must not depend on the machine that it runs on
    records = [put(device.library.shelf.attachments, each) for each in manuals]
    device.store.absorb(records, "1:2")
    index_all(device.library)
    return world, elsewhere


def long_manual(pages: int) -> Manual:
    """A manual of so many short pages."""
    text = "\f".join(
        f"# {number} Chapter\n\nThe part number {number}00 belongs here." for number in range(1, pages + 1)
    )
    return replace(NX, id="long", file="long.txt", content=text.encode(), title="Long")


async def asks(person: Person, question: str) -> None:
    """From wherever a question can be asked: 3, the words, Enter."""
    await person.press("3")
    await person.pastes(question)
    await person.press("enter")
