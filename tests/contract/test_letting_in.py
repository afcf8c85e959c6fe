"""Laptops that wait to be approved, and laptops whose key ran out."""

from datetime import timedelta

import pytest

from shared.ids import fingerprint
from shared.problems import Refused
from shared.records import WorkOrder
from shared.sync import EnrolReply
from sync_server.service import KEY_LIFETIME
from sync_server.store import DeviceState
from tests.builders import JOB
from tests.served import TENANT, Laptop, Server, id_in, new_laptop, received


async def waiting_laptop(server: Server) -> Laptop:
    made = new_laptop(server, b"\x09")
    answer = await made.enrol(server.office.enrol_code(TENANT, made.actor, waits=True))
    assert EnrolReply.model_validate_json(answer.content).approved is False
    return made


def taken(server: Server) -> int:
    with server.office.service.store.reading() as tx:
        return received(tx, None)


async def test_nothing_is_taken_of_a_laptop_that_waits_to_be_approved(server: Server) -> None:
    before, laptop = taken(server), await waiting_laptop(server)
    sent = laptop.say("note.added", JOB, text="too early")
    assert await laptop.refused() == "device_waiting"
    assert await laptop.refused(sent) == "device_waiting"
    assert taken(server) == before
    server.office.approve_device(TENANT, laptop.name, "root", fingerprint(laptop.device_key.public))
    await laptop.sync()
    assert JOB in laptop.replica
    assert (await laptop.round(sent)).answers[0].status == "settled"


async def test_an_approval_is_of_the_key_whose_code_was_compared(server: Server) -> None:
    laptop = await waiting_laptop(server)
    for code, said in (("0" * 16, "not the code"), ("", "not the code")):
        with pytest.raises(Refused, match=said):
            server.office.approve_device(TENANT, laptop.name, "root", code)
    right = fingerprint(laptop.device_key.public)
    with pytest.raises(Refused, match="takes admin"):
        server.office.approve_device(TENANT, laptop.name, "m.reyes", right)
    with pytest.raises(Refused, match="waits to be approved"):
        server.office.readmit_device(TENANT, laptop.name, "root", "by the back door")
    server.office.approve_device(TENANT, laptop.name, "root", f"{right[:8].upper()} {right[8:]}")
    with pytest.raises(Refused, match="waits for no approval"):
        server.office.approve_device(TENANT, laptop.name, "root", right)


async def test_what_a_laptop_brings_whose_key_ran_out_is_settled_and_it_gets_nothing(
    server: Server, laptop: Laptop
) -> None:
    sent = laptop.say("note.added", JOB, text="before it ended")
    server.clock.move(KEY_LIFETIME + timedelta(seconds=1))
    late = laptop.say("note.added", JOB, text="after it ended")
    assert await laptop.refused(sent, late) == "key_expired"
    notes = WorkOrder.model_validate(server.office.record(TENANT, JOB).fields).notes
    assert [each.text for each in notes] == ["after it ended"], "the other's own time was over"
    assert await laptop.refused() == "key_expired"
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "high")
    until = server.office.renew_key(TENANT, laptop.name, "root", "spoke to them")
    assert until == server.clock.now() + KEY_LIFETIME
    answers = (await laptop.round(in_doubt=(id_in(sent), id_in(late)))).answers
    assert [each.status for each in answers] == ["settled", "settled"]
    await laptop.sync()
    assert laptop.replica[JOB].fields["priority"] == "high"


async def test_a_key_that_is_ended_shuts_out_until_it_is_renewed(server: Server, laptop: Laptop) -> None:
    server.office.expire_key(TENANT, laptop.name, "root", "left in a taxi")
    assert await laptop.refused() == "key_expired"
    assert server.office.device(TENANT, laptop.name).device.state is DeviceState.ACTIVE
    with pytest.raises(Refused, match="run out already"):
        server.office.expire_key(TENANT, laptop.name, "root", "again")
    server.office.renew_key(TENANT, laptop.name, "root", "it was found")
    await laptop.sync()
