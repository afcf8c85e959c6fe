"""Backup, restore, and the life that begins after: what happened in between comes back from the devices."""

import shutil
import sqlite3
import threading
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from policies.models import ApprovedModel
from reconciliation.expiry import LIMITS
from shared.blobs import Progress
from shared.envelope import Envelope
from shared.outcomes import Outcome
from shared.ports import Ports
from shared.problems import Refused
from shared.receipts import read_receipt, verify_root
from shared.routing import Tier
from shared.statements import Head
from shared.sync import Proofs, Settled, SyncReply, read_cursor
from sync_server import backup, dumps
from sync_server import cli as office_cli
from sync_server.api.app import build_app
from sync_server.bootstrap import build_office, initialise, model_files
from sync_server.office import Office
from sync_server.office.models import ModelDraft
from sync_server.settings import Settings
from sync_server.store import OutgoingEntry, Store
from tests.builders import still_ports
from tests.contract.test_blobs import NAME, PHOTO, ask, head, name_it, patch, path, progress
from tests.served import FILES, PEOPLE, TENANT, Laptop, Server, id_in, in_place, new_laptop, receipt
from tests.unit.device.model.test_gguf import made as a_gguf

JOB, SEAL = "work_order/WO-1", "stock_item/SEAL-1"


@dataclass
class House:
    """A server's home and database, run as often as a test wants to."""

    settings: Settings
    ports: Ports
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "backup"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        office = build_office(self.settings, self.ports)
        transport = httpx.ASGITransport(app=build_app(office.service, in_place), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            yield Server(office, self.ports.clock, http)  # type: ignore[arg-type]
        office.service.store.close()

    def back_up(self, **options: Any) -> backup.Made:
        return backup.back_up(self.settings, self.file, ports=self.ports, **options)

    def restore(self, **options: Any) -> backup.Restored:
        return backup.restore(self.settings, self.file, "the disk broke", ports=self.ports, **options)

    def put_back_by_hand(self) -> None:
        """An older state without a word: what an operator does who knows nothing of `restore`."""
        database = dumps.database_at(self.settings.database)
        _, dump, _ = backup._unpack(self.file, self.folder)
        database.replace(dump)

    def audit(self) -> list[str]:
        store = Store(self.settings.database)
        with store.transaction() as tx:
            bodies = [link[3] for link in tx.audit(TENANT)]
        store.close()
        return bodies


@pytest.fixture
def house(tmp_path: Path, bare_database: str) -> House:
    ports = still_ports()
    settings = Settings(tmp_path / "server", bare_database)
    office = initialise(settings, ports)
    office.add_tenant(TENANT, "Test")
    for person in PEOPLE:
        office.put_person(TENANT, person)
    for kind, text in FILES.items():
        office.apply_import(TENANT, "root", office.plan_import(TENANT, kind, text))
    office.service.store.close()
    return House(settings, ports, tmp_path)


async def enrolled(server: Server) -> Laptop:
    laptop = new_laptop(server, b"\x01")
    assert (await laptop.enrol()).status_code == 200
    await laptop.round()
    return laptop


def on_hand(server: Server) -> Any:
    return server.records("stock_item")[SEAL].fields["on_hand"]


def consume(laptop: Laptop, quantity: int) -> Envelope:
    return laptop.say("part.consumed", JOB, stock_item=SEAL, quantity=quantity)


async def show(laptop: Laptop, head: Any) -> httpx.Response:
    """An empty round that begins with the newest head that the laptop has seen."""
    body = f'{{"protocol":2,"cursor":"{laptop.cursor}","head":{head.model_dump_json()}}}'
    return await laptop.post(body.encode())


async def test_what_happened_after_the_backup_comes_back_from_the_devices(house: House) -> None:
    async with house.running() as server:
        laptop = await enrolled(server)
        early = consume(laptop, 1)
        first = await laptop.round(early)
        house.back_up()
        late = [consume(laptop, 2), laptop.say("note.added", JOB, text="after the backup")]
        last = await laptop.round(*late)
        assert on_hand(server) == 2
    done = house.restore()
    assert done.incarnation == 2
    async with house.running() as server:
        laptop.server = server
        assert on_hand(server) == 4
        response = await show(laptop, last.head)
        reply = SyncReply.model_validate_json(response.content)
        assert (response.status_code, reply.restart, reply.incarnation) == (200, True, 2)
        assert read_cursor(reply.cursor)[0] == 2
        head = Head.model_validate_json(Envelope.from_wire(reply.head).payload)
        assert (head.incarnation, head.received) == (2, 1)
        again = await laptop.round(early, *late)
        assert on_hand(server) == 2
        assert [receipt(answer).outcome for answer in again.answers] == [Outcome.APPLIED] * 3
        assert [receipt(answer).incarnation for answer in again.answers] == [1, 2, 2]
        assert receipt(again.answers[0]) == receipt(first.answers[0])
        for answer in again.answers:
            assert isinstance(answer, Settled)
            proof = Proofs([Envelope.from_wire(root) for root in again.roots], again.answers).of(answer.proof)
            read_receipt(answer.receipt.encode(), proof, verify_root(proof.envelope, laptop.receipt_key))
    assert any("the disk broke" in body for body in house.audit())


async def test_a_server_that_was_set_back_unawares_stops_until_somebody_looks(house: House) -> None:
    async with house.running() as server:
        laptop = await enrolled(server)
        house.back_up()
        late = consume(laptop, 2)
        last = await laptop.round(late)
    house.put_back_by_hand()
    async with house.running() as server:
        laptop.server = server
        for _ in range(2):
            response = await show(laptop, last.head)
            assert (response.status_code, response.json()["code"]) == (503, "server_stopped")
            assert response.headers["retry-after"]
        with pytest.raises(Refused, match="incarnation raise"):
            server.office.set_field(TENANT, "m.reyes", JOB, "title", "never")
    assert backup.raise_incarnation(house.settings, "restored by hand", ports=house.ports) == 2
    async with house.running() as server:
        laptop.server = server
        assert SyncReply.model_validate_json((await show(laptop, last.head)).content).restart
        assert receipt((await laptop.round(late)).answers[0]).outcome is Outcome.APPLIED
        assert on_hand(server) == 3
    assert any("restored by hand" in body for body in house.audit())


@pytest.mark.parametrize(
    ("hours", "more", "in_doubt"),
    [
        (2, {}, False),
        (0.5, {}, True),  # clocks may be an hour apart
        (2, {"doubtful": True}, True),
        (2, {"clock": timedelta(minutes=-30)}, False),
        (2, {"clock": timedelta(hours=-3)}, True),  # carried by hand for so long, or a clock that nobody knows
    ],
)
async def test_what_a_laptop_orders_well_after_a_restore_was_ordered_by_no_life_before(
    house: House, hours: float, more: dict[str, Any], in_doubt: bool
) -> None:
    async with house.running() as server:
        laptop = await enrolled(server)
        house.back_up()
    house.restore()
    async with house.running() as server:
        laptop.server = server
        server.clock.move(timedelta(hours=hours))
        order = laptop.say("part.ordered", JOB, stock_item=SEAL, quantity=1)
        said: dict[str, Any] = {"sent_at": server.clock.now() + more.get("clock", timedelta(0))}
        if "doubtful" in more:
            said["doubtful"] = (id_in(order),)
        assert receipt((await laptop.round(order, **said)).answers[0]).outcome is Outcome.APPLIED
        assert written(server, id_in(order)).in_doubt is in_doubt


async def test_where_an_older_program_began_the_life_nobody_knows_when(house: House) -> None:
    async with house.running() as server:
        laptop = await enrolled(server)
        house.back_up()
    house.restore()
    async with house.running() as server:
        laptop.server = server
        with server.office.service.store.transaction() as tx:
            tx.drop_server_value("incarnation_began")
        server.clock.move(timedelta(days=300))
        order = laptop.say("part.ordered", JOB, stock_item=SEAL, quantity=1)
        await laptop.round(order)
        assert written(server, id_in(order)).in_doubt


def written(server: Server, command: str) -> OutgoingEntry:
    with server.office.service.store.transaction() as tx:
        found = tx.outgoing(TENANT, command)
    assert found is not None
    return found


async def test_a_second_restore_of_the_same_backup_begins_a_life_of_its_own(house: House) -> None:
    async with house.running() as server:
        laptop = await enrolled(server)
        house.back_up()
    assert house.restore().incarnation == 2
    async with house.running() as server:
        laptop.server = server
        await laptop.round()
        last = await laptop.round(consume(laptop, 1))
    house.put_back_by_hand()  # the second life is forgotten
    async with house.running() as server:
        laptop.server = server
        response = await show(laptop, last.head)
        assert response.status_code == 503
    assert house.restore().incarnation == 3, "beyond the life that the head told of"


def test_a_backup_while_somebody_writes_is_of_one_moment(house: House) -> None:
    office = build_office(house.settings, house.ports)
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            office.set_field(TENANT, "m.reyes", JOB, "title", f"title {number}")
            number += 1

    writer = threading.Thread(target=work)
    writer.start()
    try:
        house.back_up()
    finally:
        stop.set()
        writer.join()
        office.service.store.close()
    house.restore()
    office = build_office(house.settings, house.ports)
    with office.service.store.transaction() as tx:
        head, links = tx.head(TENANT), list(tx.audit(TENANT))
    assert (len(links), links[-1][2]) == (head.audit_position, head.audit_hash)
    office.service.store.close()


async def photographed(house: House) -> Laptop:
    """A laptop whose photo is on the job."""
    async with house.running() as server:
        laptop = await enrolled(server)
        await name_it(laptop)
        await patch(laptop, 0, PHOTO)
    return laptop


@pytest.mark.parametrize("carried", [True, False])
async def test_a_backup_lists_the_files_and_a_restore_names_what_is_missing(house: House, carried: bool) -> None:
    laptop = await photographed(house)
    made = house.back_up(with_files=carried)
    assert [(each.tenant, each.sha256, each.size) for each in made.files] == [(TENANT, NAME, len(PHOTO))]
    assert made.missing == ()
    shutil.rmtree(house.settings.blobs)
    done = house.restore()
    assert [each.sha256 for each in done.missing] == ([] if carried else [NAME])
    async with house.running() as server:
        laptop.server = server
        assert await head(laptop) == (Progress(len(PHOTO), complete=True) if carried else Progress(0))
        assert progress(await patch(laptop, 0, PHOTO)).complete, "who has it brings it again"
        assert (await ask(laptop, "GET", path())).content == PHOTO
        command = await name_it(laptop, name="again.jpg")
        assert receipt((await laptop.round(in_doubt=(command,))).answers[0]).outcome is Outcome.APPLIED


async def test_a_file_that_is_missing_is_not_called_there(house: House) -> None:
    """After the restore, a command that names it waits for its bytes like any other."""
    laptop = await photographed(house)
    house.back_up()
    shutil.rmtree(house.settings.blobs)
    house.restore()
    async with house.running() as server:
        laptop.server = server
        command = await name_it(laptop, name="again.jpg")
        assert (await laptop.round(in_doubt=(command,))).answers[0].status == "held"


async def test_a_backup_of_a_folder_that_lacks_a_file_says_so(house: House) -> None:
    await photographed(house)
    shutil.rmtree(house.settings.blobs)
    made = house.back_up(with_files=True)
    assert [each.sha256 for each in made.missing] == [NAME]
    assert [each.carried for each in made.files] == [False]


def modelled(house: House) -> tuple[ApprovedModel, bytes]:
    """A model that is published and in force, and its file's bytes."""
    file, raw = house.folder / "seven-b.gguf", a_gguf(data=4000)
    file.write_bytes(raw)
    office = build_office(house.settings, house.ports)
    model = office.publish_model(TENANT, "root", ModelDraft(file, "seven-b", "MIT", Tier.STANDARD))
    office.roll_out_model(TENANT, "root", model.number, "in_force", frozenset(), "it passed")
    office.service.store.close()
    return model, raw


def handed_out(house: House, model: ApprovedModel) -> tuple[list[tuple[str, bool]], bytes | None]:
    """Which models there are, whether their files are on the server, and one's bytes."""
    office = build_office(house.settings, house.ports)
    listed = [(each.name, here) for each, here in office.models(TENANT)]
    assert office.model_catalogue(TENANT).rollout.in_force == model.number, "what was signed is in the database"
    office.service.store.close()
    path = model_files(house.settings).place(TENANT, model.sha256)
    return listed, path.read_bytes() if path.is_file() else None


@pytest.mark.parametrize("carried", [True, False])
def test_a_backup_lists_the_models_and_a_restore_names_what_is_missing(house: House, carried: bool) -> None:
    model, raw = modelled(house)
    made = house.back_up(with_models=carried)
    assert [(each.tenant, each.sha256, each.size) for each in made.models] == [(TENANT, model.sha256, len(raw))]
    assert (made.files, made.missing_models) == ((), ())
    shutil.rmtree(house.settings.models)
    done = house.restore()
    assert [each.sha256 for each in done.missing_models] == ([] if carried else [model.sha256])
    assert handed_out(house, model) == ([("seven-b", carried)], raw if carried else None)
    if not carried:
        again, _ = modelled(house)
        assert handed_out(house, again) == ([("seven-b", True), ("seven-b", True)], raw)


def test_a_damaged_model_in_a_backup_is_refused_and_a_missing_one_is_named(house: House) -> None:
    model, raw = modelled(house)
    house.back_up(with_models=True)
    whole = house.file.read_bytes()
    at = whole.index(raw[:400])
    house.file.write_bytes(whole[: at + 300] + bytes([whole[at + 300] ^ 1]) + whole[at + 301 :])
    with pytest.raises(Refused, match="damaged"):
        house.restore()
    house.file.unlink()
    shutil.rmtree(house.settings.models)
    made = house.back_up(with_models=True)
    assert [(each.sha256, each.carried) for each in made.models] == [(model.sha256, False)]
    assert [each.sha256 for each in made.missing_models] == [model.sha256]


def test_the_verbs_say_what_a_backup_does_with_models(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = modelled(house)
    where = ["--home", str(house.settings.home), "--database", house.settings.database]

    def say(verb: str, *words: str) -> str:
        assert office_cli.main([verb, *words, *where]) == 0
        return capsys.readouterr().out

    assert "--with-models" in say("backup", str(house.folder / "one"))
    assert "carries the files of 1 published models" in say("backup", str(house.folder / "two"), "--with-models")
    shutil.rmtree(house.settings.models)
    said = say("restore", str(house.folder / "one"), "--reason", "the disk broke")
    assert "publish the same files again" in said
    assert model.sha256 in said


async def test_a_damaged_file_in_a_backup_is_refused_and_nothing_is_replaced(house: House) -> None:
    await photographed(house)
    house.back_up(with_files=True)
    raw = house.file.read_bytes()
    at = raw.index(PHOTO)
    house.file.write_bytes(raw[:at] + b"!" + raw[at + 1 :])
    with pytest.raises(Refused, match="damaged"):
        house.restore()
    async with house.running() as server:
        assert on_hand(server) == 5


def test_a_backup_overwrites_nothing_and_keeps_the_secret_out(house: House) -> None:
    house.back_up()
    assert house.file.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(house.file) as archive:
        assert sorted(archive.namelist()) == ["database", "files.json", "manifest.json", "models.json"]
    assert house.settings.secret.read_bytes() not in house.file.read_bytes()
    before = house.file.read_bytes()
    with pytest.raises(Refused, match="overwrites nothing"):
        house.back_up()
    assert house.file.read_bytes() == before


def test_a_backup_with_the_secret_makes_a_server_anywhere(house: House) -> None:
    house.back_up(with_secret=True)
    secret = house.settings.secret.read_bytes()
    house.settings.secret.unlink()
    house.restore()
    assert house.settings.secret.read_bytes() == secret
    assert house.settings.secret.stat().st_mode & 0o077 == 0
    build_office(house.settings, house.ports).service.store.close()


def test_a_running_server_is_not_replaced(house: House) -> None:
    house.back_up()
    office = build_office(house.settings, house.ports)
    with pytest.raises(Refused, match="stop every server"):
        house.restore()
    office.set_field(TENANT, "m.reyes", JOB, "title", "still here")
    office.service.store.close()
    assert house.restore().aside


def age(house: House) -> None:
    house.ports.clock.move(LIMITS.backup_age_max + timedelta(hours=1))  # type: ignore[attr-defined]


def damage(house: House) -> None:
    raw = bytearray(house.file.read_bytes())
    at = raw.index(b"database") + 60
    raw[at] ^= 0xFF
    house.file.write_bytes(bytes(raw))


def truncate(house: House) -> None:
    house.file.write_bytes(house.file.read_bytes()[:-40])


def swap(house: House) -> None:
    """Another dump under the same manifest."""
    with zipfile.ZipFile(house.file) as archive:
        manifest = archive.read("manifest.json")
    with zipfile.ZipFile(house.file, "w") as archive:
        archive.writestr("manifest.json", manifest)
        archive.writestr("database", b"other")


def lose_the_secret(house: House) -> None:
    house.settings.secret.unlink()


def another_secret(house: House) -> None:
    house.settings.secret.write_bytes(bytes(32))


def remove(house: House) -> None:
    house.file.unlink()


def from_the_future(house: House) -> None:
    with zipfile.ZipFile(house.file) as archive:
        manifest, dump = archive.read("manifest.json"), archive.read("database")
    manifest = manifest.replace(b'"revision":"0', b'"revision":"9')
    with zipfile.ZipFile(house.file, "w") as archive:
        archive.writestr("manifest.json", manifest)
        archive.writestr("database", dump)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (age, "30 days old"),
        (damage, "damaged"),
        (truncate, "damaged"),
        (swap, "damaged"),
        (lose_the_secret, "server.secret is missing"),
        (another_secret, "does not open"),
        (remove, "Cannot read"),
        (from_the_future, "newer than this program"),
    ],
)
def test_what_cannot_be_restored_is_refused_and_the_database_stays(
    house: House, spoil: Callable[[House], None], sentence: str
) -> None:
    house.back_up()
    before = house.audit()
    spoil(house)
    with pytest.raises(Refused, match=sentence):
        house.restore()
    assert house.audit() == before
    assert not list(house.settings.home.glob("*before-restore*"))


def test_an_old_backup_is_restored_if_somebody_insists(house: House) -> None:
    house.back_up()
    age(house)
    assert house.restore(force=True).incarnation == 2


def test_a_broken_or_missing_database_is_replaced(house: House) -> None:
    house.back_up()
    url = make_url(house.settings.database)
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).write_bytes(b"not a database at all, only some bytes in a file" * 100)
    else:
        with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            connection.execute("DROP TABLE tenant, ledger")
    assert house.restore().incarnation == 2
    office: Office = build_office(house.settings, house.ports)
    assert office.records(TENANT, "work_order")
    office.service.store.close()


def test_an_older_schema_is_restored_and_migrated(house: House, monkeypatch: Any) -> None:
    """A backup of the release before is brought up on its way in; here, one that says it is today's already."""
    house.back_up()
    ran: list[Settings] = []
    monkeypatch.setattr(backup, "migrate", ran.append)
    house.restore()
    assert ran == [house.settings]


@pytest.mark.requires("postgresql")
def test_without_the_programs_of_postgresql_it_says_so(tmp_path: Path, postgres: Any, monkeypatch: Any) -> None:
    with postgres.database() as url:
        settings = Settings(tmp_path / "server", url)
        initialise(settings, still_ports()).service.store.close()
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Refused, match="pg_dump is not installed"):
            backup.back_up(settings, tmp_path / "backup")
        assert not (tmp_path / "backup").exists()


@pytest.mark.requires("postgresql")
def test_a_backup_of_one_kind_does_not_go_into_the_other(tmp_path: Path, postgres: Any) -> None:
    home = tmp_path / "server"
    lite = Settings(home, f"sqlite:///{home / 'server.db'}")
    initialise(lite, still_ports()).service.store.close()
    backup.back_up(lite, tmp_path / "backup")
    with postgres.database() as url, pytest.raises(Refused, match="backup of sqlite"):
        backup.restore(Settings(home, url), tmp_path / "backup", "x")


def test_a_vacuumed_copy_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    dumps.database_at(f"sqlite:///{path}").dump(tmp_path / "copy")
    copy = sqlite3.connect(tmp_path / "copy")
    assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]
    copy.close()
    connection.close()
