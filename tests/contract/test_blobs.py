"""The bytes of files over the real HTTP surface."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.blobs import Progress, read_progress
from shared.outcomes import EFFECTIVE, Outcome
from shared.problems import MEDIA_TYPE
from shared.request_signature import sign_request
from simulators.network import LosesFirstReply
from sync_server.api.app import build_app
from sync_server.attachments import GRACE
from sync_server.blob_files import BlobFiles, BlobLimits
from sync_server.bootstrap import build_service
from sync_server.settings import Settings
from sync_server.store import Write
from tests.served import PEOPLE, Laptop, Server, id_in, in_place, new_laptop, receipt

JOB = "work_order/WO-1"
PHOTO = bytes(range(256)) * 40
NAME = hashlib.sha256(PHOTO).hexdigest()


def files(server: Server) -> BlobFiles:
    return server.office.service.attachments.files


def home(server: Server) -> Path:
    return files(server)._folder.parent


def path(name: str = NAME, offset: int | None = None) -> str:
    return f"/v1/blobs/{name}" + ("" if offset is None else f"?offset={offset}")


def request(laptop: Laptop, method: str, url: str, content: bytes = b"", **headers: str) -> httpx.Request:
    made = laptop.server.http.build_request(method, url, content=content, headers=headers)
    ports = laptop.server.office.service.ports
    sign_request(made, content, laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
    return made


async def ask(laptop: Laptop, method: str, url: str, content: bytes = b"", **headers: str) -> httpx.Response:
    return await laptop.server.http.send(request(laptop, method, url, content, **headers))


async def patch(laptop: Laptop, offset: int, piece: bytes) -> httpx.Response:
    return await ask(laptop, "PATCH", path(offset=offset), piece)


def progress(response: httpx.Response) -> Progress:
    assert response.status_code in {200, 204}, response.text
    return read_progress(response.headers["upload-offset"], response.headers["upload-complete"])


async def head(laptop: Laptop) -> Progress:
    return progress(await ask(laptop, "HEAD", path()))


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"] == MEDIA_TYPE
    return str(response.json()["code"])


async def name_it(laptop: Laptop, content: bytes = PHOTO, **payload: Any) -> str:
    """Give the command that names the photo; its id."""
    said = {"name": "p.jpg", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} | payload
    envelope = laptop.say("attachment.added", JOB, media_type="image/jpeg", **said)
    await laptop.round(envelope)
    return str(json.loads(envelope.payload)["id"])


async def answer(laptop: Laptop, command: str) -> Any:
    return (await laptop.round(in_doubt=(command,))).answers[0]


def names(server: Server) -> list[str]:
    files: Any = server.records()[JOB].fields["attachments"]
    return [file["name"] for file in files]


# -- accepted only with its bytes


async def test_a_command_is_accepted_when_its_bytes_are_there_and_not_before(server: Server, laptop: Laptop) -> None:
    command = await name_it(laptop)
    held = await answer(laptop, command)
    assert (held.status, held.hold, held.problem.code) == ("held", "waiting", "bytes_missing")
    assert await head(laptop) == Progress(0)
    assert progress(await patch(laptop, 0, PHOTO[:5000])) == Progress(5000)
    assert (await answer(laptop, command)).status == "held"
    assert names(server) == []
    assert progress(await patch(laptop, 5000, PHOTO[5000:])) == Progress(len(PHOTO), complete=True)
    assert receipt(await answer(laptop, command)).outcome is Outcome.APPLIED
    assert names(server) == ["p.jpg"]


async def test_a_command_whose_file_never_comes_expires_with_its_lifetime(server: Server, laptop: Laptop) -> None:
    command = await name_it(laptop)
    server.clock.move(timedelta(days=91))
    server.office.service.sweep()
    told = receipt(await answer(laptop, command))
    assert (told.outcome, names(server)) == (Outcome.EXPIRED, [])


async def test_a_file_that_is_there_already_holds_up_nobody(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    command = await name_it(laptop, name="again.jpg")
    assert receipt(await answer(laptop, command)).outcome is Outcome.APPLIED
    assert await head(laptop) == Progress(len(PHOTO), complete=True)
    assert progress(await patch(laptop, 0, PHOTO)).complete, "sending it again is no mistake"


async def test_all_that_wait_for_the_same_bytes_are_released_together(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await name_it(laptop, name="same.jpg")
    await patch(laptop, 0, PHOTO)
    assert names(server) == ["p.jpg", "same.jpg"]


async def test_what_does_not_need_the_bytes_does_not_wait_for_them(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    reply = await laptop.round(laptop.say("note.added", JOB, text="meanwhile"))
    assert receipt(reply.answers[0]).outcome in {Outcome.APPLIED, Outcome.MERGED}


# -- resuming


async def test_an_upload_goes_on_after_a_lost_reply_where_the_server_is(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    inner = server.http._transport
    server.http._transport = LosesFirstReply(inner)
    with pytest.raises(httpx.ReadTimeout):
        await patch(laptop, 0, PHOTO[:5000])
    assert await head(laptop) == Progress(5000)
    assert code(await patch(laptop, 0, bytes(5000))) == "offset_wrong", "what is durable is not written over"
    assert code(await patch(laptop, 5001, PHOTO[5001:])) == "offset_wrong"
    assert progress(await patch(laptop, 5000, PHOTO[5000:])).complete


async def test_an_upload_goes_on_at_another_process_over_the_same_store(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO[:5000])
    database = server.office.service.store.engine.url.render_as_string(hide_password=False)
    settings = Settings(home(server), database)
    service = build_service(settings, server.office.service.ports)
    server.http._transport = httpx.ASGITransport(app=build_app(service, in_place), raise_app_exceptions=False)
    assert progress(await patch(laptop, 5000, PHOTO[5000:])).complete
    service.store.close()


async def test_a_lost_folder_starts_the_upload_again(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO[:5000])
    files(server).discard("t", NAME)
    assert code(await patch(laptop, 5000, PHOTO[5000:])) == "offset_wrong"
    assert await head(laptop) == Progress(0)
    assert progress(await patch(laptop, 0, PHOTO)).complete


# -- what is not taken


async def test_wrong_bytes_are_thrown_away_and_nothing_is_accepted(server: Server, laptop: Laptop) -> None:
    command = await name_it(laptop)
    wrong = PHOTO[:-1] + b"!"
    assert code(await patch(laptop, 0, wrong)) == "bytes_wrong"
    assert await head(laptop) == Progress(0)
    assert (await answer(laptop, command)).status == "held"
    assert (await ask(laptop, "GET", path())).status_code == 404
    assert progress(await patch(laptop, 0, PHOTO)).complete


async def test_more_bytes_than_the_command_names_are_refused(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    response = await patch(laptop, 0, PHOTO + b"!")
    assert (response.status_code, code(response)) == (413, "attachment_too_large")
    assert await head(laptop) == Progress(0)


async def test_a_file_over_the_servers_limit_is_refused_in_clear_words(server: Server, laptop: Laptop) -> None:
    files(server).limits = BlobLimits(1000, 1 << 30)
    await name_it(laptop, b"x" * (2 << 20))
    name = hashlib.sha256(b"x" * (2 << 20)).hexdigest()
    response = await ask(laptop, "PATCH", path(name, 0), b"x")
    assert response.status_code == 413
    assert "2.0 MiB" in response.json()["detail"]
    told = await ask(laptop, "HEAD", path(name))
    assert (told.status_code, told.headers["tailboard-problem"]) == (413, "attachment_too_large")


async def test_an_organisation_has_so_much_room_and_no_more(server: Server, laptop: Laptop) -> None:
    files(server).limits = BlobLimits(1 << 20, len(PHOTO) + 5)
    other = b"six bytes more"
    await name_it(laptop)
    await name_it(laptop, other)
    await patch(laptop, 0, PHOTO[:1])
    response = await ask(laptop, "PATCH", path(hashlib.sha256(other).hexdigest(), 0), other)
    assert (response.status_code, code(response)) == (507, "attachment_space_full")
    assert progress(await patch(laptop, 1, PHOTO[1:])).complete, "what was begun has its room"


async def test_a_file_that_no_command_names_is_not_stored(server: Server, laptop: Laptop) -> None:
    assert code(await patch(laptop, 0, PHOTO)) == "not_found"
    assert (await ask(laptop, "HEAD", path())).status_code == 404
    assert not (home(server) / "blobs").exists()


async def test_a_refused_commands_file_is_not_stored(server: Server, laptop: Laptop) -> None:
    envelope = laptop.say(
        "attachment.added", "work_order/WO-404", name="p", sha256=NAME, size=len(PHOTO), media_type="image/jpeg"
    )
    reply = await laptop.round(envelope)
    assert receipt(reply.answers[0]).outcome is Outcome.REJECTED
    assert code(await patch(laptop, 0, PHOTO)) == "not_found"


async def test_a_command_that_lies_about_the_size_stops_only_itself(server: Server, laptop: Laptop) -> None:
    liar = await name_it(laptop, size=5000)
    honest = await name_it(laptop)
    assert progress(await patch(laptop, 0, PHOTO[:5000])) == Progress(5000)
    assert progress(await patch(laptop, 5000, PHOTO[5000:])).complete
    assert receipt(await answer(laptop, honest)).outcome is Outcome.APPLIED
    assert (await answer(laptop, liar)).status == "held"


@pytest.mark.parametrize("offset", ["", "-1", "x", "1.5", "9" * 16])
async def test_an_offset_is_a_number(laptop: Laptop, offset: str) -> None:
    response = await ask(laptop, "PATCH", f"{path()}?offset={offset}", b"x")
    assert (response.status_code, code(response)) == (422, "malformed")


@pytest.mark.parametrize("name", ["x", NAME.upper(), "..%2F..%2Fserver.secret", NAME + "0"])
async def test_a_name_that_is_no_hash_is_nothing(laptop: Laptop, name: str) -> None:
    assert (await ask(laptop, "GET", path(name))).status_code == 404


# -- who may


async def test_an_unsigned_request_moves_no_byte(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    for method in ("HEAD", "GET", "PATCH"):
        assert (await server.http.request(method, path(offset=0))).status_code == 401


async def test_the_signature_covers_the_place_and_the_bytes(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO[:5000])
    for url, content in [(path(offset=5000), PHOTO[:5000]), (path(offset=0), PHOTO[5000:])]:
        signed = request(laptop, "PATCH", path(offset=0), PHOTO[:5000])
        forged = server.http.build_request("PATCH", url, content=content)
        forged.headers.update({name: signed.headers[name] for name in SIGNATURE})
        assert (await server.http.send(forged)).status_code == 401
    assert await head(laptop) == Progress(5000)


SIGNATURE = ("content-digest", "signature", "signature-input")


async def test_another_tenant_sees_and_sends_nothing(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    server.office.add_tenant("other", "Other")
    server.office.put_person("other", PEOPLE[0])
    stranger = new_laptop(server, b"\x07")
    await stranger.enrol(server.office.enrol_code("other", PEOPLE[0].id))
    for method in ("HEAD", "GET", "PATCH"):
        response = await ask(stranger, method, path(offset=0), b"")
        assert response.status_code == 404, method
    assert (await ask(laptop, "GET", path())).content == PHOTO


async def test_who_may_not_see_the_job_does_not_get_its_files(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    (outsider,) = [person for person in PEOPLE if person.id == "b.lind"]
    server.office.put_person("t", replace(outsider, teams=frozenset({"east"})))
    stranger = new_laptop(server, b"\x02", outsider.id)
    await stranger.enrol()
    assert (await ask(stranger, "GET", path())).status_code == 200, "a job without a team is everybody's"
    job = server.records()[JOB]
    with server.office.service.store.transaction() as tx:
        moved = replace(job, version=job.version + 1, fields={**job.fields, "team": "west"})
        tx.put_records("t", [Write(moved, 99, "west", job.version)])
    assert code(await ask(stranger, "GET", path())) == "not_found"
    assert (await ask(laptop, "GET", path())).status_code == 200


def give_to(server: Server, team: str) -> None:
    office = server.office
    office.apply_import("t", "root", office.plan_import("t", "work_order", f"id,team\nWO-1,{team}\n"))


async def stranger(server: Server, laptop: Laptop) -> Laptop:
    """Somebody of another team, who names by its sha256 the photo of a job that they do not see."""
    (outsider,) = [person for person in PEOPLE if person.id == "b.lind"]
    server.office.put_person("t", replace(outsider, teams=frozenset({"east"})))
    give_to(server, "west")
    made = new_laptop(server, b"\x02", outsider.id)
    await made.enrol()
    await made.sync()
    assert JOB not in made.replica
    return made


OTHER = "work_order/WO-2"


async def overhear(made: Laptop) -> str:
    said = {"name": "mine.jpg", "sha256": NAME, "size": len(PHOTO), "media_type": "image/jpeg"}
    envelope = made.say("attachment.added", OTHER, **said)
    await made.round(envelope)
    return id_in(envelope)


@pytest.mark.parametrize("before", [True, False])
async def test_naming_a_file_gives_nobody_the_file(server: Server, laptop: Laptop, before: bool) -> None:
    """Whoever overheard a sha256 gets nothing by naming it, before its bytes are here or after."""
    other = await stranger(server, laptop)
    command = await overhear(other) if before else None
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    command = command or await overhear(other)
    assert (await answer(other, command)).problem.code == "bytes_missing"
    assert await head(other) == Progress(0), "to them it looks as if it were not here"
    assert code(await ask(other, "GET", path())) == "not_found"
    assert progress(await patch(other, 0, PHOTO[:5000])) == Progress(5000)
    assert code(await patch(other, 4000, PHOTO[4000:])) == "offset_wrong"
    assert code(await ask(other, "GET", path())) == "not_found"
    assert code(await patch(other, 5000, bytes(len(PHOTO) - 5000))) == "bytes_wrong"
    assert await head(other) == Progress(0)
    assert (await answer(other, command)).status == "held"
    assert (await ask(laptop, "GET", path())).content == PHOTO


async def test_who_has_every_byte_of_a_file_may_name_it(server: Server, laptop: Laptop) -> None:
    other = await stranger(server, laptop)
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    command = await overhear(other)
    await patch(other, 0, PHOTO[:5000])
    assert progress(await patch(other, 5000, PHOTO[5000:])) == Progress(len(PHOTO), complete=True)
    assert receipt(await answer(other, command)).outcome is Outcome.APPLIED
    assert (await ask(other, "GET", path())).content == PHOTO
    assert not [each for each in (home(server) / "blobs" / "t" / "partial").iterdir() if each.is_file()]


async def test_the_last_byte_makes_a_file_nobodys_own(server: Server, laptop: Laptop) -> None:
    """Who adds to what another brought has not shown every byte; who began it shows the rest once more."""
    other = await stranger(server, laptop)
    theirs, ours = await overhear(other), await name_it(laptop)
    await patch(laptop, 0, PHOTO[:-1])
    assert progress(await patch(other, len(PHOTO) - 1, PHOTO[-1:])).complete
    assert (await answer(other, theirs)).status == "held"
    assert code(await ask(other, "GET", path())) == "not_found"
    await patch(laptop, 0, PHOTO)
    assert receipt(await answer(laptop, ours)).outcome in EFFECTIVE
    assert (await answer(other, theirs)).status == "held"


async def test_who_comes_to_see_a_file_need_not_bring_it(server: Server, laptop: Laptop) -> None:
    other = await stranger(server, laptop)
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    command = await overhear(other)
    give_to(server, "east")
    assert (await head(other)).complete
    assert receipt(await answer(other, command)).outcome is Outcome.APPLIED


# -- room that comes back


async def failed(server: Server, laptop: Laptop) -> str:
    """A command whose bytes are here in full, and which is taken back while it waits for somebody's decision."""
    server.office.set_field("t", "m.reyes", JOB, "priority", "low")
    clash = laptop.say("field.updated", JOB, field="priority", value="high")
    await laptop.round(clash)
    said = {"name": "p.jpg", "sha256": NAME, "size": len(PHOTO), "media_type": "image/jpeg"}
    photo = laptop.command("attachment.added", JOB, advance=False, **said)
    envelope = laptop.seal(photo.model_copy(update={"depends_on": (id_in(clash),)}))
    await laptop.round(envelope)
    assert progress(await patch(laptop, 0, PHOTO)).complete
    assert (await answer(laptop, photo.id)).status == "held"
    await laptop.round(withdrawals=(laptop.withdrawal(envelope),))
    assert receipt(await answer(laptop, photo.id)).outcome is Outcome.REJECTED
    return photo.id


def room(server: Server) -> int:
    with server.office.service.store.transaction() as tx:
        return tx.reserved_bytes("t", besides="")


def stored(server: Server) -> list[bytes]:
    return [each.read_bytes() for each in (home(server) / "blobs").rglob("*") if each.is_file()]


async def test_the_room_of_a_failed_commands_file_is_given_back_after_a_while(server: Server, laptop: Laptop) -> None:
    await failed(server, laptop)
    server.clock.move(GRACE - timedelta(minutes=1))
    server.office.service.sweep()
    assert (room(server), stored(server)) == (len(PHOTO), [PHOTO])
    server.clock.move(timedelta(hours=1))
    server.office.service.sweep()
    assert (room(server), stored(server)) == (0, [])


async def test_a_file_that_another_command_names_keeps_its_room(server: Server, laptop: Laptop) -> None:
    await failed(server, laptop)
    command = await name_it(laptop, name="again.jpg")
    assert receipt(await answer(laptop, command)).outcome in EFFECTIVE
    server.clock.move(GRACE * 2)
    server.office.service.sweep()
    assert (room(server), stored(server)) == (len(PHOTO), [PHOTO])


async def test_a_file_whose_room_was_given_back_can_be_given_again(server: Server, laptop: Laptop) -> None:
    await failed(server, laptop)
    server.clock.move(GRACE * 2)
    server.office.service.sweep()
    command = await name_it(laptop, name="again.jpg")
    assert (await answer(laptop, command)).status == "held"
    assert await head(laptop) == Progress(0)
    await patch(laptop, 0, PHOTO)
    assert receipt(await answer(laptop, command)).outcome in EFFECTIVE
    assert (room(server), stored(server)) == (len(PHOTO), [PHOTO])


async def test_dying_while_room_is_given_back_neither_keeps_it_nor_calls_a_file_there(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failed(server, laptop)
    server.clock.move(GRACE * 2)
    with monkeypatch.context() as dying:
        dying.setattr(BlobFiles, "give_up", dies)
        server.office.service.sweep()
    assert stored(server) == [PHOTO]
    with server.office.service.store.transaction() as tx:
        assert tx.whole_blobs("t") == []
    server.clock.move(timedelta(hours=2))
    server.office.service.sweep()
    assert (room(server), stored(server)) == (0, [])


async def test_a_whole_file_that_is_gone_is_taken_again(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO)
    (home(server) / "blobs" / "t" / NAME[:2] / NAME[2:]).unlink()
    assert await head(laptop) == Progress(0)
    assert progress(await patch(laptop, 0, PHOTO)).complete
    assert (await ask(laptop, "GET", path())).content == PHOTO


async def test_a_revoked_device_brings_what_it_named_and_gets_nothing(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    await patch(laptop, 0, PHOTO[:5000])
    server.office.revoke_device("t", laptop.name, "root", "lost")
    assert code(await ask(laptop, "GET", path())) == "device_revoked"
    assert progress(await patch(laptop, 5000, PHOTO[5000:])).complete


async def test_a_request_that_moved_bytes_cannot_be_sent_again(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    again = request(laptop, "PATCH", path(offset=0), PHOTO[:5000])
    for status in (204, 401):
        copy = server.http.build_request("PATCH", again.url, content=PHOTO[:5000], headers=again.headers)
        assert (await server.http.send(copy)).status_code == status


# -- coming down


async def test_bytes_come_down_whole_and_in_ranges(server: Server, laptop: Laptop) -> None:
    await name_it(laptop)
    assert (await ask(laptop, "GET", path())).status_code == 404, "not while a byte is missing"
    await patch(laptop, 0, PHOTO)
    whole = await ask(laptop, "GET", path())
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, PHOTO, "bytes")
    part = await ask(laptop, "GET", path(), range="bytes=100-199")
    assert (part.status_code, part.content) == (206, PHOTO[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(PHOTO)}"
    rest = await ask(laptop, "GET", path(), range="bytes=10000-")
    assert (rest.status_code, rest.content) == (206, PHOTO[10000:])
    outside = await ask(laptop, "GET", path(), range=f"bytes={len(PHOTO)}-")
    assert (outside.status_code, code(outside)) == (416, "range_outside")


# -- dying around the rename


class Died(Exception):
    """The process is gone; what is on the disk stays."""


def dies(*_: Any) -> Any:
    raise Died


@pytest.mark.parametrize(
    ("owner", "step", "before"),
    [
        (BlobFiles, "finish", True),
        (Path, "replace", True),
        (Path, "replace", False),
        (BlobFiles, "finish", False),
    ],
)
async def test_dying_around_the_rename_neither_loses_the_file_nor_says_too_much(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, before: bool
) -> None:
    command = await name_it(laptop)
    inner = getattr(owner, step)

    def then_dies(*args: Any) -> Any:
        inner(*args)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, dies if before else then_dies)
        assert (await patch(laptop, 0, PHOTO)).status_code == 500
    assert (await answer(laptop, command)).status == "held"
    assert (await ask(laptop, "GET", path())).status_code == 404
    assert await head(laptop) == Progress(len(PHOTO), complete=True), "the question finishes what was begun"
    assert receipt(await answer(laptop, command)).outcome is Outcome.APPLIED


async def test_a_file_is_complete_and_its_command_decided_in_one_transaction(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = await name_it(laptop)
    with monkeypatch.context() as patched:
        patched.setattr(server.office.service.attachments, "_bytes_arrived", dies)
        assert (await patch(laptop, 0, PHOTO)).status_code == 500
    assert (await ask(laptop, "GET", path())).status_code == 404
    assert (await head(laptop)).complete
    assert receipt(await answer(laptop, command)).outcome is Outcome.APPLIED


async def test_a_full_disk_is_said_and_the_upload_goes_on_later(
    server: Server, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        import errno

        raise OSError(errno.ENOSPC, "No space left on device")

    await name_it(laptop)
    await patch(laptop, 0, PHOTO[:5000])
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        response = await patch(laptop, 5000, PHOTO[5000:])
        assert (response.status_code, code(response)) == (507, "store_full")
    assert await head(laptop) == Progress(5000)
    assert progress(await patch(laptop, 5000, PHOTO[5000:])).complete
