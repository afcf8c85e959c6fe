"""What lists say of work orders: so much of each is kept, and the rest of thousands of records is not read twice.

Rules
1. A list shows the view, as everything does: what a pending command shaped is looked at anew each time.
2. What nobody here shaped is read once for each state of the replica (`Workbench.view`), and stays the same object.
"""

from collections.abc import Mapping
from typing import NamedTuple

from device.plain import plain
from reconciliation.rebase import View
from shared.ids import id_of
from shared.records import Record, WorkStatus
from shared.values import value

OPEN_STATES = frozenset({WorkStatus.OPEN, WorkStatus.IN_PROGRESS, WorkStatus.ON_HOLD})
_JOB, _ASSET = "work_order/", "asset/"


@value(frozen=True, slots=True)
class ListedJob:
    """One work order in a list. `last` is what was noted last: when, by whom, the words."""

    ref: str
    title: str
    asset: str
    status: str
    due_on: str | None
    priority: str
    assignee: str | None
    access: str
    safety_critical: bool
    last: tuple[str, str, str] | None

    @property
    def is_open(self) -> bool:
        """Whether it still needs somebody."""
        return self.status in OPEN_STATES


class Jobs(NamedTuple):
    """The work orders, open ones first, then by due date and id; and where each asset is, in words."""

    rows: tuple[ListedJob, ...]
    places: Mapping[str, str]


class JobList:
    """The list over a view that changes now and then."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._jobs: dict[str, ListedJob] = {}
        self._places: dict[str, str] = {}

    def over(self, view: View) -> Jobs:
        """The list as it is in `view`."""
        refs = list(view.records) if view is not self._view else shaped_here(view)
        if view is not self._view:
            self._view, self._jobs, self._places = view, {}, {}
        for ref in refs:
            if ref.startswith(_JOB):
                self._jobs[ref] = listed(ref, view.records[ref])
            elif ref.startswith(_ASSET):
                self._places[ref] = place(view.records[ref])
        return Jobs(tuple(sorted(self._jobs.values(), key=_urgency)), dict(self._places))


def shaped_here(view: View) -> set[str]:
    """The records that pending commands shaped or made; they are in the view."""
    return {record for record, _ in view.pending} | view.born_by.keys()


def listed(ref: str, job: Record) -> ListedJob:
    """What a list says of it, under a name that is kept once."""
    notes = job.value("notes")
    last = notes[-1] if isinstance(notes, list) and notes else None
    said = (str(last["at"]), str(last["author"]), str(last["text"])) if isinstance(last, Mapping) else None
    return ListedJob(
        ref,
        str(job.value("title")),
        str(job.value("asset")),
        str(job.value("status")),
        _text(job, "due_on"),
        str(job.value("priority")),
        _text(job, "assignee"),
        str(job.value("access") or ""),
        bool(job.value("safety_critical")),
        said,
    )


def place(asset: Record) -> str:
    """Where an asset is."""
    names = (asset.value("name"), asset.value("site"), asset.value("location"))
    return f"{id_of(asset.ref)}  {plain(', '.join(str(name) for name in names if name))}"


def _text(job: Record, field: str) -> str | None:
    found = job.value(field)
    return None if found is None else str(found)


def _urgency(job: ListedJob) -> tuple[bool, str, str]:
    return not job.is_open, job.due_on or "9999", job.ref
