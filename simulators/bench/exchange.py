"""What one exchange with an engine costs this process: the gateway's own transport beside httpx's."""

import time

import httpx

from simulators.bench.figures import Figure, figure
from sync_server.cluster.connections import Connections

_BODY = b'{"model":"bench","messages":[{"role":"user","content":"Which filter?"}]}'


async def exchange_cpu(url: str, exchanges: int) -> Figure:
    """Microseconds of processor time for an exchange, in turns of a hundred so that other load falls on both."""
    ours, theirs = Connections(), httpx.AsyncHTTPTransport()
    try:
        spent = dict.fromkeys((ours, theirs), 0.0)
        for turn in range(exchanges // 100 + 1):
            for each in spent:
                began = time.process_time()
                for _ in range(100):
                    await _exchange(each, url)
                spent[each] += (time.process_time() - began) if turn else 0.0  # the first warms up
    finally:
        await ours.aclose()
        await theirs.aclose()
    counted = exchanges // 100 * 100
    return figure(spent[ours] / counted * 1e6, "us", spent[theirs] / counted * 1e6)


async def _exchange(transport: httpx.AsyncBaseTransport, url: str) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(_BODY)), "host": "bench"}
    request = httpx.Request("POST", url, headers=headers, stream=httpx.ByteStream(_BODY))
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream), "an async transport answers"
    async for _ in response.stream:
        pass
    await response.stream.aclose()
