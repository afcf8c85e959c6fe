"""Decisions of the sample organisation's laptops, as they would have told them: made by the rules that ship."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from policies.route import choose
from shared.evidence import Blind, Decided, Trace, link_hash, tell_decision, text_of
from shared.metrics import tally
from shared.routing import Capability, DataClass, Link, Route, RouteRequest, Tier
from sync_server.office import Office
from sync_server.sample.laptops import SampleLaptop
from sync_server.updates.bundles import shipped_bundle

_PURPOSES = ("answer", "propose", "summarise")
_LINKS = (Link.UP, Link.MARGINAL, Link.DOWN, Link.UP)
_TIERS = (Tier.BASIC, Tier.STANDARD, Tier.BASIC, Tier.HIGH)


def tell_decisions(office: Office, tenant: str, laptops: Sequence[SampleLaptop], number: int) -> int:
    """Keep `number` decisions as traces, and count them; how many."""
    now = office.service.ports.clock.now()
    bundle = shipped_bundle()
    names = frozenset(each.id for each in bundle.policies.values())
    with office.service.store.transaction() as tx:
        for place, laptop in enumerate(laptops):
            told = list(_told(tenant, laptop, range(place, number, len(laptops)), now))
            tx.add_traces(tenant, laptop.name, 1, told, now)
            parsed = ((each.kind, Decided.model_validate_json(each.told)) for _, each in told)
            tx.measure(tenant, tally(parsed, names))
    return number


def _told(tenant: str, laptop: SampleLaptop, which: range, now: datetime) -> Iterator[tuple[str, Trace]]:
    blind, prev = Blind(b"\x01" * 32), ""
    for number, each in enumerate(which, start=1):
        decided = choose(shipped_bundle(), _request(tenant, laptop, each, now), now - timedelta(minutes=each))
        text, at = text_of(tell_decision(decided, blind)), decided.decided_at.isoformat()
        trace = Trace(number=number, at=at, kind="decision", told=text, sealed=blind.sealed(number, text))
        prev = link_hash(number, prev, at, trace.kind, text, trace.sealed)
        yield prev, trace


def _request(tenant: str, laptop: SampleLaptop, number: int, now: datetime) -> RouteRequest:
    known = {Route.DEVICE: _able(Tier.BASIC, now), Route.PRIVATE_CLUSTER: _able(Tier.HIGH, now)}
    return RouteRequest.model_validate(
        {
            "tenant": tenant,
            "device": laptop.name,
            "actor": laptop.actor,
            "purpose": _PURPOSES[number % len(_PURPOSES)],
            "data_class": tuple(DataClass)[number * 3 % 4],
            "input_chars": 200 + number,
            "tier": _TIERS[number % len(_TIERS)],
            "link": _LINKS[number * 5 % len(_LINKS)],
            "known": known,
        }
    )


def _able(tier: Tier, now: datetime) -> Capability:
    return Capability(
        model="sample",
        tier=tier,
        context_tokens=8192,
        tokens_per_s=20,
        measured_at=now - timedelta(days=1),
        expires_at=now + timedelta(days=1),
    )
