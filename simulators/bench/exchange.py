"""What one exchange with an engine costs this process: the gateway's own connections beside httpx's transport."""

import time
from urllib.parse import urlsplit

import httpx

from simulators.bench.figures import Figure, figure
from sync_server.cluster.connections import Connections
from sync_server.cluster.through_httpx import ThroughHttpx
from sync_server.cluster.wire import Request, Wire

_BODY = b'{"model":"bench","messages":[{"role":"user","content":"Which filter?"}]}'
_HEADERS = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY)), (b"host", b"bench"))


async def exchange_cpu(url: str, exchanges: int) -> Figure:
    """Microseconds of processor time for an exchange, in turns of a hundred so that other load falls on both."""
    place = urlsplit(url)
    assert place.hostname is not None
    assert place.port is not None
    request = Request("POST", (place.scheme, place.hostname, place.port), place.path, _HEADERS, _BODY, 5.0)
    ours, theirs = Connections(), ThroughHttpx(httpx.AsyncHTTPTransport())
    try:
        spent: dict[Wire, float] = dict.fromkeys((ours, theirs), 0.0)
        for turn in range(exchanges // 100 + 1):
            for each in spent:
                began = time.process_time()
                for _ in range(100):
                    await _exchange(each, request)
                spent[each] += (time.process_time() - began) if turn else 0.0  # the first warms up
    finally:
        await ours.aclose()
        await theirs.aclose()
    counted = exchanges // 100 * 100
    return figure(spent[ours] / counted * 1e6, "us", spent[theirs] / counted * 1e6)


async def _exchange(wire: Wire, request: Request) -> None:
    answer = await wire.exchange(request)
    while await answer.body.read() is not None:
        pass
    await answer.body.close()
