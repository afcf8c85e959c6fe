"""What the verb `sample load` does: from parsed arguments to a `Report`."""

import argparse
import json
from importlib import resources
from typing import Any

from shared.commandline import Report
from shared.commands.base import Role
from shared.ids import id_of
from sync_server.asked_of import office_of
from sync_server.office import Office
from sync_server.store import Person

SAMPLE_KINDS = ("asset", "stock_item", "work_order")


def sample_load(arguments: argparse.Namespace) -> Report:
    """Load the sample organisation: what is missing is added, what is there is left alone."""
    office, tenant = office_of(arguments)
    folder = resources.files("sync_server.sample")
    organisation = json.loads((folder / "organisation.json").read_text(encoding="utf-8"))
    known = {person.id for person in office.people(tenant)}
    for person in organisation["people"]:
        if person["id"] in known:
            continue
        roles = frozenset(Role(role) for role in person["roles"])
        office.put_person(tenant, Person(person["id"], person["name"], roles))
    actor = next(person["id"] for person in organisation["people"] if "admin" in person["roles"])
    done: dict[str, Any] = {"people": len(organisation["people"])}
    for kind in SAMPLE_KINDS:
        plan = office.plan_import(tenant, kind, (folder / f"{kind}.csv").read_text(encoding="utf-8"))
        only_new = plan.only_new()  # what people changed since stays
        office.apply_import(tenant, actor, only_new)
        done[kind] = {"new": len(plan.new), "kept": len(only_new.kept), "same": plan.same}
    done["document"] = _sample_manuals(office, tenant, actor)
    more = _sample_large(office, tenant, actor) if arguments.large else {}
    done |= {"large": more} if more else {}
    lines = [f"{done['people']} people", *(f"{kind}: {_counts(done[kind])}" for kind in (*SAMPLE_KINDS, "document"))]
    lines += [f"{name.replace('_', ' ')}: {number} more" for name, number in more.items()]
    return Report("tailboard.sample.v1", done, lines)


def _sample_large(office: Office, tenant: str, actor: str) -> dict[str, int]:
    """Fill the organisation; once."""
    from sync_server.sample.large import Size, fill, order

    if f"work_order/{order(0)}" in office.seen(tenant, [f"work_order/{order(0)}"]):
        return {}
    return fill(office, tenant, actor, Size())


def _sample_manuals(office: Office, tenant: str, actor: str) -> dict[str, int]:
    """Add the manuals that are missing."""
    from sync_server.document_commands import drafted

    known = {id_of(record.ref) for record in office.records(tenant, "document")}
    with resources.as_file(resources.files("sync_server.sample") / "manuals") as folder:
        drafts = [drafted(path) for path in sorted(folder.glob("*.md"))]
    missing = [draft for draft in drafts if draft.id not in known]
    for draft in missing:
        office.add_document(tenant, actor, draft)
    return {"new": len(missing), "kept": 0, "same": len(drafts) - len(missing)}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())
