"""Exchanges with engines over a transport of httpx, for whoever brings one: tests, and the simulator's wires.

The served gateway has `connections` and does not load httpx at all.
"""

import httpx

from sync_server.cluster.wire import Answer, BrokeOff, Request, TooSlow, Unreached


class ThroughHttpx:
    """A `Wire` over `transport`, which is closed with it."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def exchange(self, request: Request) -> Answer:
        """Send `request`; the head of the answer."""
        scheme, host, port = request.origin
        url = httpx.URL(scheme=scheme, host=host, port=port, raw_path=request.target.encode())
        asked = httpx.Request(
            request.method,
            url,
            headers=list(request.headers),
            stream=httpx.ByteStream(request.body),  # with `content`, httpx would work the headers over
        )
        try:
            response = await self._transport.handle_async_request(asked)
        except httpx.ConnectError as error:
            raise Unreached("no connection") from error
        except httpx.TransportError as error:
            raise _failure(error) from error
        assert isinstance(response.stream, httpx.AsyncByteStream), "an async transport answers"
        headers = {name.lower(): value for name, value in response.headers.raw}
        return Answer(response.status_code, headers, _Body(response.stream))

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


class _Body:
    """The body of an answer of httpx's."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream, self._parts = stream, aiter(stream)

    async def read(self) -> bytes | None:
        """The next piece; None at the end."""
        try:
            return await anext(self._parts, None)
        except httpx.TransportError as error:
            raise _failure(error) from error

    async def close(self) -> None:
        """Let go."""
        await self._stream.aclose()


def _failure(error: httpx.TransportError) -> TooSlow | BrokeOff:
    return TooSlow("no answer in time") if isinstance(error, httpx.TimeoutException) else BrokeOff("it ended early")
