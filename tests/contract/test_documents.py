"""Documents that the office adds, over the real HTTP surface: who gets the record, and who gets the bytes."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from shared.commandline import UsageError
from shared.documents import DOCUMENT_BYTES_MAX
from shared.outcomes import Outcome
from shared.problems import Code, Refused
from shared.request_signature import sign_request
from shared.routing import DataClass
from sync_server.batch import Batch
from sync_server.document_commands import drafted
from sync_server.office.documents import DocumentDraft
from sync_server.store import Tx
from tests.served import PEOPLE, TENANT, Laptop, Server, new_laptop

TEXT = b"# 1 Seals\n\nThe gland takes 3 rings.\n" * 50
DRAFT = DocumentDraft("nx", "nx.md", TEXT, "NX pumps", "7")
NAME = hashlib.sha256(TEXT).hexdigest()


async def get(laptop: Laptop, name: str = NAME, **headers: str) -> httpx.Response:
    made = laptop.server.http.build_request("GET", f"/v1/blobs/{name}", headers=headers)
    ports = laptop.server.office.service.ports
    sign_request(made, b"", laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
    return await laptop.server.http.send(made)


def add(server: Server, draft: DocumentDraft = DRAFT, actor: str = "m.reyes") -> Outcome:
    return server.office.add_document(TENANT, actor, draft).outcome


async def test_a_document_comes_with_the_changes_and_its_bytes_in_ranges(laptop: Laptop) -> None:
    assert add(laptop.server) is Outcome.APPLIED
    await laptop.sync()
    fields = laptop.replica["document/nx"].fields
    assert (fields["title"], fields["revision"], fields["sha256"], fields["size"]) == (
        "NX pumps",
        "7",
        NAME,
        len(TEXT),
    )
    assert (fields["data_class"], fields["media_type"], fields["status"]) == ("internal", "text/markdown", "in_force")
    piece = await get(laptop, range="bytes=10-19")
    assert (piece.status_code, piece.content) == (206, TEXT[10:20])
    assert (await get(laptop)).content == TEXT


async def test_who_may_not_see_the_document_gets_neither_record_nor_bytes(laptop: Laptop) -> None:
    server = laptop.server
    server.office.put_person(TENANT, replace(PEOPLE[1], teams=frozenset({"valves"})))
    other = new_laptop(server, b"o", "b.lind")
    await other.enrol()
    add(server, replace(DRAFT, team="pumps"))
    await other.sync()
    assert "document/nx" not in other.replica
    assert (await get(other)).status_code == 404
    await laptop.sync()
    assert (await get(laptop)).status_code == 200


@pytest.mark.parametrize("actor", ["a.okafor", "s.vance"])
def test_only_the_office_adds_and_withdraws(server: Server, actor: str) -> None:
    with pytest.raises(Refused) as refused:
        add(server, actor=actor)
    assert refused.value.problem.code is Code.NOT_PERMITTED
    assert server.office.service.attachments.files.whole(TENANT, NAME) is None, "nothing was stored for it"
    add(server)
    receipt = server.office.withdraw_document(TENANT, actor, "nx", "old")
    assert receipt.outcome is Outcome.REJECTED


def test_another_revision_replaces_all_of_the_one_before(server: Server) -> None:
    add(server)
    newer = replace(
        DRAFT, content=b"# 2 Seals\n", revision="8", data_class=DataClass.PUBLIC, valid_until=date(2030, 1, 1)
    )
    assert add(server, newer) is Outcome.APPLIED
    ((record, here),) = server.office.documents(TENANT)
    assert here
    assert (record.fields["revision"], record.fields["data_class"]) == ("8", "public")
    assert record.fields["valid_until"] == "2030-01-01"
    assert record.fields["sha256"] == hashlib.sha256(b"# 2 Seals\n").hexdigest()


def test_two_revisions_at_once_are_a_conflict_and_not_mixed(server: Server) -> None:
    add(server)
    office = server.office
    seen = office.record(TENANT, "document/nx").version
    add(server, replace(DRAFT, content=b"mine", revision="8", title="Mine"))
    from sync_server.office.documents import _payload

    theirs = _payload(replace(DRAFT, content=b"theirs", revision="9", title="Theirs"))
    office.service.attachments.files.write(TENANT, theirs.sha256, 0, b"theirs")
    office.service.attachments.files.finish(TENANT, theirs.sha256, 6)

    def arrived(tx: Tx, _: Batch) -> None:
        tx.bring_blob(TENANT, theirs.sha256, 6)

    (entry,) = office.service.confirm(
        TENANT,
        "root",
        [("document/nx", theirs)],
        {"document/nx": seen},
        arrived,
    )
    assert entry.receipt is not None
    assert entry.receipt.outcome is Outcome.CONFLICT
    fields = office.record(TENANT, "document/nx").fields
    assert (fields["title"], fields["revision"], fields["size"]) == ("Mine", "8", 4)


async def test_what_was_withdrawn_stays_as_a_record_and_can_come_back(laptop: Laptop) -> None:
    server = laptop.server
    add(server)
    assert server.office.withdraw_document(TENANT, "root", "nx", "wrong torque on page 3").outcome is Outcome.APPLIED
    await laptop.sync()
    fields = laptop.replica["document/nx"].fields
    assert (fields["status"], fields["reason"]) == ("withdrawn", "wrong torque on page 3")
    assert add(server) is Outcome.APPLIED
    fields = server.office.record(TENANT, "document/nx").fields
    assert (fields["status"], fields["reason"]) == ("in_force", "")


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (replace(DRAFT, file="nx.docx"), Code.MALFORMED),
        (replace(DRAFT, content=b""), Code.MALFORMED),
        (replace(DRAFT, id="no such/name"), Code.MALFORMED),
        (replace(DRAFT, content=bytes(DOCUMENT_BYTES_MAX + 1)), Code.ATTACHMENT_TOO_LARGE),
        (replace(DRAFT, title=""), Code.MALFORMED),
    ],
)
def test_what_cannot_be_a_document_is_named_and_nothing_is_stored(
    server: Server, draft: DocumentDraft, code: Code
) -> None:
    with pytest.raises(Refused) as refused:
        add(server, draft)
    assert refused.value.problem.code is code
    assert server.office.documents(TENANT) == []
    assert not (server.office.service.attachments.files._folder / TENANT).exists()


async def test_bytes_that_were_lost_are_named_and_taken_again(laptop: Laptop) -> None:
    server = laptop.server
    add(server)
    server.office.service.attachments.files.give_up(TENANT, NAME)
    assert [here for _, here in server.office.documents(TENANT)] == [False]
    assert (await get(laptop)).status_code == 404
    assert add(server) is Outcome.APPLIED
    assert (await get(laptop)).content == TEXT


def test_half_a_gigabyte_is_refused_by_its_size_before_a_byte_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "manual.pdf"
    with file.open("wb") as stream:
        stream.write(b"%PDF-1.7\n")
        stream.truncate(500 << 20)  # with a hole in it: nothing is written
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(UsageError, match=r"has 500\.0 MiB; a document has up to 64\.0 MiB\. Split it\."):
        drafted(file)
