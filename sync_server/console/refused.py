"""Work that was refused: what, whose, by which rule, who decides, and what can be done.

A laptop tells its own author; this list tells the office, so that nobody counts on work that has no effect.
"""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from reconciliation.explain import explain
from shared.outcomes import Reason
from shared.problems import Problem
from sync_server.console.blocks import Note, Page, Quoted, Said, Several, Small, Table, said
from sync_server.console.commands import standing_of, summary_of, verb_of
from sync_server.console.narrowing import empty_of, narrow_form, narrowed
from sync_server.console.pages import shown
from sync_server.console.visit import Visit
from sync_server.console.ways import device_link, record_link
from sync_server.office import Office
from sync_server.office.looking import Linked

PAGE_SIZE = 50
_COLUMNS = (
    Said("What"),
    Said("Whose"),
    Said("Record"),
    Said("When"),
    Said("State"),
    Said("Why, by which rule"),
    Said("Who decides"),
    Said("What next"),
)
_EMPTY = Said("Nothing was refused. Work that has no effect is listed here, with the rule and what can be done.")
_AUTHOR = Said("its author")
#: Who could have it otherwise, and how; the rest is final, and its author can give it anew.
_NEXT: dict[str, tuple[Said, Said]] = {
    Reason.NOT_APPROVED: (Said("an approver"), Said("talk to who refused it; it can be given anew")),
    Reason.DISMISSED: (Said("who reviewed it"), Said("talk to the reviewer; it can be given anew")),
    Reason.NOT_PERMITTED: (Said("an administrator"), Said("somebody with the role gives it, or the role is given")),
    Reason.OUT_OF_SCOPE: (
        Said("an administrator"),
        Said("the record is another team's; change teams, or hand it on"),
    ),
    Reason.WITHDRAWN: (_AUTHOR, Said("nothing: it was taken back")),
    Reason.DEPENDENCY_FAILED: (_AUTHOR, Said("see what it rested on; it can be given anew")),
}
_ELSE = (_AUTHOR, Said("its author looks at what stands now, and gives it anew if it still holds"))


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Refused and expired commands, newest first."""
    before = visit.query.get("before", "")
    place = int(before) if before.isdecimal() and len(before) < 16 else None
    found, left = office.audit_page(visit.tenant, "outcome refused", before=place, limit=PAGE_SIZE + 1)
    links = found[:PAGE_SIZE]
    more = f"?before={links[-1].position}" if len(found) > PAGE_SIZE else ""
    table = Table(
        Said("Refused work"),
        _COLUMNS,
        narrowed(tuple(tuple(_row(each)) for each in links), visit),
        empty_of(visit, _EMPTY),
        more,
    )
    behind = (Note(said("{n} newer links are not gone through yet; look again soon.", n=left)),) if left else ()
    return shown(visit, Page(Said("Refused work"), (narrow_form(visit), *behind, table), lead=_LEAD), problem)


_LEAD = Said("None of this has an effect, and none of it counts as done.")


def _row(each: Linked) -> Iterator[Any]:
    body, entry = each.body, each.entry
    receipt = entry.receipt if entry else None
    decides, what = _NEXT.get(str(body.get("reason")), _ELSE)
    yield summary_of(entry.command) if entry else verb_of(str(body.get("kind")))
    yield Several((str(body.get("actor")), Small(device_link(str(body.get("device"))))))
    yield record_link(str(body.get("record")))
    yield each.at or Said("cannot be read")
    yield standing_of(entry) if entry else str(body.get("outcome"))
    rule = (Small(str(body["reason"])),) if body.get("reason") else ()
    yield Several((Quoted(receipt.detail or explain(receipt)), *rule)) if receipt else "–"
    yield decides
    yield what
