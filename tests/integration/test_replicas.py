"""Several servers over one PostgreSQL: nothing is skipped, doubled or lost, whoever comes first or is cut off.

Transactions are held open by hand. Where one must wait for another, the test looks into the database until it does.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from reconciliation.compose import Author
from shared.commands.base import OFFICE, Outgoing, Payload
from shared.commands.field_updated import FieldUpdated
from shared.commands.record_imported import RecordImported
from shared.envelope import ENROLMENT_TYPE, Envelope, SigningKey, seal
from shared.outcomes import Outcome
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.records import Choice, WriteStatus
from shared.sync import Enrolment, EnrolRequest, SyncReply, SyncRequest
from sync_server.admission import Admission
from sync_server.authentication import Caller
from sync_server.office import Office
from sync_server.service import Service, give
from sync_server.store import OutgoingEntry, Store, Tx
from tests.builders import Counting
from tests.postgres import Cluster
from tests.served import TENANT, Laptop, Server, empty_database, id_in, receipt, received

pytestmark = pytest.mark.requires("postgresql")
JOB, OTHER = "work_order/WO-1", "work_order/WO-2"
SEAL = "stock_item/SEAL-1"


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


def replica(office: Any, number: int) -> Service:
    """Another server process over the same database, with ids of its own."""
    randomness = Counting()
    randomness.drawn = number * 1_000_000
    service: Service = office.service
    store = Store(service.store.engine.url.render_as_string(hide_password=False))
    return Service(store, service.ring, Ports(service.ports.clock, randomness), service.attachments.files)


@pytest.fixture
def replicas(server: Server) -> Iterator[tuple[Service, Service]]:
    pair = replica(server.office, 1), replica(server.office, 2)
    yield pair
    for each in pair:
        each.store.close()


@pytest.fixture
def aside() -> Iterator[Callable[..., "Future[Any]"]]:
    """Runs a call beside the test."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def write(service: Service, tx: Tx, record: str, payload: Payload) -> str:
    """An office command as one unit of work inside `tx`; its id."""
    batch = service.batch(tx, TENANT)
    author = Author(service.ports.new_id(), TENANT, OFFICE, "m.reyes", service.ports.clock.now(), "office")
    give(service.pen(tx, TENANT), batch, author, record, payload, {})
    batch.flush()
    return author.id


def title(words: str) -> FieldUpdated:
    return FieldUpdated(field="title", value=words)


def titles(server: Server) -> dict[str, Any]:
    return {ref: record.fields["title"] for ref, record in server.records().items()}


def wait_for_lock(service: Service, doing: "Future[Any]") -> str:
    """Until `doing` stands before a lock that somebody else holds; the statement that waits."""
    blocked = text("SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with service.store.engine.connect() as connection:
        while not (waiting := connection.execute(blocked).scalars().all()):
            connection.rollback()
            assert not doing.done(), f"it did not wait: {doing.result()}"
    return str(waiting[0])


def page(service: Service, cursor: int) -> tuple[int, list[str]]:
    """One page of the feed behind `cursor`, as a round reads it: where it ends, and what is in it."""
    with service.store.transaction() as tx:
        end = tx.head(TENANT).change_seq
        found = tx.feed(TENANT, cursor, end, 100, None)
    return found.reached, list(found.records)


# -- the feed


def test_a_late_commit_is_never_skipped(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    slow, fast = replicas
    cursor, _ = page(fast, 0)
    with slow.store.transaction() as tx:
        batch = slow.batch(tx, TENANT)
        author = Author(slow.ports.new_id(), TENANT, OFFICE, "m.reyes", slow.ports.clock.now(), "office")
        give(slow.pen(tx, TENANT), batch, author, JOB, title("begun first, written last"), {})
        fast.office(TENANT, "m.reyes", [(OTHER, title("in between"))])
        cursor, seen = page(fast, cursor)
        assert [("in between" in record) for record in seen] == [True]
        batch.flush()
        written = aside(fast.office, TENANT, "m.reyes", [(OTHER, title("waits its turn"))])
        waiting = wait_for_lock(fast, written)
        assert "FROM tenant" in waiting, "it waits for its places in the feed, before it writes anything"
        assert "FOR UPDATE" in waiting
        assert page(fast, cursor) == (cursor, [])
    written.result(timeout=30)
    _, seen = page(fast, cursor)
    assert [("written last" in seen[0]), ("waits its turn" in seen[1])] == [True, True]


def enrolment(code: str, number: int) -> bytes:
    """What a new laptop sends with its code."""
    keys = [SigningKey(bytes([number, side]) * 16) for side in range(2)]
    names = {"device_key": keys[0].public.hex(), "technician_key": keys[1].public.hex()}
    body = Enrolment(code=code, device_name="test", **names)
    return EnrolRequest(enrolment=seal(ENROLMENT_TYPE, body.to_bytes(), *keys).to_wire()).to_bytes()


def test_laptops_that_enrol_at_once_wait_for_each_other_and_do_not_try_the_same_name(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    slow, fast = replicas
    codes = [server.office.enrol_code(TENANT, "a.okafor") for _ in range(2)]
    first = Enrolment(code=codes[0], device_key="01" * 32, technician_key="02" * 32, device_name="test")
    with slow.store.transaction() as tx:
        name = slow._enrol(tx, first, "a-key").device
        second = aside(fast.enrol, enrolment(codes[1], 3))
        waiting = wait_for_lock(fast, second)
        assert "FROM tenant" in waiting, "it waits before it counts how many there are"
    assert second.result(timeout=30).device != name


def test_readers_that_page_while_writers_commit_see_everything(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    def fill(service: Service, name: str) -> None:
        for number in range(15):
            fields: dict[str, Any] = {"title": f"{name} {number}", "asset": "asset/PUMP-1"}
            service.office(TENANT, "root", [(f"work_order/{name}-{number}", RecordImported(fields=fields))])

    writers = [aside(fill, each, name) for each, name in zip(replicas, "AB", strict=True)]
    reader, cursor, seen = replica(server.office, 3), 0, []
    try:
        while not all(writer.done() for writer in writers):
            cursor, records = page(reader, cursor)
            seen += records
        cursor, records = page(reader, cursor)
    finally:
        reader.store.close()
    for writer in writers:
        writer.result()
    everything = "".join([*seen, *records])
    assert [name for name in (f"{w} {n}" for w in "AB" for n in range(15)) if f'"{name}"' not in everything] == []


# -- the same work twice


async def test_two_servers_that_receive_the_same_batch_at_once_have_one_effect(
    server: Server, laptop: Laptop, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    sent = [laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=2), laptop.say("note.added", JOB, text="one")]
    request = SyncRequest(protocol=2, commands=tuple(envelope.to_wire() for envelope in sent))
    caller = Caller(TENANT, laptop.name, laptop.actor)
    first, second = replicas
    with first.store.transaction() as tx:
        told = first.round(tx, caller, request)
        other = aside(second.store.attempt, lambda tx: second.round(tx, caller, request))
        wait_for_lock(second, other)
    assert isinstance(told, bytes)
    reply, again = SyncReply.model_validate_json(told), SyncReply.model_validate_json(other.result(timeout=30))
    assert [receipt(answer).outcome for answer in reply.answers] == [Outcome.APPLIED, Outcome.APPLIED]
    assert [receipt(answer) for answer in again.answers] == [receipt(answer) for answer in reply.answers]
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3
    assert server.office.device(TENANT, laptop.name).device.state == "active"


async def test_a_crowd_of_equal_batches_has_one_effect(
    server: Server, laptop: Laptop, aside: Callable[..., "Future[Any]"]
) -> None:
    sent = [laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=1) for _ in range(3)]
    request = SyncRequest(protocol=2, commands=tuple(envelope.to_wire() for envelope in sent))
    caller, together = Caller(TENANT, laptop.name, laptop.actor), threading.Barrier(4)
    crowd = [replica(server.office, number) for number in range(1, 5)]

    def bring(service: Service) -> Any:
        together.wait()
        return service.store.attempt(lambda tx: service.round(tx, caller, request))

    replies = [SyncReply.model_validate_json(each.result(timeout=60)) for each in [aside(bring, s) for s in crowd]]
    for each in crowd:
        each.store.close()
    told = [[receipt(answer) for answer in reply.answers] for reply in replies]
    assert all(each == told[0] for each in told)
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 2
    assert server.office.device(TENANT, laptop.name).device.state == "active"


def test_two_people_who_create_the_same_record_at_once_are_told_what_is_there(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    new = "work_order/NEW"
    first, second = replicas

    def create(words: str) -> list[tuple[str, Payload]]:
        return [(new, RecordImported(fields={"title": words, "asset": "asset/PUMP-1"}))]

    with first.store.transaction() as tx:
        write(first, tx, *create("mine")[0])
        other = aside(second.office, TENANT, "m.reyes", create("yours"))
        wait_for_lock(second, other)
    (told,) = other.result(timeout=30)
    record = server.records()[new]
    assert record.version == (1 if told.outcome is Outcome.REJECTED else 2)
    assert told.outcome is not Outcome.APPLIED or record.fields["title"] == "yours"
    with first.store.transaction() as tx:
        links = list(tx.audit(TENANT))
    assert [link[0] for link in links] == list(range(1, len(links) + 1))


# -- cut off


@contextmanager
def cut(service: Service, moment: str, times: int = 1) -> Iterator[list[int]]:
    """The database ends the connection of `service` before a statement that begins with `moment`, `times` often.

    ``"COMMIT"`` is the commit itself: what was to be committed is lost. ``"AFTER COMMIT"`` lets it happen and loses
    the answer.
    """
    done: list[int] = []
    engine = service.store.engine
    other = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def end(connection: Any) -> None:
        if len(done) < times:
            pid = connection.connection.driver_connection.info.backend_pid
            done.append(pid)
            with psycopg.connect(other, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

    def at_statement(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().startswith(moment):
            end(connection)

    def at_commit(connection: Any) -> None:
        if moment == "AFTER COMMIT" and len(done) < times:
            connection.connection.driver_connection.commit()
        end(connection)

    name, listener = ("commit", at_commit) if "COMMIT" in moment else ("before_cursor_execute", at_statement)
    event.listen(engine, name, listener)
    try:
        yield done
    finally:
        event.remove(engine, name, listener)


@pytest.mark.parametrize("moment", ["SELECT", "INSERT INTO audit", "INSERT INTO ledger", "COMMIT", "AFTER COMMIT"])
async def test_a_round_that_is_cut_off_is_done_again_and_nothing_is_doubled(
    server: Server, laptop: Laptop, moment: str
) -> None:
    sent = [laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=2), laptop.say("note.added", JOB, text="one")]
    with cut(server.office.service, moment) as ended:
        reply = await laptop.round(*sent)
    assert len(ended) == 1
    assert [receipt(answer).outcome for answer in reply.answers] == [Outcome.APPLIED, Outcome.APPLIED]
    assert server.records("stock_item")[SEAL].fields["on_hand"] == 3
    assert (await laptop.round(*sent)).answers == reply.answers
    with server.office.service.store.transaction() as tx:
        assert received(tx, laptop.name) == 2


@pytest.mark.parametrize("moment", ["COMMIT", "AFTER COMMIT"])
def test_an_office_command_that_is_cut_off_is_done_once(server: Server, moment: str) -> None:
    with cut(server.office.service, moment):
        server.office.set_field(TENANT, "m.reyes", JOB, "title", "once")
    record = server.records()[JOB]
    assert (record.fields["title"], record.version) == ("once", 2)


def test_a_database_that_ends_every_connection_is_busy_and_then_works(server: Server) -> None:
    with cut(server.office.service, "INSERT INTO audit", times=99), pytest.raises(Refused) as refused:
        server.office.set_field(TENANT, "m.reyes", JOB, "title", "never")
    assert refused.value.problem.code is Code.BUSY
    assert titles(server)[JOB] == "Check"
    server.office.set_field(TENANT, "m.reyes", JOB, "title", "now")
    assert titles(server)[JOB] == "now"


async def test_a_database_that_cannot_be_reached_is_busy(server: Server, laptop: Laptop, postgres: Cluster) -> None:
    url = server.office.service.store.engine.url
    store = Store(url.set(database="gone").render_as_string(hide_password=False))
    with pytest.raises(Refused) as refused, store.transaction():
        pass
    assert refused.value.problem.code is Code.BUSY
    store.close()


# -- giving way


def test_who_deadlocks_gives_way_and_does_it_again(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    first, second = replicas
    together, tries = threading.Barrier(2), []

    def both(service: Service, one: str, two: str) -> str:
        def work(tx: Tx) -> str:
            tries.append(one)
            tx.records(TENANT, [one])
            if len(tries) <= 2:
                together.wait(30)
            tx.records(TENANT, [two])
            return write(service, tx, one, title(f"by {one}"))

        return service.store.attempt(work)

    done = [aside(both, first, JOB, OTHER), aside(both, second, OTHER, JOB)]
    assert len({each.result(timeout=60) for each in done}) == 2
    assert len(tries) == 3
    assert titles(server) == {JOB: f"by {JOB}", OTHER: f"by {OTHER}"}


@pytest.mark.parametrize("state", ["40001", "40P01", "23505"])
def test_what_gave_way_is_done_again(server: Server, state: str) -> None:
    tries = []

    def work(tx: Tx) -> str:
        tries.append(tx)
        if len(tries) == 1:
            tx._do(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
        return write(server.office.service, tx, JOB, title("again"))

    server.office.service.store.attempt(work)
    assert (len(tries), titles(server)[JOB]) == (2, "again")


@pytest.mark.parametrize(("state", "code"), [("53100", Code.STORE_FULL), ("53300", Code.BUSY), ("55P03", Code.BUSY)])
def test_what_is_short_has_a_name(server: Server, state: str, code: Code) -> None:
    with pytest.raises(Refused) as refused, server.office.service.store.transaction() as tx:
        tx._do(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
    assert refused.value.problem.code is code


def test_two_workers_never_wait_for_each_others_lease(
    server: Server, replicas: tuple[Service, Service], aside: Callable[..., "Future[Any]"]
) -> None:
    now = server.clock.now()
    until = now + timedelta(minutes=1)
    with server.office.service.store.transaction() as tx:
        for number in (1, 2):
            outgoing = Outgoing(command=f"c-{number}", system="parts", body={})
            tx.add_outgoing(OutgoingEntry(TENANT, outgoing, WriteStatus.QUEUED, now))
    first, second = replicas
    with first.store.transaction() as tx:
        held = tx.lease_outgoing("parts", "one", now, until)

        def lease() -> Any:
            with second.store.transaction() as tx:
                return [tx.lease_outgoing("parts", "two", now, until) for _ in range(2)]

        other, nothing = aside(lease).result(timeout=30)
    assert held
    assert (other is not None, nothing) == (True, None)
    assert held.outgoing.command != other.outgoing.command


# -- what waits, and what sets free, at the same moment


def waiting(server: Server, laptop: Laptop) -> tuple[str, str, Envelope]:
    """An open conflict, a command that waits for its decision, and one that rests on that and has not been sent."""
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
    first = laptop.command("field.updated", JOB, advance=False, field="priority", value="urgent")
    sealed = laptop.seal(first)
    later = laptop.command("field.updated", JOB, advance=False, field="priority", value="high")
    base = later.bases[0].model_copy(update={"command": first.id, "value": "urgent"})
    rests = laptop.seal(later.model_copy(update={"bases": (base,)}))
    service = server.office.service
    service.store.attempt(lambda tx: take(service, tx, laptop, sealed, rests))
    note = laptop.command("note.added", OTHER, advance=False, text="and then this")
    return first.id, later.id, laptop.seal(note.model_copy(update={"depends_on": (later.id,)}))


def take(
    service: Service, tx: Tx, laptop: Laptop, *envelopes: Envelope, then: Callable[[], None] | None = None
) -> None:
    """A unit that receives commands; `then` happens before it is written."""
    batch = service.batch(tx, TENANT)
    for envelope in envelopes:
        batch.receive(Admission(tx, TENANT, laptop.name).admit(envelope))
    if then:
        then()
    batch.flush()


def outcome_of(server: Server, envelope: Envelope) -> Outcome | None:
    with server.office.service.store.transaction() as tx:
        return tx.entries(TENANT, [id_in(envelope)])[id_in(envelope)].outcome


def _take_late(service: Service, laptop: Laptop, envelope: Envelope, tx: Tx) -> None:
    take(service, tx, laptop, envelope)


def settle(service: Service, conflict: str) -> None:
    Office(service).resolve(TENANT, "m.reyes", conflict, Choice.KEEP_MINE, "looked at it")


def test_what_begins_to_wait_while_another_server_sets_it_free_is_not_forgotten(
    server: Server, laptop: Laptop, replicas: tuple[Service, Service]
) -> None:
    slow, fast = replicas
    conflict, _, last = waiting(server, laptop)
    meanwhile = iter([lambda: settle(fast, conflict)])
    slow.store.attempt(lambda tx: take(slow, tx, laptop, last, then=next(meanwhile, None)))
    assert next(meanwhile, None) is None
    assert outcome_of(server, last) is Outcome.APPLIED


def test_who_sets_free_sees_what_began_to_wait_meanwhile(
    server: Server, laptop: Laptop, replicas: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = replicas
    conflict, freed, last = waiting(server, laptop)
    needing, meanwhile = Tx.needing, iter([last])

    def late(tx: Tx, tenant: str, needs: Iterable[str]) -> frozenset[str]:
        found, named = needing(tx, tenant, needs), set(needs)
        for envelope in meanwhile if freed in named else ():
            fast.store.attempt(partial(_take_late, fast, laptop, envelope))
        return found

    monkeypatch.setattr(Tx, "needing", late)
    settle(slow, conflict)
    assert next(meanwhile, None) is None
    assert outcome_of(server, last) is Outcome.APPLIED
