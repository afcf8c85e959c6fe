"""Policies: what is in force where; what a bundle would decide; published, rolled out and taken back.

Rules
1. What stands here is the bundle's own text. A bundle is tried on facts that somebody supposes, and on what laptops
   told of their decisions, before it is rolled out anywhere.
2. To go back is to publish older content under a higher number: laptops that are offline can never be led back.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from policies.bundle import FILES, BadBundle, Bundle, pack, unpack
from policies.rollout import Mode, Rollout, Stage
from shared.problems import Code, Problem, Refused
from shared.routing import DataClass
from sync_server.console.blocks import (
    Button,
    Facts,
    Field,
    Form,
    Link,
    Mono,
    Page,
    Said,
    Section,
    Table,
    Text,
    Ways,
    said,
)
from sync_server.console.deciding import Deed
from sync_server.console.pages import shown
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office.policies import Published, Scope
from sync_server.updates.bundles import shipped_bundle

PURPOSES = ("propose", "answer", "summarise", "complete")
_REASON = Field("reason", Said("Reason"), hint=Said("it stays in the audit"), required=True)
TRAIL = (Link(Said("Policies"), "/console/policies"),)


def bundle_of(office: Office, tenant: str, version: int | None) -> Bundle:
    """A published bundle; the one that came with the program for None. Raises `Refused`."""
    if version is None:
        return shipped_bundle()
    try:
        return unpack(office.bundle(tenant, version))
    except BadBundle as error:
        raise Refused(Code.INTERNAL, f"bundle {version} cannot be read: {error}") from error


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """What is published, and where it is rolled out."""
    told = office.published(visit.tenant)
    bundle = bundle_of(office, visit.tenant, told.rollout.in_force)
    manifest, why = bundle.manifest, visit.refusals.get(Act.ADMINISTER)
    blocks = (
        Facts(
            (
                (Said("In force for everything"), _number(told.rollout.in_force)),
                (
                    Said("Valid"),
                    said("{start} to {end}", start=manifest.valid_from.date(), end=manifest.expires_at.date()),
                ),
                (Said("Hash"), Mono(bundle.digest(), copy=True)),
                (Said("Roll-out"), told.rollout.serial),
            )
        ),
        _stages(told.rollout),
        _rules(bundle),
        Section(Said("Try before"), (_TRIES,)),
        *_acts(told, why),
        _publish(bundle, told, why, open_=visit.form.get("which") == "publish"),
    )
    return shown(visit, Page(Said("Policies"), blocks), problem)


def _number(version: int | None) -> Said:
    return Said("the bundle that came with the program") if version is None else said("bundle {n}", n=version)


def _stages(rollout: Rollout) -> Table:
    rows = tuple(
        (said("bundle {n}", n=each.version), state_of("stage", each.mode), scope_words(each))
        for each in rollout.stages
    )
    empty = Said("Nothing is tried in part: what is in force holds for everything.")
    return Table(Said("Stages"), (Said("Bundle"), Said("State"), Said("For")), rows, empty)


def scope_words(stage: Stage) -> Said | str:
    """For what a stage is."""
    parts = (stage.purposes, stage.classes, stage.groups)
    return "; ".join(", ".join(sorted(each)) for each in parts if each) or Said("everything")


def _rules(bundle: Bundle) -> Section:
    rows = tuple(
        (each.id, Said("forbids") if each.forbids else Said("permits"), each.reason)
        for each in sorted(bundle.policies.values(), key=lambda one: one.id)
    )
    table = Table(Said("Policies in it"), (Said("Policy"), Said("What it does"), Said("Why")), rows, Said("None."))
    return Section(said("What is in it ({n})", n=len(rows)), (table,), folded=True)


_TRIES = Ways(
    (
        Link(Said("What would be decided, if…"), "/console/policies/what-if"),
        Link(Said("What a bundle would have decided otherwise"), "/console/policies/diff"),
    )
)


def _acts(told: Published, why: Any) -> Iterator[Section]:
    if not told.versions:
        yield Section(Said("Roll out"), (Text(Said("Nothing is published yet. Publish a bundle below first.")),))
        return
    bundles = tuple((str(each), said("bundle {n}", n=each)) for each in sorted(told.versions, reverse=True))
    modes = (("shadow", Said("in shadow: decided and recorded, never followed")), ("in_force", Said("in force")))
    fields = (
        Field("version", Said("Bundle"), "select", options=bundles),
        Field("mode", Said("How"), "select", options=modes),
        Field("purpose", Said("Only for"), "select", options=(("", Said("every task")), *((p, p) for p in PURPOSES))),
        Field("risk", Said("Only for data that is"), "select", options=(("", Said("of any class")), *_classes())),
        Field("groups", Said("Only for laptops or teams"), hint=Said("names, with commas; empty: all")),
        _REASON,
    )
    yield Section(
        Said("Roll out"), (Form("rollout", fields, (Button("rollout", Said("Roll out"), why_not=why),)),), folded=True
    )
    which = Field("version", Said("Bundle"), "select", options=bundles)
    end = Form("withdraw", (which, _REASON), (Button("withdraw", Said("End its stages"), why_not=why),))
    back = Form("rollback", (which, _REASON), (Button("rollback", Said("Go back to it"), why_not=why),))
    told_back = Text(Said("Its content is published under a new number and is in force for everything at once."))
    yield Section(Said("End stages"), (end,), folded=True)
    yield Section(Said("Go back"), (told_back, back), folded=True)


def _classes() -> tuple[tuple[str, str], ...]:
    return tuple((each.value, each.value) for each in DataClass)


def _publish(bundle: Bundle, told: Published, why: Any, *, open_: bool) -> Section:
    fields = tuple(Field(f"file.{name}", name, "area", bundle.files[name], most=400_000) for name in FILES)
    text = said(
        "The text of the bundle in force. Change it, give it a version above {n} in manifest.toml, and publish it: "
        "it is in force nowhere until it is rolled out.",
        n=max([0, *told.versions]),
    )
    form = Form("publish", fields, (Button("publish", Said("Publish"), why_not=why),))
    return Section(Said("Publish another one"), (Text(text), form), folded=True, open=open_)


# -- what the buttons do


def _version(form: Mapping[str, str]) -> int:
    told = form.get("version", "")
    if not told.isdecimal() or len(told) > 15:
        raise Refused(Code.MALFORMED, "choose a bundle")
    return int(told)


def _published(office: Office, visit: Visit) -> str:
    files = {name: visit.form.get(f"file.{name}", "").replace("\r\n", "\n") for name in FILES}
    try:
        raw = pack(files)
    except BadBundle as error:
        raise Refused(Code.MALFORMED, str(error)) from error
    office.publish_bundle(visit.tenant, visit.actor, raw)
    return "published"


def _rolled_out(office: Office, visit: Visit) -> str:
    form = visit.form
    mode: Mode = "in_force" if form.get("mode") == "in_force" else "shadow"
    groups = frozenset(each.strip() for each in form.get("groups", "").split(",") if each.strip())
    purposes = frozenset(each for each in PURPOSES if each == form.get("purpose"))
    risks = frozenset(each for each in DataClass if each == form.get("risk"))
    scope = Scope(purposes or None, risks or None, groups or None)  # type: ignore[arg-type]  # checked words
    office.roll_out(visit.tenant, visit.actor, _version(form), mode, scope, visit.text("reason"))
    return "rolled_out"


def _withdrawn(office: Office, visit: Visit) -> str:
    office.withdraw_bundle(visit.tenant, visit.actor, _version(visit.form), visit.text("reason"))
    return "withdrawn"


def _rolled_back(office: Office, visit: Visit) -> str:
    office.roll_back_bundle(visit.tenant, visit.actor, _version(visit.form), visit.text("reason"))
    return "rolled_back"


DEEDS = {
    "publish": Deed(Act.ADMINISTER, _published),
    "rollout": Deed(Act.ADMINISTER, _rolled_out),
    "withdraw": Deed(Act.ADMINISTER, _withdrawn),
    "rollback": Deed(Act.ADMINISTER, _rolled_back),
}
