"""What laptops tell of their evidence: it follows or is refused by name, comes once, and holds nobody's words."""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from device import bootstrap
from device.bootstrap import Device
from device.settings import NO_MODEL, Settings
from policies.flips import replay
from shared.assist import Answer
from shared.envelope import EVIDENCE_TYPE, SigningKey, seal
from shared.evidence import EVIDENCE_PATH, Because, EvidencePlace, EvidenceUpload, hashes
from shared.request_signature import sign_request
from sync_server.cluster.policy import shipped_policies
from sync_server.office import Office
from sync_server.updates.bundles import shipped_bundle
from tests.contract.cluster.stage import Stage, staged, upstream
from tests.served import TENANT, Server, in_place

JOB, PIN = "work_order/WO-1", "2468"
SUMMARY = "Summarise: the pump ran at 4.2 bar for three weeks. " * 12
#: Said in a question, and to be found nowhere that evidence goes.
CANARY = "Ms Ottoline Harrington-Quill of 12 Mill Lane fell off the xyzzyplugh ladder. What now?"
WORDS = ("Ottoline", "Harrington", "Quill", "Mill Lane", "xyzzyplugh", "ladder")


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The way to the server: remembers every byte of evidence, and loses what a test says."""

    inner: httpx.AsyncBaseTransport
    sent: list[EvidenceUpload] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    lose_request: int = 0
    lose_reply: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != EVIDENCE_PATH:
            return await self.inner.handle_async_request(request)
        body = await request.aread()
        body = gzip.decompress(body) if "content-encoding" in request.headers else body
        self.raw.append(body)
        if self.lose_request:
            self.lose_request -= 1
            raise httpx.ConnectError("cut")
        self.sent.append(EvidenceUpload.model_validate_json(body))
        response = await self.inner.handle_async_request(request)
        if self.lose_reply:
            self.lose_reply -= 1
            await response.aread()
            raise httpx.ReadError("cut")
        return response


@dataclass
class Told:
    """A laptop, its way, and the server."""

    stage: Stage
    device: Device
    wire: Wire
    server: Server
    settings: Settings

    async def ask(self, text: str = SUMMARY, **more: Any) -> object:
        return await self.device.assistant().ask(text, **{"purpose": "summarise", "job": JOB} | more)

    async def settle(self) -> list[str]:
        """What went wrong with evidence while the laptop had everything told that it could."""
        self.device.agent.session.send_now()
        steps = await self.device.agent.settle()
        return [str(step.evidence) for step in steps if isinstance(step.evidence, str)]

    async def later(self, minutes: float = 11) -> list[str]:
        self.server.clock.move(timedelta(minutes=minutes))
        return await self.settle()

    def rows(self) -> list[tuple[int, int, str]]:
        with self.server.office.service.store.connected() as connection:
            found = connection.exec_driver_sql("SELECT strand, number, kind FROM trace ORDER BY strand, number")
            return [(row[0], row[1], row[2]) for row in found]

    def counted(self, name: str) -> int:
        with self.server.office.service.store.transaction() as tx:
            return sum(value for (each, _), value in tx.measured(TENANT).items() if each == name)

    def here(self) -> Any:
        with self.server.office.service.store.transaction() as tx:
            return tx.strand(TENANT, self.device.identity.device)

    def acts(self) -> list[dict[str, Any]]:
        with self.server.office.service.store.transaction() as tx:
            return [json.loads(body) for *_, body in tx.audit(TENANT)]

    def reopen(self) -> None:
        """Another life of the program."""
        self.device.store.close()
        ports = self.server.office.service.ports
        self.device = bootstrap.open_device(self.settings, PIN, ports, transport=self.wire, run_blocking=in_place)

    async def bring(self, change: Callable[[EvidenceUpload], EvidenceUpload]) -> tuple[int, dict[str, Any]]:
        """The whole evidence at once, as a test changes it, under the laptop's own signature."""
        evidence = self.device.workbench.routes.evidence
        head = evidence.signed_head()
        assert head is not None
        traces = tuple(evidence.traces(0, 100))
        because: Because = "follows" if self.here() else "first"
        upload = change(EvidenceUpload(because=because, entries=traces, head=head.to_wire()))
        raw, ports = upload.to_bytes(), self.server.office.service.ports
        request = self.stage.http.build_request("POST", EVIDENCE_PATH, content=raw)
        sign_request(request, raw, self.device.keys.device, ports.clock.now(), ports.randomness.draw(16).hex())
        response = await self.stage.http.send(request)
        said: dict[str, Any] = response.json()
        return response.status_code, said


@pytest.fixture
async def told(office: Office, server: Server, tmp_path: Path) -> AsyncIterator[Told]:
    policies = shipped_policies()
    policies.read(office.service)
    async with staged(office, upstream("one"), policies=policies) as stage:
        settings, ports = Settings(tmp_path / "laptop", NO_MODEL), office.service.ports
        wire = Wire(stage.http._transport)
        code = office.enrol_code(TENANT, "a.okafor")
        await bootstrap.enrol(settings, "http://server", code, PIN, "test", ports, transport=wire)
        device = bootstrap.open_device(settings, PIN, ports, transport=wire, run_blocking=in_place)
        await device.agent.settle()
        made = Told(stage, device, wire, server, settings)
        yield made
        await made.device.close()


def same(upload: EvidenceUpload) -> EvidenceUpload:
    return upload


# -- it comes, once


async def test_what_was_decided_and_done_comes_and_can_be_verified(told: Told) -> None:
    assert isinstance(await told.ask(), Answer)
    assert await told.settle() == []
    entries = told.device.store.evidence()
    assert told.rows() == [(1, each.number, each.kind) for each in entries]
    assert {"decision", "attempt", "probe"} <= {each.kind for each in entries}
    here, head = told.here(), told.device.workbench.routes.evidence.head()
    assert head is not None
    assert (here.number, here.hash, here.stated, here.lost) == (head.number, head.hash, head.number, 0)
    before = len(told.wire.sent)
    assert await told.later() == []
    assert len(told.wire.sent) == before  # there is nothing to tell


async def test_nothing_is_told_where_nothing_was_decided(told: Told) -> None:
    await told.settle()
    assert (told.wire.sent, told.here()) == ([], None)


async def test_words_and_names_are_in_no_byte_that_goes_up_and_in_nothing_that_is_kept(told: Told) -> None:
    await told.ask(CANARY, consent="job", purpose="answer")
    await told.ask(CANARY, job=None)
    await told.settle()
    assert {row[2] for row in told.rows()} >= {"decision", "attempt", "consent"}
    kept = b"".join(told.wire.raw)
    with told.server.office.service.store.connected() as connection:
        for table in ("trace", "strand", "measure"):
            kept += repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all()).encode()
    for word in (*WORDS, "WO-1", "okafor", told.device.workbench.routes.consents.listed()[0].consent.id):
        assert word.encode() not in kept, word


async def test_a_long_chain_goes_in_bounded_pieces_and_goes_on_after_a_cut(told: Told) -> None:
    attempt = {"decision": "ab", "route": "device", "data_class": "internal", "problem": "", "task": None}
    for _ in range(250):
        told.device.workbench.routes.evidence.note("attempt", **attempt)
    told.wire.lose_request = 1
    assert "No answer" in (await told.settle())[0]
    assert told.rows() == []
    told.wire.lose_reply = 1
    assert len(await told.later()) == 1
    told.reopen()  # nothing of it was in memory alone
    assert await told.later() == []
    assert [row[1] for row in told.rows()] == [*range(1, 251)]
    assert all(len(each.entries) <= 100 for each in told.wire.sent)
    assert told.counted("tailboard_traces_total") == 250


async def test_what_is_told_again_changes_nothing(told: Told) -> None:
    await told.ask()
    await told.settle()
    before = told.rows(), told.here(), told.counted("tailboard_traces_total")
    status, place = await told.bring(same)
    assert (status, place["number"]) == (200, before[1].number)
    assert (await told.bring(lambda each: each.model_copy(update={"entries": each.entries[:1]})))[0] == 200
    after = told.rows(), told.here(), told.counted("tailboard_traces_total")
    assert (after[0], after[1].number, after[2]) == (before[0], before[1].number, before[2])


# -- what does not follow


async def test_an_entry_that_was_changed_is_refused_and_nothing_of_it_is_kept(told: Told) -> None:
    await told.ask()

    def edited(upload: EvidenceUpload) -> EvidenceUpload:
        first, *rest = upload.entries
        other = first.model_copy(update={"sealed": "0" * 64})
        return upload.model_copy(update={"entries": (other, *rest)})

    status, said = await told.bring(edited)
    assert (status, said["code"]) == (409, "evidence_fork")
    assert (told.rows(), told.here()) == ([], None)


async def test_an_entry_that_is_left_out_is_refused_by_name(told: Told) -> None:
    await told.ask()

    def holey(upload: EvidenceUpload) -> EvidenceUpload:
        return upload.model_copy(update={"entries": (*upload.entries[:1], *upload.entries[2:])})

    assert (await told.bring(holey))[1]["code"] == "evidence_gap"
    await told.settle()
    for _ in range(3):
        await told.ask()

    def behind(upload: EvidenceUpload) -> EvidenceUpload:
        whole = upload.entries
        after = len(whole) - 1
        prev = hashes(upload.prev, whole)[after - 1]
        return upload.model_copy(update={"after": after, "prev": prev, "entries": whole[after:]})

    assert (await told.bring(behind))[1]["code"] == "evidence_gap"


async def test_a_head_that_another_key_signed_is_refused(told: Told) -> None:
    await told.ask()
    forged = seal(EVIDENCE_TYPE, b"{}", SigningKey(b"\x07" * 32)).to_wire()
    assert (await told.bring(lambda each: each.model_copy(update={"head": forged})))[1]["code"] == "bad_signature"


@pytest.mark.parametrize(
    "told_text", ['{"note": "Ms Harrington fell"}', '{"decision": "Ms Harrington"}', "Ms Harrington", "{}"]
)
async def test_what_has_no_place_in_a_trace_is_refused(told: Told, told_text: str) -> None:
    await told.ask()

    def wordy(upload: EvidenceUpload) -> EvidenceUpload:
        first, *rest = upload.entries
        return upload.model_copy(update={"entries": (first.model_copy(update={"told": told_text}), *rest)})

    status, said = await told.bring(wordy)
    assert (status, said["code"]) == (422, "malformed")
    assert "Harrington" not in json.dumps(said)


async def test_a_revoked_laptop_tells_nothing(told: Told) -> None:
    await told.ask()
    told.server.office.revoke_device(TENANT, told.device.identity.device, "root", "lost")
    assert (await told.bring(same))[1]["code"] == "device_revoked"
    assert told.rows() == []


# -- set back, and lost


async def test_a_laptop_that_was_set_back_goes_on_in_a_strand_of_its_own(told: Told) -> None:
    await told.ask()
    told.device.store.close()
    image = told.settings.database.read_bytes()
    told.reopen()
    await told.ask()
    await told.settle()
    whole, first = told.rows(), told.here()
    told.device.store.close()
    for each in told.settings.database.parent.glob(f"{told.settings.database.name}*"):
        each.unlink()
    told.settings.database.write_bytes(image)
    told.reopen()
    told.server.clock.move(timedelta(minutes=11))
    await told.ask("Summarise this and that. " * 40)
    errors = await told.settle()
    assert len(errors) <= 1
    here = told.here()
    assert here.strand == 2
    assert here.number == told.device.workbench.routes.evidence.head().number  # type: ignore[union-attr]
    assert [row for row in told.rows() if row[0] == 1] == whole  # what was told stays
    assert min(row[1] for row in told.rows() if row[0] == 2) > 1  # what both strands share came once
    (act,) = [each for each in told.acts() if each.get("act") == "evidence strand"]
    assert (act["because"], act["told_before"]["number"]) == ("set_back", first.number)


async def test_what_was_forgotten_before_it_was_told_is_counted_as_lost(told: Told) -> None:
    await told.ask()
    await told.settle()
    evidence, held = told.device.workbench.routes.evidence, told.here().number
    for _ in range(4):
        await told.ask()
    told.server.clock.move(timedelta(days=3))
    await told.ask()
    evidence.forget_old(2)
    missing = evidence.head().base - held  # type: ignore[union-attr]
    assert missing > 0
    assert await told.settle() == []
    assert (told.here().strand, told.here().lost) == (2, missing)
    assert told.here().number == told.here().stated


async def test_a_server_that_lost_traces_gets_them_again(told: Told) -> None:
    await told.ask()
    await told.settle()
    before = told.rows()
    with told.server.office.service.store.connected() as connection:
        connection.exec_driver_sql("DELETE FROM trace")
        connection.exec_driver_sql("DELETE FROM strand")
    await told.ask()
    await told.settle()
    await told.later()
    assert told.rows()[: len(before)] == before
    assert told.here().number == told.here().stated


# -- what it is good for


async def test_late_and_missing_entries_are_counted(told: Told) -> None:
    await told.ask()
    told.device.workbench.go(online=False)
    told.server.clock.move(timedelta(hours=25))
    early = told.device.workbench.routes.evidence.count()
    told.device.workbench.go(online=True)
    await told.ask()
    await told.settle()
    assert told.counted("tailboard_traces_late_total") == early
    assert told.counted("tailboard_traces_total") == told.device.workbench.routes.evidence.count()


async def test_uploaded_decisions_can_be_made_again(told: Told) -> None:
    await told.ask()
    await told.ask(CANARY, purpose="answer", consent="job")
    await told.ask("What does cavitation sound like?", purpose="answer", job=None)
    await told.settle()
    decisions = told.server.office.decisions_told(TENANT)
    own = told.device.store.decisions()
    assert [each.route for each in decisions] == [each.route for each in own]
    assert [each.request.actor for each in decisions] == ["a.okafor"] * len(own)
    again = replay(shipped_bundle(), decisions)
    assert (again.replayed, again.flips, again.damaged) == (len(own), (), ())


async def test_the_place_is_the_servers_word(told: Told) -> None:
    await told.ask()
    await told.settle()
    kept = EvidencePlace.model_validate_json(told.device.store.meta("evidence_place") or "")
    assert (kept.number, kept.hash) == (told.here().number, told.here().hash)
