"""What the page of a work order reads, and how the facts above its tabs are said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rich.style import Style
from rich.text import Text

from device.core.trend import Trend
from device.looked import News
from device.plain import plain
from device.store import Item
from device.words import changes, due, moment, named, number, planned_for, standing, value_of
from device.workbench import Asked, HistoryLine, Workbench
from shared.commands.field_updated import FieldUpdated
from shared.commands.status_changed import StatusChanged
from shared.ids import id_of
from shared.outcomes import Standing
from shared.records import ChecklistItem, DocumentStatus, Record

#: So many changes of others are named; the history has them all.
NEWS_SHOWN = 2
#: The end of what is cut, with the key that shows all of it.
_CUT = " … v: all of it"


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """The job as the person sees it.

    Args:
        job: with what is saved here on top.
        asset: None if it is not on this laptop.
        items: the checklist.
        ticks: for ticks that were made here, where they stand.
        history: oldest first.
        changed: for each field that the person changed, where that change stands.
        needs_you: commands on this job that were refused or are in review, and that the history does not show.
        as_of: the server's time of the last successful round.
        trends: what was measured at the asset.
        documents: the manuals on this laptop, the asset's own first.
        asked: what the office asks about the job and nobody answered.
        me: who looks.
        news: what others changed since this page was last open, newest first; `since` is when that was.
    """

    job: Record
    asset: Record | None
    items: tuple[ChecklistItem, ...]
    ticks: Mapping[str, Standing]
    history: tuple[HistoryLine, ...]
    changed: Mapping[str, Standing]
    needs_you: tuple[Item, ...]
    as_of: datetime | None
    trends: tuple[Trend, ...]
    documents: tuple[Record, ...]
    asked: tuple[Asked, ...]
    me: str
    news: tuple[News, ...]
    since: datetime | None


def left(seen: OrderSeen) -> list[ChecklistItem]:
    """The items that nobody has done."""
    return [item for item in seen.items if not item.ticks]


def facts(seen: OrderSeen, now: datetime, loud: Style, *, lines_each: int | None) -> Text:
    """Who, what, where, until when; what needs the person; what others changed.

    What was written at length has `lines_each`; None is all of it.
    """
    job = seen.job.fields
    text = Text(overflow="ellipsis")
    text.append(plain(str(job["title"])), "bold")
    text.append("   SAFETY CRITICAL" if job["safety_critical"] else "", "bold")
    text.append(f"   as of {moment(seen.as_of, now)}\n" if seen.as_of else "\n")
    if job["assignee"] not in {None, seen.me}:
        text.append(f"{planned_for(job['assignee'], seen.me).capitalize()}\n", "bold")
    for line in (_asset_line(seen), _state_line(seen, now), *_written(seen, lines_each)):
        text.append(f"{line}\n")
    for item in seen.needs_you:
        said = f"{standing(item.standing)}: {plain(item.summary)} ({number(item)}; 5 says why)"
        text.append(f"{said}\n", loud)
    for line in news_lines(seen, now):
        text.append(f"{line}\n", "bold")
    text.right_crop(1)
    return text


def news_lines(seen: OrderSeen, now: datetime) -> list[str]:
    """What others changed since the page was last open."""
    if not seen.news or seen.since is None:
        return []
    said = []
    for each in seen.news[:NEWS_SHOWN]:
        what = "; ".join(changes([each.change])).removeprefix(f"{id_of(seen.job.ref)} ")
        said.append(f"  {what} ({plain(each.who)}, {moment(each.at, now)})")
    more = len(seen.news) - len(said)
    said += [f"  and {more} more: History"] if more else []
    return [f"Changed by others since you looked at {moment(seen.since, now)}:", *said]


def _state_line(seen: OrderSeen, now: datetime) -> str:
    until = f"Due: {due(seen.job.fields['due_on'], now)}{_mark(seen, 'due_on')}"
    return "   ".join([*(_pair(seen, name) for name in ("status", "priority", "activity")), until])


def _written(seen: OrderSeen, lines: int | None) -> list[str]:
    said = [_pair(seen, name) for name in ("access", "description") if seen.job.fields[name]]
    room = None if lines is None else 78 * lines
    return [each if room is None or len(each) <= room else f"{each[: room - len(_CUT)]}{_CUT}" for each in said]


def _pair(seen: OrderSeen, name: str) -> str:
    return f"{named(name).capitalize()}: {value_of(name, seen.job.fields[name])}{_mark(seen, name)}"


def _mark(seen: OrderSeen, name: str) -> str:
    where = seen.changed.get(name)
    return f" [{standing(where)}]" if where else ""


def _asset_line(seen: OrderSeen) -> str:
    ref = str(seen.job.fields["asset"])
    if seen.asset is None:
        return f"{id_of(ref)} (not on this laptop)"
    names = [str(seen.asset.fields[name]) for name in ("name", "site", "location", "maker", "model")]
    return f"{id_of(ref)}  {plain(', '.join(name for name in names if name))}"


def missing_below(item: Item) -> bool:
    """Whether a command needs the person and leaves no line in the history."""
    changes_field = item.command.kind in {StatusChanged.kind.name, FieldUpdated.kind.name}
    return item.dealt is None and (
        item.standing is Standing.REFUSED or (item.standing is Standing.REVIEW and changes_field)
    )


def left_words(seen: OrderSeen, marks: tuple[str, ...]) -> str:
    """What stands between the person and Finish; a question of the office first."""
    asked = [f"{plain(each.question.author)} asks: “{plain(each.question.text)}”  o answers" for each in seen.asked]
    return "\n".join(filter(None, [*asked[:1], _list_words(seen, marks)]))


def _list_words(seen: OrderSeen, marks: tuple[str, ...]) -> str:
    if marks:
        return f"{len(marks)} marked, not saved: Enter shows them, then y saves. f finishes with them."
    open_items = left(seen)
    if open_items:
        names = ", ".join(plain(item.text) for item in open_items)
        return f"{len(open_items)} left before Finish: {names}"
    return "Everything on the list is done. f finishes the job." if seen.items else ""


def manuals(workbench: Workbench, asset: Record | None) -> list[Record]:
    """The documents in force, the asset's own first."""
    own = f"document/{asset.fields['manual']}" if asset else ""
    documents = [each for each in workbench.of_kind("document") if each.fields["status"] == DocumentStatus.IN_FORCE]
    return sorted(documents, key=lambda each: (each.ref != own, each.ref))
