"""A bundle tried: on facts that somebody supposes, and on decisions that laptops told. Nothing is kept of either."""

from collections.abc import Iterator
from datetime import timedelta

from starlette.responses import Response

from policies.bundle import Bundle
from policies.explain import explain
from policies.flips import Flip, replay
from policies.route import choose
from shared.problems import Problem
from shared.routing import BOUNDARIES, Boundary, Capability, DataClass, RouteRequest, Tier
from shared.routing import Link as Way
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Page,
    Quoted,
    Said,
    Section,
    Several,
    State,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.pages import shown
from sync_server.console.policies import PURPOSES, TRAIL, bundle_of
from sync_server.console.visit import Form as Given
from sync_server.console.visit import Visit
from sync_server.office import Office

_LIFE = timedelta(hours=1)
_CONTEXT = 8192
SHOWN = 50
_SINCE = {"1": Said("the last day"), "7": Said("the last 7 days"), "30": Said("the last 30 days")}


def _chosen(office: Office, visit: Visit) -> tuple[Bundle, Field]:
    """The bundle that the form names, and the field that names it."""
    told = office.published(visit.tenant)
    wanted = visit.query.get("bundle", "")
    known = {str(each): each for each in told.versions}
    version = known.get(wanted, None if wanted == "shipped" else told.rollout.in_force)
    options = (
        ("shipped", Said("the one that came with the program")),
        *((name, said("bundle {n}", n=name)) for name in sorted(known, key=int, reverse=True)),
    )
    field = Field("bundle", Said("Bundle"), "select", str(version) if version else "shipped", options)
    return bundle_of(office, visit.tenant, version), field


def what_if(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """The decision for supposed facts."""
    bundle, which = _chosen(office, visit)
    asked, now = visit.query, office.service.ports.clock.now()
    blocks: list[object] = [
        Form("what-if", (which, *_fields(asked)), (Button("", Said("Decide")),), looks=True, row=True)
    ]
    if asked.get("purpose") in PURPOSES:
        request = _request(asked, visit, now)
        lines = explain(choose(bundle, request, now))
        blocks.append(Section(Said("It would be"), (Text(Several(tuple(map(Quoted, lines)))),)))
    else:
        blocks.append(Text(Said("Say what is so; the decision and every why-not follow. Nothing is sent or kept.")))
    return shown(visit, Page(Said("What would be decided, if…"), tuple(blocks), TRAIL), problem)


def _fields(asked: Given) -> Iterator[Field]:
    def select(name: str, words: str, values: tuple[str, ...], default: str) -> Field:
        return Field(name, Said(words), "select", asked.get(name, default), tuple((each, each) for each in values))

    yield select("purpose", "Task", PURPOSES, "answer")
    yield select("class", "Data is", tuple(DataClass), "internal")
    yield select("link", "Link", tuple(Way), "up")
    yield select("tier", "Answers must be", tuple(Tier), "basic")
    places = ("none", *Tier)
    yield select("device", "Laptop's model", places, "basic")
    yield select("private_cluster", "Cluster's model", places, "high")
    yield select("managed_cloud", "Cloud's model", places, "none")
    yield Field("chars", Said("Characters asked"), "number", asked.get("chars", "400"), most=7)
    yield Field("approved_device", Said("The laptop is approved"), "check", asked.get("approved_device", ""))
    yield Field("approved", Said("Somebody approved it"), "check", asked.get("approved", ""))


def _request(asked: Given, visit: Visit, now: object) -> RouteRequest:
    """The facts; a word that is none of those offered counts as the first of them, as a class it says nothing."""

    def one(name: str, values: tuple[str, ...]) -> str:
        return asked[name] if asked.get(name) in values else values[0]

    tiers = tuple(each.value for each in Tier)
    known: dict[Boundary, Capability] = {
        place: _able(Tier(asked[place]), now) for place in BOUNDARIES if asked.get(place) in tiers
    }
    chars = asked.get("chars", "")
    return RouteRequest.model_validate(
        {
            "tenant": visit.tenant,
            "device": "what-if",
            "actor": visit.actor,
            "purpose": one("purpose", PURPOSES),
            "data_class": asked["class"] if asked.get("class") in set(DataClass) else None,
            "input_chars": int(chars) if chars.isdecimal() and len(chars) < 8 else 400,
            "tier": one("tier", tiers),
            "link": one("link", tuple(each.value for each in Way)),
            "known": known,
            "device_approved": bool(asked.get("approved_device")),
            "approved": bool(asked.get("approved")),
        }
    )


def _able(tier: Tier, now: object) -> Capability:
    told = {"model": "supposed", "tier": tier, "context_tokens": _CONTEXT, "tokens_per_s": 0}
    return Capability.model_validate({**told, "measured_at": now, "expires_at": now + _LIFE})  # type: ignore[operator]


def diff(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Which told decisions a bundle would make otherwise."""
    bundle, which = _chosen(office, visit)
    days = visit.query.get("days", "")
    period = Field("days", Said("Over"), "select", days or "1", tuple(_SINCE.items()))
    form = Form("diff", (which, period), (Button("", Said("Decide them again")),), looks=True, row=True)
    blocks: tuple[object, ...] = (form, Text(Said("Decisions that laptops told are made again by the bundle.")))
    if days in _SINCE:
        since = office.service.ports.clock.now() - timedelta(days=int(days))
        told = replay(bundle, office.decisions_told(visit.tenant, since))
        wider = sum(each.wider for each in told.flips)
        lead = said(
            "{version}: {n} decisions made again, {flips} come out otherwise, {wider} of them wider, {damaged} were "
            "changed after they were written and not replayed.",
            version=bundle.version,
            n=told.replayed,
            flips=len(told.flips),
            wider=wider,
            damaged=len(told.damaged),
        )
        columns = (Said("When"), Said("Laptop"), Said("Task"), Said("Boundary"), Said("What changes"))
        rows = tuple(map(_row, told.flips[:SHOWN]))
        blocks = (
            form,
            Text(lead),
            Table(Said("Decisions that flip"), columns, rows, Said("None: it decides the same.")),
        )
    return shown(visit, Page(Said("What a bundle would have decided otherwise"), blocks, TRAIL), problem)


def _row(flip: Flip) -> tuple[object, ...]:
    wider = State("!", Said("Wider"), Tone.NEEDS) if flip.wider else State("+", Said("Not wider"), Tone.FINE)
    purpose, risk = flip.task
    return flip.at, flip.before.request.device, f"{purpose}, {risk}", wider, Quoted(flip.how())
