"""Links between a device and its server that misbehave, as HTTP transports above a real one."""

import httpx


class Refusing(httpx.AsyncBaseTransport):
    """No network: every connection is refused, and counted in `tried`."""

    def __init__(self) -> None:
        self.tried = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse."""
        self.tried += 1
        raise httpx.ConnectError("there is no network", request=request)


class LosesFirstReply(httpx.AsyncBaseTransport):
    """The first reply is lost on the way back, after the server has done its work; then all is well."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.lost = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on; wait for the whole reply; lose it if it is the first."""
        response = await self._inner.handle_async_request(request)
        await response.aread()
        if self.lost == 0:
            self.lost = 1
            raise httpx.ReadTimeout("the reply was lost", request=request)
        return response

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


class Switch(httpx.AsyncBaseTransport):
    """A cable that can be plugged into another transport while the device runs."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on to whatever is plugged in."""
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is plugged in."""
        await self.inner.aclose()
