"""The engines behind the gateway of a world: one of the organisation's own, and a cloud that nobody switched on.

They are somebody else's machines: they outlive every crash of the server, and write down what reaches them.
"""

from collections.abc import Mapping

import httpx

from shared.routing import Boundary, Route, Tier
from simulators.crossings import Arrived, Note
from simulators.engine import Engine, EngineLink, Mood
from simulators.faults import Chaos
from sync_server.cluster.upstreams import Cluster, Upstream, UpstreamSettings

ENGINES = "engines"
_HOUSE, _CLOUD = "house.internal", "cloud.example"
_BOUNDARIES: Mapping[str, Boundary] = {_HOUSE: Route.PRIVATE_CLUSTER, _CLOUD: Route.MANAGED_CLOUD}
_MOODS = (
    ("upstream_down", Mood.DOWN),
    ("upstream_closes", Mood.CLOSES),
    ("upstream_hangs", Mood.HANGS),
    ("upstream_redirects", Mood.REDIRECTS),
)


def _upstream(name: str, scheme: str, host: str) -> Upstream:
    told = UpstreamSettings(
        url=f"{scheme}://{host}",
        boundary=Route.PRIVATE_CLUSTER if host == _HOUSE else Route.MANAGED_CLOUD,
        model=name,
        tier=Tier.HIGH,
        context_tokens=8192,
    )
    return Upstream(name, told)


UPSTREAMS = Cluster((_upstream("house", "http", _HOUSE), _upstream("cloud", "https", _CLOUD)))


class ChancyLink(httpx.AsyncBaseTransport):
    """The wire to them; in which mood one is, is thrown for each question that comes."""

    def __init__(self, chaos: Chaos, note: Note) -> None:
        self._chaos, self._note = chaos, note

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The engine's answer."""
        host, mood = request.url.host, Mood.HONEST
        if request.method == "POST":
            mood = next((mood for fault, mood in _MOODS if self._chaos.strikes(fault, ENGINES)), mood)
            self._note(Arrived(_BOUNDARIES.get(host, Route.MANAGED_CLOUD), await request.aread()))
        engine = Engine("house" if host == _HOUSE else "cloud", mood, pause_s=0.5)
        return await EngineLink({host: engine}).handle_async_request(request)
