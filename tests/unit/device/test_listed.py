"""The list of jobs over a view: in order, with what is saved here on top, and each record read once."""

from collections.abc import Iterator, Mapping
from typing import Any

from device.listed import JobList, ListedJob
from reconciliation.rebase import View
from shared.records import Record
from tests.builders import JOB, PUMP, Person, World, record


class Counted(Mapping[str, Record]):
    """Records that count how often one is read."""

    def __init__(self, *records: Record) -> None:
        self._all, self.read = {each.ref: each for each in records}, list[str]()

    def __getitem__(self, ref: str) -> Record:
        self.read.append(ref)
        return self._all[ref]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def job(number: str, **fields: Any) -> Record:
    return record(f"work_order/{number}", **fields)


def test_open_ones_come_first_then_what_is_due_first() -> None:
    late, soon = job("A", due_on="2026-12-24"), job("B", due_on="2026-11-24")
    whenever, done = job("C", due_on=None), job("D", due_on="2026-11-01", status="closed")
    listed = JobList().over(View.over(Counted(done, whenever, late, soon)))
    assert [each.ref for each in listed.rows] == ["work_order/B", "work_order/A", "work_order/C", "work_order/D"]
    assert [each.is_open for each in listed.rows] == [True, True, True, False]


def test_a_record_is_read_once_and_its_row_stays_the_same_object() -> None:
    records, jobs = Counted(job("A"), job("B"), record(PUMP, name="Pump 1", site="Riverside")), JobList()
    view = View.over(records)
    before, after = jobs.over(view), jobs.over(view)
    assert sorted(records.read) == [PUMP, "work_order/A", "work_order/B"]
    assert all(one is other for one, other in zip(before.rows, after.rows, strict=True))
    assert before.places == {PUMP: "PUMP-1  Pump 1, Riverside"}


def test_what_is_saved_here_is_on_the_list_at_once() -> None:
    world, jobs = World.of(record(JOB), record(PUMP)), JobList()
    view = View.over(dict(world.records))
    jobs.over(view)
    view.add(Person.at(world).say("note.added", text="seal weeps"))
    view.add(Person.at(world).say("field.updated", field="priority", value="high"))
    (row,) = jobs.over(view).rows
    assert (row.last and row.last[2], row.priority) == ("seal weeps", "high")


def test_another_view_is_listed_anew() -> None:
    jobs = JobList()
    assert [each.ref for each in jobs.over(View.over(Counted(job("A")))).rows] == ["work_order/A"]
    assert [each.ref for each in jobs.over(View.over(Counted(job("B")))).rows] == ["work_order/B"]


def test_a_record_that_is_older_than_a_field_is_listed_with_its_default() -> None:
    whole = job("A", title="Check")
    fields = {name: each for name, each in whole.fields.items() if name in {"title", "asset", "status"}}
    (row,) = JobList().over(View.over(Counted(Record(whole.ref, 1, fields, whole.born)))).rows
    assert isinstance(row, ListedJob)
    assert (row.title, row.priority, row.access, row.last) == ("Check", "normal", "", None)
