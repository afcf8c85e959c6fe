"""What an import does to records that people have worked on, and what it says of a file that is wrong."""

import json

import pytest

from shared.commands.base import Role
from shared.commands.record_imported import RecordImported
from shared.outcomes import Outcome
from shared.problems import Refused
from shared.records import Choice
from sync_server.imports import ImportPlan
from sync_server.office import Office
from sync_server.store import Person
from tests.builders import JOB, SEAL
from tests.served import TENANT, Laptop, Server

JOBS = "id,title,asset,status\nWO-1,Check,asset/PUMP-1,open\n"
STOCK = "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,5\n"
NOTE = (
    '[{""id"": ""0193a000-0000-7000-8000-000000000001"", ""text"": ""x"", ""author"": ""root"",'
    ' ""at"": ""2026-11-21T08:00:00Z""}]'
)


def why(plan: ImportPlan) -> str:
    assert len(plan.bad) == 1, plan
    return plan.bad[0].why


async def used(laptop: Laptop) -> None:
    """A job is begun and one of five seals goes into it."""
    await laptop.round(
        laptop.say("status.changed", JOB, to="in_progress"),
        laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=1),
    )


async def test_an_import_leaves_alone_what_work_moved_along(server: Server, laptop: Laptop) -> None:
    await used(laptop)
    office = server.office
    for kind, text, ref, name in (
        ("work_order", JOBS, JOB, "status"),
        ("stock_item", STOCK, SEAL, "on_hand"),
    ):
        before = office.record(TENANT, ref).fields[name]
        plan = office.plan_import(TENANT, kind, text)
        assert (dict(plan.changes), dict(plan.kept)) == ({}, {ref: [name]})
        office.apply_import(TENANT, "root", plan)
        assert office.record(TENANT, ref).fields[name] == before


async def test_an_import_overwrites_it_when_told_to(server: Server, laptop: Laptop) -> None:
    await used(laptop)
    plan = server.office.plan_import(TENANT, "stock_item", STOCK, overwrite=True)
    assert (plan.changes, plan.kept) == ({SEAL: {"on_hand": 5}}, {})
    server.office.apply_import(TENANT, "root", plan)
    assert server.office.record(TENANT, SEAL).fields["on_hand"] == 5


def test_a_list_that_people_add_to_is_never_imported_over(office: Office) -> None:
    text = f'id,notes\nWO-1,"{NOTE}"\n'
    for overwrite in (False, True):
        plan = office.plan_import(TENANT, "work_order", text, overwrite=overwrite)
        assert why(plan) == "notes cannot be imported over an existing record"
    work = [(JOB, RecordImported(fields={"notes": []}))]
    (receipt,) = office.service.office(TENANT, "root", list(work))
    assert receipt.outcome is Outcome.REJECTED


def test_what_changed_after_the_plan_is_not_overwritten(office: Office) -> None:
    plan = office.plan_import(TENANT, "work_order", "id,title\nWO-1,From the file\n")
    office.set_field(TENANT, "m.reyes", JOB, "title", "By a person")
    with pytest.raises(Refused, match="run the import again"):
        office.apply_import(TENANT, "root", plan)
    assert office.record(TENANT, JOB).fields["title"] == "By a person"


def test_a_record_that_came_after_the_plan_is_not_overwritten(office: Office) -> None:
    text = "id,title,asset\nWO-9,{},asset/PUMP-1\n"
    late = office.plan_import(TENANT, "work_order", text.format("Late"))
    office.apply_import(TENANT, "root", office.plan_import(TENANT, "work_order", text.format("First")))
    with pytest.raises(Refused, match="run the import again"):
        office.apply_import(TENANT, "root", late)
    assert office.record(TENANT, "work_order/WO-9").fields["title"] == "First"


def test_a_plan_of_what_is_missing_changes_nothing_that_stands(office: Office) -> None:
    text = "id,title,asset\nWO-1,Other,asset/PUMP-1\nWO-3,New,asset/PUMP-1\n"
    plan = office.plan_import(TENANT, "work_order", text).only_new()
    assert (list(plan.new), plan.changes, plan.kept) == (["work_order/WO-3"], {}, {JOB: ["title"]})


@pytest.mark.parametrize("name", ["A/B", "Ü1", "A" * 90, "two words"])
def test_an_id_that_cannot_be_one_is_a_bad_row(office: Office, name: str) -> None:
    assert "cannot be an id" in why(office.plan_import(TENANT, "stock_item", f"id,name,part_no\n{name},Seal,S\n"))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("asset", f"id,name,type,limits\nA,Pump,pump,{'[' * 5000}\n", "limits is not readable JSON"),
        ("asset", "id,name,type,limits\nA,Pump,pump,none\n", "limits is not readable JSON"),
        ("work_order", "id,title,asset\nW,Check,asset/NOWHERE\n", "no such asset, asset/NOWHERE"),
    ],
)
def test_a_bad_row_is_named(office: Office, kind: str, text: str, said: str) -> None:
    plan = office.plan_import(TENANT, kind, text)
    assert said in why(plan)
    assert plan.bad[0].line == 2


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,name,part_no,name", "two columns named name"),
        ("name,part_no", "no column id"),
        ('id,"name', "not CSV"),
        (f"id,name,part_no\nA,{'x' * (129 << 10)},S", "field limit"),
    ],
)
def test_a_header_that_cannot_be_one_is_refused(office: Office, header: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        office.plan_import(TENANT, "stock_item", f"{header}\nA,Seal,S,Other\n")


def test_lines_may_end_as_on_any_machine(office: Office) -> None:
    for end in ("\r", "\n", "\r\n"):
        plan = office.plan_import(TENANT, "stock_item", end.join(("id,name,part_no", "A,Seal,S", "B,Seal,S", "")))
        assert (len(plan.new), plan.bad) == (2, [])


@pytest.mark.parametrize("title", ["[M8] bolt", "{1} of 2"])
def test_text_that_begins_with_a_bracket_is_text(office: Office, title: str) -> None:
    plan = office.plan_import(TENANT, "work_order", f"id,title\nWO-1,{title}\n")
    assert plan.changes == {JOB: {"title": title}}


def test_who_added_a_person_is_in_the_audit(office: Office) -> None:
    new = Person("c.new", "C. New", frozenset({Role.TECHNICIAN}))
    with pytest.raises(Refused, match="takes admin"):
        office.put_person(TENANT, new, "m.reyes")
    with pytest.raises(Refused, match="no person nobody"):
        office.put_person(TENANT, new, "nobody")
    office.put_person(TENANT, new, "root")
    with office.service.store.transaction() as tx:
        acts = [json.loads(link[3]) for link in tx.audit(TENANT)]
    assert [act["actor"] for act in acts if act.get("person") == "c.new"] == ["root"]


def test_names_are_checked_where_they_are_given(office: Office) -> None:
    with pytest.raises(Refused, match="short name of a tenant"):
        office.add_tenant("harrow valley", "Harrow Valley")
    with pytest.raises(Refused, match="short name of a person"):
        office.put_person(TENANT, Person("M Reyes", "M. Reyes", frozenset({Role.ADMIN})))


@pytest.mark.parametrize(
    ("ref", "name", "value", "said"),
    [
        (JOB, "foo", "bar", "no field foo of a work_order"),
        ("WO-1", "title", "x", "pattern"),
    ],
)
def test_a_field_that_cannot_be_set_is_a_sentence(office: Office, ref: str, name: str, value: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        office.set_field(TENANT, "m.reyes", ref, name, value)
    assert len(str(caught.value)) < 400


async def test_what_a_conflict_is_asked_for_is_checked(server: Server, laptop: Laptop) -> None:
    with pytest.raises(Refused, match="is not a conflict"):
        server.office.resolve(TENANT, "m.reyes", JOB, Choice.KEEP_MINE, "")
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    await laptop.round(laptop.say("field.updated", JOB, field="priority", value="high"))
    (conflict,) = server.office.conflicts(TENANT)
    with pytest.raises(Refused, match="reason"):
        server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.KEEP_MINE, "x" * 401)
