"""A technician's walk through real programs, as a page of captures: a server, and the screen in a terminal.

An offline note, confirmed, in the outbox; the link comes up; accepted; a conflict; resolved at the office; told on
the screen. Every step waits until the screen says what it must say: the walk ends early if the product does not.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

from shared.ports import Ports
from simulators.demo.stage import DISPATCHER, PIN, Stage, enrol_laptop, open_laptop, prepare_server
from simulators.demo.terminal import Terminal, terminal
from simulators.processes import administer, server

JOB = "WO-1042"
NOTE = "seal weeping a bit, look again next week"
_COLOURLESS = {"TERM": "screen-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TAILBOARD_MODEL": "none"}
_PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True)
class Capture:
    """What was done, in a sentence, and what the terminal showed then."""

    said: str
    shown: str


async def walk(stage: Stage, ports: Ports, columns: int = 80, rows: int = 24) -> list[Capture]:
    """Walk in an empty `stage`; each step's capture.

    Raises:
        ProcessFailed: a program died, or the screen never said what it must say.
    """
    await asyncio.to_thread(prepare_server, stage)
    with server(stage.server) as url:
        await enrol_laptop(stage, url, ports)
        now = await _first_contact(stage, ports)
        mine, theirs = [each for each in reversed(_PRIORITIES) if each != now][:2]
        with terminal(stage.home) as opened:
            _start(opened, stage, columns, rows)
            return await asyncio.to_thread(_Walk(opened, stage, mine, theirs).steps)


async def _first_contact(stage: Stage, ports: Ports) -> str:
    """The jobs come to the laptop; the priority that the job has."""
    device = open_laptop(stage, ports, model=None)
    try:
        await device.agent.settle()
        return str(device.workbench.record(f"work_order/{JOB}").fields["priority"])
    finally:
        await device.close()


def _start(opened: Terminal, stage: Stage, columns: int, rows: int) -> None:
    pin = stage.home / "pin"
    pin.write_text(PIN, encoding="utf-8")
    program = [sys.executable, "-m", "device.cli", "--home", str(stage.device), "--pin-file", str(pin)]
    opened.start(program, _COLOURLESS, columns, rows)


class _Walk:
    """The steps, one after the other."""

    def __init__(self, opened: Terminal, stage: Stage, mine: str, theirs: str) -> None:
        self._at, self._stage, self._mine, self._theirs = opened, stage, mine, theirs
        self._captures: list[Capture] = []

    def steps(self) -> list[Capture]:
        """All of them."""
        self._at.sees("open of", JOB)
        for step in (self._note, self._clash, self._link, self._office, self._told):
            step()
        return self._captures

    def _keep(self, said: str, *words: str) -> None:
        self._captures.append(Capture(said, self._at.sees(*words)))

    def _note(self) -> None:
        see, press = self._at.sees, self._at.press
        see("open of", JOB)
        press("w")
        see("Offline since")
        self._to_job(see, press)
        self._keep("`w` works offline; Enter opens the job.", "palette", JOB, "Offline since", "Priority:")
        press("4")
        see("See what it would change")
        self._at.types(NOTE)
        see(NOTE)
        press("Enter")
        self._keep(
            "`4`, the sentence, Enter: what it would come to. Nothing has happened yet.",
            "palette",
            "Confirm 1",
            "[x] 1",
        )
        self._confirm()
        see("1 saved on this laptop")

    def _to_job(self, see: Callable[..., str], press: Callable[..., None]) -> None:
        press("/")
        see("F1 Keys")  # the filter has the focus: ? is a letter there
        self._at.types(JOB)
        see(f"filter: {JOB}")
        press("Enter")
        see("Enter Open")
        press("Enter")
        see(f"Jobs > {JOB}")

    def _confirm(self) -> None:
        """`y` counts only once the rows were on the screen for a moment, as for a person who read them."""
        self._at.insists("y", "y Confirm")

    def _clash(self) -> None:
        see, press = self._at.sees, self._at.press
        press("e")
        see("Change which field")
        press("/")
        see("words that it must contain")
        self._at.types("priority")
        see("priority")
        press("Enter")
        see("priority of")
        press("/")
        see("words that it must contain")
        self._at.types(self._mine)
        see(self._mine)
        press("Enter")
        see(f"→ {self._mine}")
        self._confirm()
        see("2 not answered yet")
        words = ("record", "set", JOB, "priority", self._theirs, "--as", DISPATCHER)
        administer(self._stage.server, *words)
        press("5")
        said = "A priority by form (`e`), `y`; meanwhile the office sets another. `5`: both wait here."
        self._keep(said, "palette", "0 accepted + 2 only here", "o Saved", "Next try: when you work online")

    def _link(self) -> None:
        self._at.press("w")
        said = "`w`: the link is up. The note is accepted; the priority is a conflict, and in review."
        self._keep(said, "palette", "+ Accepted", "? In review", "1 accepted + 0 only here")
        self._at.press("Home", "Enter")
        self._keep(
            "Enter on it: what each side said, and what stands.",
            "palette",
            "you",
            DISPATCHER,
            self._mine,
            self._theirs,
        )
        self._at.press("Escape")

    def _office(self) -> None:
        (conflict,) = administer(self._stage.server, "conflict", "list")["conflicts"]
        name = conflict["ref"].partition("/")[2]
        decision = ("--keep", "mine", "--reason", "seen on site", "--as", DISPATCHER)
        administer(self._stage.server, "conflict", "resolve", name, *decision)
        self._at.press("s")
        said = "The office keeps the technician's. `s` asks at once; by itself it looks twice a minute."
        self._keep(said, "palette", "2 accepted + 0 only here")

    def _told(self) -> None:
        self._at.press("Home", "Enter")
        self._keep("Enter: who decided, what stands, and why.", "palette", "Command #2", "seen on site", self._mine)
        self._at.press("Escape", "Escape")
        self._keep("Esc: the job again, with what it is now.", "palette", f"Priority: {self._mine}", "Online", "+2")


def page(captures: list[Capture]) -> str:
    """The walk as Markdown."""
    lines = [
        "# A walk through the screen",
        "",
        "Real programs on one machine: a server's process, and `tailboard` in a terminal of tmux, without a model.",
        "`tailboard-sim walk docs/walk.md` wrote it; it stops where the screen does not say what it must say.",
    ]
    for number, each in enumerate(captures, start=1):
        shown = [line.rstrip() for line in each.shown.rstrip().splitlines()]
        lines += ["", f"{number}. {each.said}", "", "```text", *shown, "```"]
    return "\n".join(lines) + "\n"
