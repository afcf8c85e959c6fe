"""The first page: what waits for a person, and what is wrong. Nothing that failed is left out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from shared.problems import Problem
from sync_server.console.blocks import Link, Note, Page, Said, State, Table, Tone, said
from sync_server.console.pages import shown
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office.looking import DeviceLine, Waiting

#: A laptop that was not heard for so long, and said that it holds work, is asked after.
SILENT = timedelta(days=1)
#: A key that ends so soon is warned of.
KEY_WARNED = timedelta(days=14)
#: So many of them are on the first page; the list of laptops has them all.
SHOWN = 20
_KINDS = (
    ("conflicts", "Conflicts", "Two people changed the same field apart; both values are kept."),
    ("approvals", "Approvals", "Somebody asks for a second person's yes."),
    ("parked", "Parked writes", "Nobody knows for sure what another system did."),
    ("quarantined", "Quarantine", "Work that was set apart: nothing of it has an effect before somebody looks."),
)


def show(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """What waits."""
    assert visit.frame is not None, "somebody is signed in"
    now = office.service.ports.clock.now()
    waiting, laptops = visit.frame.waiting, office.device_lines(visit.tenant)
    rows = tuple(_waiting_rows(waiting))
    asked = [each for each in laptops if needs_attention(each, now)]
    troubles = tuple(_troubles(office, visit, laptops, now))
    blocks = (
        *troubles,
        Table(
            Said("What waits for somebody"), (Said("What"), Said("How many"), Said("State"), Said("Why")), rows, _NO
        ),
        Table(
            Said("Laptops to ask after"),
            (Said("Laptop"), Said("State"), Said("Person"), Said("Last seen"), Said("Unsettled, as it last said")),
            tuple(_laptop_row(each, now) for each in asked[:SHOWN]),
            Said(
                "Every laptop was heard lately, or said that it holds nothing. One that falls silent is listed here."
            ),
            "/console/devices?show=attention" if len(asked) > SHOWN else "",
        ),
    )
    return shown(visit, Page(Said("What waits"), blocks), problem)


_NO = Said("Nothing waits. What needs a person is listed here as soon as it comes up.")


def _waiting_rows(waiting: Waiting) -> Iterator[tuple[Any, ...]]:
    for name, words, why in _KINDS:
        number = getattr(waiting, name)
        path = "quarantine" if name == "quarantined" else name
        state = state_of("check", "trouble" if number else "ok")
        yield Link(Said(words), f"/console/{path}"), number, state, Said(why)


def needs_attention(line: DeviceLine, now: datetime) -> bool:
    """Whether somebody should look at a laptop.

    It waits to be approved, has two histories, work in quarantine, a key that runs out, or is silent with a backlog.
    """
    wanted = line.device.state in ("forked", "waiting") or bool(line.held.get("quarantined"))
    return wanted or silent(line, now) or key_ends_soon(line, now)


def key_ends_soon(line: DeviceLine, now: datetime) -> bool:
    """Whether the key of a laptop that may sync has run out, or does within `KEY_WARNED`."""
    ends = line.device.key_expires_at
    return line.device.state == "active" and ends is not None and ends - now <= KEY_WARNED


def silent(line: DeviceLine, now: datetime) -> bool:
    """Whether it was not heard for long, and said that it holds work."""
    seen = line.device.last_seen_at
    backlog = line.report.waiting if line.report else 0
    return line.device.state == "active" and bool(backlog) and seen is not None and now - seen > SILENT


def _troubles(office: Office, visit: Visit, laptops: list[DeviceLine], now: datetime) -> Iterator[Note]:
    if why := office.stopped_because(visit.tenant):
        yield Note(said("The server accepts nothing until an operator has looked at it: {why}", why=why), Tone.NEEDS)
    forked = [each.device.id for each in laptops if each.device.state == "forked"]
    if forked:
        names = ", ".join(forked)
        yield Note(
            said("Two histories under one name: {names}. What they bring is kept for review.", names=names),
            Tone.NEEDS,
        )
    new = sum(each.device.state == "waiting" for each in laptops)
    if new:
        yield Note(said("Laptops that wait to be approved: {number}.", number=new), Tone.NEEDS)
    ending = sum(key_ends_soon(each, now) for each in laptops)
    if ending:
        yield Note(said("Laptops whose key ran out or soon does: {number}.", number=ending), Tone.NEEDS)
    quiet = sum(silent(each, now) for each in laptops)
    if quiet:
        yield Note(said("Laptops that hold work and were not heard for a day: {number}.", number=quiet), Tone.NEEDS)


def _laptop_row(line: DeviceLine, now: datetime) -> tuple[Any, ...]:
    device = line.device
    state: State = State("!", Said("Silent"), Tone.NEEDS) if silent(line, now) else state_of("device", device.state)
    return (
        Link(device.id, f"/console/devices/{device.id}"),
        state,
        device.actor,
        device.last_seen_at or Said("never"),
        backlog(line, now),
    )


def backlog(line: DeviceLine, now: datetime) -> Said:
    """How much it holds and since when, as it last said."""
    report = line.report
    if report is None:
        return Said("it said nothing yet")
    if not report.waiting or line.oldest_at is None:
        return said("{number}", number=report.waiting)
    return said("{number}, oldest {age}", number=report.waiting, age=age(now - line.oldest_at))


def age(span: timedelta) -> Said:
    """A span as people say it."""
    minutes = max(0, int(span.total_seconds()) // 60)
    if minutes < 120:
        return said("{n} min", n=minutes)
    return said("{n} h", n=minutes // 60) if minutes < 2880 else said("{n} days", n=minutes // 1440)
