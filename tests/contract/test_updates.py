"""The update repository on each kind of database, as its files are read over HTTP."""

import json

import httpx

from device.bootstrap import default_bundle
from policies.bundle import pack
from policies.rollout import Rollout
from shared.ids import sha256_hex
from shared.request_signature import sign_request
from shared.updates import TIMESTAMP, UPDATES_PATH
from sync_server.office.policies import Scope
from tests.served import TENANT, Laptop, Server


async def get(laptop: Laptop, name: str, **headers: str) -> httpx.Response:
    http, ports = laptop.server.http, laptop.server.office.service.ports
    request = http.build_request(
        "GET", UPDATES_PATH + name, headers={each.replace("_", "-"): headers[each] for each in headers}
    )
    sign_request(request, b"", laptop.device_key, ports.clock.now(), ports.randomness.draw(16).hex())
    return await http.send(request)


async def test_what_is_published_is_read_back_as_it_was_signed(laptop: Laptop, server: Server) -> None:
    raw = pack(default_bundle().files)
    assert (await laptop.round()).bundle is None
    assert (await get(laptop, TIMESTAMP)).status_code == 404
    assert (await get(laptop, "first-root")).status_code == 404
    server.office.publish_bundle(TENANT, "root", raw)
    rollout = server.office.roll_out(TENANT, "root", 1, "in_force", Scope(), "a test")
    assert rollout == Rollout(serial=2, in_force=1)
    assert (await laptop.round()).bundle == "2"
    targets = json.loads((await get(laptop, "metadata/3.targets.json")).content)["signed"]["targets"]
    assert targets["bundles/1.json"] == {"length": len(raw), "hashes": {"sha256": sha256_hex(raw)}}
    name = f"targets/bundles/{sha256_hex(raw)}.1.json"
    whole = await get(laptop, name)
    assert (whole.status_code, whole.content) == (200, raw)
    part = await get(laptop, name, range="bytes=10-19")
    assert (part.status_code, part.content) == (206, raw[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(raw)}"
    assert part.headers["etag"] == whole.headers["etag"]
    assert (await get(laptop, name, if_none_match=whole.headers["etag"])).status_code == 304
    assert (await get(laptop, name, range=f"bytes={len(raw)}-")).status_code == 416


async def test_publications_are_in_the_audit(laptop: Laptop, server: Server) -> None:
    server.office.publish_bundle(TENANT, "root", pack(default_bundle().files))
    server.office.roll_out(TENANT, "root", 1, "in_force", Scope(), "a test")
    server.office.roll_back_bundle(TENANT, "root", 1, "another")
    server.office.rotate_update_keys(TENANT, "root", "a third")
    with server.office.service.store.transaction() as tx:
        acts = [json.loads(body).get("act") for *_, body in tx.audit(TENANT)]
    assert acts[-4:] == ["bundle published", "bundle rolled out", "bundle rolled back", "update keys"]
    assert server.office.verify_audit(TENANT).broken_at is None
