"""A conflict in a server's store, brought by a laptop as laptops bring it."""

import asyncio

import httpx

from shared.envelope import SigningKey
from shared.outcomes import Outcome
from sync_server.api.app import build_app
from sync_server.office import Office
from tests.builders import JOB, StillClock
from tests.served import TENANT, Laptop, Server, in_place, receipt


def clash_in(office: Office) -> str:
    """The id of a conflict about a work order's priority: the office said low, the laptop urgent."""
    return asyncio.run(_clash_in(office))


async def _clash_in(office: Office) -> str:
    transport = httpx.ASGITransport(app=build_app(office.service, in_place))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        server = Server(office, StillClock(), http)
        laptop = Laptop(server, SigningKey(b"\x01" * 32), SigningKey(b"\x01t" * 16))
        assert (await laptop.enrol()).status_code == 200
        await laptop.round()
        office.set_field(TENANT, "m.reyes", JOB, "priority", "low")
        reply = await laptop.round(laptop.say("field.updated", JOB, field="priority", value="urgent"))
        assert receipt(reply.answers[0]).outcome is Outcome.CONFLICT
    (found,) = office.conflicts(TENANT)
    return found.ref.partition("/")[2]
