"""What `tailboard-server record` does: the live configuration goes into `policies.record`, a document comes out.

Rules
1. Every value is read where the running server reads it: settings, cluster file, systems of record, what is rolled
   out, the packages that are installed. Nothing here is typed in a second time.
2. No secret is read: no key of an engine, no secret of a system, no password of a database.
3. A system's or a database's host counts as outside, unless its address or its name can only be a private one.
4. Nothing is asked of any other machine, and no model is started.
"""

import argparse
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url

from policies.bundle import BadBundle, Bundle, narrowed, unpack
from policies.explain import PLACES
from policies.record import Configuration, Engine, Location, Transfer, make_record, to_markdown
from policies.rollout import Rollout
from reconciliation.expiry import LIMITS
from shared import embedded_model
from shared.commandline import Report
from shared.commands.assist_request import TaskRequested
from shared.routing import BOUNDARIES, Boundary, DataClass, Route, Tier
from sync_server.attachments import GRACE
from sync_server.bootstrap import build_office
from sync_server.cluster.embedded import embedded_upstream
from sync_server.cluster.queue.steps import Limits as TaskLimits
from sync_server.cluster.upstreams import ClusterFile, QuotaSettings, UpstreamSettings, private, read_cluster_file
from sync_server.office import Office
from sync_server.retention import TRACES_KEPT
from sync_server.settings import Settings, from_environment
from sync_server.systems.configuration import SystemSettings, read_systems
from sync_server.telemetry.exporting import EVERY_S
from sync_server.update_commands import stage_words
from sync_server.updates.bundles import shipped_bundle

_HERE: Boundary = Route.PRIVATE_CLUSTER
_LAPTOP = "each laptop"
#: Names that nobody outside answers to: of one word, or with one of these ends.
_ONE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NEVER_PUBLIC = (".local", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Ruling:
    """The bundle in force for everything, the roll-out that says so, and a sentence if it cannot be read."""

    bundle: Bundle
    rollout: Rollout
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """The engines that `serve --cluster` would be told of; none without one."""

    upstreams: Mapping[str, UpstreamSettings] = field(default_factory=dict)
    file: ClusterFile | None = None
    embedded: bool = False


def runtime_record(arguments: argparse.Namespace) -> Report:
    """The Runtime Decision Record."""
    settings = from_environment(home=arguments.home, database=arguments.database)
    office = build_office(settings, pooled=False)
    tenant, now = office.the_tenant(arguments.tenant), office.service.ports.clock.now()
    told = ruling(office, tenant)
    models, systems = models_of(arguments.cluster), read_systems(settings.home)
    configuration = Configuration(
        tenant=tenant,
        written_at=now,
        locations=(*_control(told), *_execution(models), *_data(settings, systems), *_evidence(settings)),
        engines=(_laptops_model(), *(_engine(name, each) for name, each in models.upstreams.items())),
        transfers=(*_own_transfers(settings), *(_write(name, each) for name, each in systems.items())),
        versions=versions(models),
        assumptions={**_rolled_out(told), **_capacity(settings, models)},
    )
    record = make_record(told.bundle, configuration)
    data = record.model_dump(mode="json", by_alias=True)
    return Report(str(data.pop("schema")), data, to_markdown(record).splitlines())


# -- what decides


def ruling(office: Office, tenant: str) -> Ruling:
    """The bundle that is in force for everything, as the gateway takes it."""
    rollout = office.published(tenant).rollout
    if rollout.in_force is None:
        return Ruling(shipped_bundle(), rollout)
    try:
        return Ruling(unpack(office.bundle(tenant, rollout.in_force)), rollout)
    except BadBundle as error:
        trouble = f"bundle {rollout.in_force} is in force and cannot be read: {error}"
        return Ruling(narrowed(shipped_bundle()), rollout, f"{trouble[:300]}; nothing leaves a laptop")


def _rolled_out(told: Ruling) -> dict[str, str]:
    stages = {f"stage {place}": stage_words(each)[:400] for place, each in enumerate(told.rollout.stages, start=1)}
    trouble = {"policies in force": told.trouble} if told.trouble else {}
    return {"roll-out": f"serial {told.rollout.serial}", **stages, **trouble}


def _control(told: Ruling) -> Iterator[Location]:
    policies = f"policies {told.bundle.version}"[:400]
    yield Location(
        role="control",
        name="first decision, before anything moves",
        where=_LAPTOP,
        boundary=Route.DEVICE,
        holds=f"{policies}, the stages for this laptop, consents under its technician's key",
        keeps="until the office puts newer ones in force; past their end they leave only the laptop",
    )
    yield Location(
        role="control",
        name="second decision, from the server's own facts",
        where="this server",
        boundary=_HERE,
        holds=f"{policies}, the roll-out and the keys that sign it, quotas, approvals",
        keeps="what was published, for good",
    )


# -- where models run


def models_of(told: str | None) -> Models:
    """The engines of ``embedded``, of a `cluster.toml`, or none.

    Raises:
        Refused: the file cannot be read.
    """
    if told is None:
        return Models()
    if told == "embedded":
        named = embedded_upstream(Path(embedded_model.FILE).stem, 0)  # the port is drawn when it starts
        return Models({"embedded": named}, embedded=True)
    file = read_cluster_file(Path(told))
    return Models(file.upstreams, file)


def _laptops_model() -> Engine:
    return Engine(
        name="laptop",
        boundary=Route.DEVICE,
        where=_LAPTOP,
        model=f"{embedded_model.FILE}, or the GGUF file that its settings name",
        tier=Tier.BASIC,
        context_tokens=embedded_model.CONTEXT_TOKENS,
        slots=1,
        first_byte_s=0,
        between_tokens_s=0,
    )


def _engine(name: str, told: UpstreamSettings) -> Engine:
    return Engine(
        name=name,
        boundary=told.boundary,
        where=_where(told),
        model=told.model,
        tier=told.tier,
        context_tokens=told.context_tokens,
        slots=told.slots,
        first_byte_s=told.first_byte_timeout_s,
        between_tokens_s=told.between_tokens_timeout_s,
        cost_per_1k_tokens=told.cost_per_1k_tokens,
    )


def _where(told: UpstreamSettings) -> str:
    parts = urlsplit(told.url)
    return "a process of this server, on loopback" if parts.port == 0 else f"{parts.scheme}://{parts.netloc}"


def _execution(models: Models) -> Iterator[Location]:
    yield Location(
        role="execution",
        name="laptop",
        where=_LAPTOP,
        boundary=Route.DEVICE,
        holds="the question while it is answered",
        keeps="nothing",
    )
    for name, told in models.upstreams.items():
        yield Location(
            role="execution",
            name=name,
            where=_where(told),
            boundary=told.boundary,
            holds=f"the question while it is answered by {told.model}"[:400],
            keeps="as the engine itself is set up",
        )


# -- where data and evidence lie


def _data(settings: Settings, systems: Mapping[str, SystemSettings]) -> Iterator[Location]:
    where, boundary = _database(settings)
    yield Location(
        role="data",
        name="records",
        where=where,
        boundary=boundary,
        holds="records, commands and their outcomes, questions that wait, keys sealed under the server's secret",
        keeps=f"settled commands {LIMITS.ledger_retention.days} days, records for good",
    )
    yield Location(
        role="data",
        name="files",
        where=str(settings.blobs)[:400],
        boundary=_HERE,
        holds="attachments",
        keeps=f"for good; of commands that failed, {GRACE.days} days",
    )
    yield Location(
        role="data",
        name="laptop",
        where=f"{_LAPTOP}, a database encrypted under the technician's PIN",
        boundary=Route.DEVICE,
        holds="the records of the technician's teams, what waits in the outbox",
        keeps=f"settled commands {LIMITS.resubmit_window.days} days",
    )
    for name, told in systems.items():
        yield Location(
            role="data",
            name=name,
            where=told.url,
            boundary=_boundary(urlsplit(told.url).hostname),
            holds="what was written to this system of record",
            keeps="as it says itself",
        )


def _evidence(settings: Settings) -> Iterator[Location]:
    yield Location(
        role="evidence",
        name="decision log",
        where=f"{_LAPTOP}, in its encrypted database",
        boundary=Route.DEVICE,
        holds="a signed chain of decisions, attempts and consents; no word of a question",
        keeps="as many days as the laptop's TAILBOARD_EVIDENCE_DAYS says",
    )
    where, boundary = _database(settings)
    yield Location(
        role="evidence",
        name="audit",
        where=where,
        boundary=boundary,
        holds="a hash-chained log of what was decided, run, approved and published; no word of a question",
        keeps="for good",
    )
    yield Location(
        role="evidence",
        name="traces",
        where=where,
        boundary=boundary,
        holds="what laptops told of their decisions: words of closed lists, numbers, keyed digests",
        keeps=f"{TRACES_KEPT.days} days; what they came to stays counted",
    )


def _database(settings: Settings) -> tuple[str, Boundary]:
    """The database's address without a password or options, and where that is."""
    url = make_url(settings.database)
    told = url.query.get("host")
    host = url.host or (told if isinstance(told, str) and not told.startswith("/") else None)
    return url.set(query={}, host=host).render_as_string(hide_password=True)[:400], _boundary(host)


def _boundary(host: str | None) -> Boundary:
    """Where a host is; no host is this machine.

    Source: RFC 6761 (localhost), RFC 6762 (local), RFC 8375 (home.arpa); ICANN reserves internal for private use.
    """
    if host is None or host.endswith(_NEVER_PUBLIC) or _ONE_WORD.fullmatch(host):
        return _HERE
    try:
        return _HERE if private(host) else Route.MANAGED_CLOUD
    except ValueError:
        return Route.MANAGED_CLOUD


# -- what moves without a route


def _own_transfers(settings: Settings) -> Iterator[Transfer]:
    away, task = LIMITS.offline_max.days, TaskLimits()
    yield Transfer(
        source="this laptop",
        target="this server",
        boundary=_HERE,
        data_class=DataClass.RESTRICTED,
        when="commands and files that a person confirmed, at every sync; any class up to this one",
        deadline=f"each kind's own, {away} days at most",
        on_failure="it stays in the outbox and is sent again; past its time it goes back to its author",
    )
    yield Transfer(
        source="this server",
        target="this laptop",
        boundary=Route.DEVICE,
        data_class=DataClass.RESTRICTED,
        when="the records of its technician's teams, at every sync; any class up to this one",
        deadline="none",
        on_failure="the laptop works on with what it has",
    )
    yield Transfer(
        source="this server",
        target="this laptop",
        boundary=Route.DEVICE,
        data_class=DataClass.INTERNAL,
        when="policies that were signed and rolled out, after a sync",
        deadline=f"what says that there is nothing newer is good for {settings.terms.timestamp.days} days",
        on_failure="the last good policies stay in force; nothing gets wider",
    )
    yield Transfer(
        source="the outbox of a laptop",
        target="this server, then a model that a new decision permits",
        boundary=_HERE,
        data_class=DataClass.RESTRICTED,
        when="questions that wait; any class up to this one, decided anew before they run",
        deadline=f"{TaskRequested.kind.lifetime.days} days, {task.run_s:g} s for one try",
        on_failure=f"up to {task.attempts_max} tries, then it has failed; what is past its time never runs",
    )
    yield Transfer(
        source="the decision log of a laptop",
        target="this server",
        boundary=_HERE,
        data_class=DataClass.INTERNAL,
        when="after a sync, before files: what was decided and done, without words, names or ids",
        deadline="none",
        on_failure="it goes on from where this server is; what can never come is counted as lost",
    )
    if settings.otlp:
        yield _spans(settings.otlp)


def _spans(collector: str) -> Transfer:
    return Transfer(
        source="this server",
        target=f"the collector of spans, {collector}"[:400],
        boundary=_boundary(urlsplit(collector).hostname),
        data_class=DataClass.INTERNAL,
        when=f"every {EVERY_S:g} s: what was decided and run, without words or names of people",
        deadline="none",
        on_failure="it waits in the database; what the collector refuses for good is counted",
    )


def _write(name: str, told: SystemSettings) -> Transfer:
    looks, sends = told.patience.lookups_max, told.patience.sends_max
    return Transfer(
        source="this server",
        target=f"{name}, {told.url}"[:400],
        boundary=_boundary(urlsplit(told.url).hostname),
        data_class=DataClass.PERSONAL,
        when="a command that this system is for was accepted; it names who gave it",
        deadline=f"an answer in {told.timeout_s:g} s, settled in {told.in_flight_max_s:g} s",
        on_failure=f"looked up by its key, up to {looks} times; sent {sends} times at most; then a person decides",
    )


# -- what it rests on


def versions(models: Models) -> dict[str, str]:
    """Python, this program, and every package that it names, as they are installed; the models that ship."""
    needed = (re.match(r"[A-Za-z0-9._-]+", each) for each in metadata.requires("tailboard") or () if ";" not in each)
    names = ("tailboard", *(each.group() for each in needed if each))
    shipped = f"{embedded_model.FILE}, sha256 {embedded_model.SHA256}"
    return {
        "python": platform.python_version(),
        **{name: _installed(name) for name in names},
        "model on a laptop": shipped,
        **({"model of embedded": shipped} if models.embedded else {}),
    }


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _capacity(settings: Settings, models: Models) -> dict[str, str]:
    return {
        **_engines_capacity(models),
        "largest file": f"{settings.file_bytes_max >> 20} MiB",
        "room for files": f"{settings.tenant_files_bytes_max >> 30} GiB",
    }


def _engines_capacity(models: Models) -> dict[str, str]:
    if not models.upstreams:
        return {"models besides the laptops'": "none; say --cluster as serve is told"}
    quota = models.file.quota if models.file else QuotaSettings()
    at_once = {
        f"tasks at once in {PLACES[place]}": str(
            sum(told.slots for told in models.upstreams.values() if told.boundary is place)
        )
        for place in BOUNDARIES
        if any(told.boundary is place for told in models.upstreams.values())
    }
    waiting = {f"may wait for {name}": str(told.queue_max) for name, told in models.upstreams.items()}
    return {**at_once, **waiting, **_quota(quota)}


def _quota(quota: QuotaSettings) -> dict[str, str]:
    shares = {"each organisation": quota.tenant, "each person or program": quota.actor}
    named = {f"organisation {name}": share for name, share in quota.tenants.items()}
    named |= {f"person or program {name}": share for name, share in quota.actors.items()}
    return {
        f"quota of {name}": f"{share.requests} requests, {share.tokens} tokens in {quota.window_s:g} s"
        for name, share in {**shares, **named}.items()
    }
