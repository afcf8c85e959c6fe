"""The audit: who did what, what it changed, under which id; checked link by link, and taken away as a file.

Rules
1. Newest first, a page at a time, all of it or what mentions one record, person or laptop.
2. Checking walks the whole chain; the page says how far it is sound and what is not.
3. What is exported is what stands there, link by link, with the hashes, and the signed end beside it.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from policies.acts import Act
from policies.explain import PLACES
from shared.problems import Code, Problem, Refused
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Link,
    Mono,
    Note,
    Page,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.commands import standing_of, summary_of, verb_of
from sync_server.console.deciding import Deed
from sync_server.console.pages import SAFE, label, shown, value_text
from sync_server.console.visit import Visit
from sync_server.console.ways import device_link, record_link
from sync_server.office import Office
from sync_server.office.looking import Linked

PAGE_SIZE = 50
#: So many links leave as one file; a longer chain leaves in several.
EXPORT_LINKS = 50_000
_BY = ("record", "person", "device")
_COLUMNS = (
    Said("When"),
    Said("Who"),
    Said("What"),
    Said("About"),
    Said("Before and after"),
    Said("Receipt"),
    Said("Request id"),
)
_WORD_CHARS = 40
_SHOWN_APART = frozenset({"at", "act", "actor", "device", "record", "command", "hash", "versions", "outcome", "kind"})


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Links of the audit, newest first."""
    about = _about(visit)
    before = visit.query.get("before", "")
    place = int(before) if before.isdecimal() and len(before) < 16 else None
    found, left = office.audit_page(visit.tenant, about, before=place, limit=PAGE_SIZE + 1)
    links = found[:PAGE_SIZE]
    kept = {name: visit.query[name] for name in _BY if visit.query.get(name)}
    more = f"?{urlencode({**kept, 'before': links[-1].position})}" if len(found) > PAGE_SIZE else ""
    table = Table(Said("Audit"), _COLUMNS, tuple(tuple(_row(each)) for each in links), _EMPTY, more)
    behind = (Note(said("{n} newer links are not gone through yet; look again soon.", n=left)),) if left else ()
    return shown(visit, Page(Said("Audit"), (_filter(visit), *behind, table, *_proof(visit))), problem)


_EMPTY = Said("The audit mentions nothing like that. Names are exact: work_order/WO-1042, m.reyes, TB-07.")


def _about(visit: Visit) -> str | None:
    return next((f"{what} {told.strip()}" for what in _BY if (told := visit.query.get(what, "")).strip()), None)


def _filter(visit: Visit) -> Form:
    words = {"record": Said("Record"), "person": Said("Person"), "device": Said("Laptop")}
    fields = tuple(
        Field(what, words[what], value=visit.query.get(what, ""), key="/" if what == "record" else "") for what in _BY
    )
    return Form("filter", fields, (Button("", Said("Show")),), looks=True, row=True)


def _row(each: Linked) -> Iterator[Any]:
    body, entry = each.body, each.entry
    device, actor = str(body.get("device", "")), str(body.get("actor") or body.get("person") or "–")
    yield each.at or Said("cannot be read")
    yield Several((actor, Small(device_link(device)))) if device else actor
    yield Several((summary_of(entry.command), standing_of(entry))) if entry else verb_of(_act(body))
    yield record_link(str(body["record"])) if "record" in body else _rest(body)
    yield _before_and_after(each)
    yield Small(said("link {n}, {hash}", n=each.position, hash=each.hash[:12]))
    yield Small(Mono(str(body["command"]), copy=True)) if "command" in body else "–"


def _act(body: Any) -> str:
    act = str(body.get("kind") if body.get("act") == "outcome" else body.get("act"))
    return label(act)


def _rest(body: Any) -> Several:
    """What else a link says; of a question to a model first where it ran. A hash may be broken, words are not."""
    badge = PLACES.get(body.get("route"), "")
    told = {name: value for name, value in body.items() if name not in _SHOWN_APART and value not in (None, "")}
    words = [badge, *(f"{label(name)}: {value_text(value)}" for name, value in told.items())]
    long = [each for each in words if max(map(len, each.split()), default=0) > _WORD_CHARS]
    short = "; ".join(each for each in words if each and each not in long)
    return Several((*filter(None, (short,)), *map(Mono, long)) or ("–",))


def _before_and_after(each: Linked) -> Any:
    """What a command found and what it left, as far as the ledger still has it."""
    entry = each.entry
    if entry is None or entry.receipt is None:
        versions = each.body.get("versions") or {}
        return Several(tuple(said("{ref}: version {n}", ref=ref, n=n) for ref, n in versions.items()) or ("–",))
    payload, saw = entry.command.payload, {base.field: base.value for base in entry.command.bases}
    applied = [name.field for name in entry.receipt.applied]
    shown_ = [
        said("{field}: {old} → {new}", field=label(name), old=value_text(saw.get(name)), new=_after(payload, name))
        for name in applied[:6]
    ]
    return Several(tuple(shown_) or (Quoted(entry.receipt.detail) if entry.receipt.detail else "–",))


def _after(payload: Any, name: str) -> str:
    for key in (name, "value", "to", "choice", "text"):
        if key in payload:
            return value_text(payload[key])
    return "…"


# -- proof


def _proof(visit: Visit) -> Iterator[Any]:
    why = visit.refusals.get(Act.AUDIT)
    told = Said(
        "Every link covers the one before it. Checking walks all of them; on a long chain that takes a while."
    )
    yield Section(
        Said("Proof"),
        (Text(told), Form("verify", (), (Button("verify", Said("Check every link"), why_not=why),))),
    )
    taken = Said("Links with their hashes, one JSON object a line, and the signed end of the chain as the last line.")
    query = {name: visit.query[name] for name in _BY if visit.query.get(name)}
    href = f"/console/audit/export?{urlencode(query)}"
    yield Section(Said("Take it away"), (Text(taken), Text(Link(Said("Export what is shown above"), href))))


def _verify(office: Office, visit: Visit) -> str | Response:
    found = office.verify_audit(visit.tenant)
    if found.why is not None:
        raise Refused(Code.INTERNAL, f"the chain is broken at position {found.broken_at}: {found.why}")
    note = Note(said("{n} links, all sound. The end: {hash}", n=found.links, hash=found.head), Tone.FINE)
    trail = (Link(Said("Audit"), "/console/audit"),)
    return shown(visit, Page(Said("The audit was checked"), (note,), trail))


def export(office: Office, visit: Visit, _problem: Problem | None) -> Response:
    """The links that were asked for, as a file."""
    before = visit.query.get("before", "")
    place = int(before) if before.isdecimal() and len(before) < 16 else None
    links, _ = office.audit_links(visit.tenant, _about(visit), before=place, limit=EXPORT_LINKS)
    lines = [json.dumps({"position": n, "prev": prev, "hash": h, "body": body}) for n, prev, h, body in links]
    head = office.signed_head(visit.tenant).to_wire().model_dump(mode="json")
    text = "\n".join([*lines, json.dumps({"head": head}), ""])
    headers = {**SAFE, "Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return Response(text, headers=headers, media_type="application/jsonl")


DEEDS = {"verify": Deed(Act.AUDIT, _verify)}
