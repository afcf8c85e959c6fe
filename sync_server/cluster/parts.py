"""The gateway with what belongs to it, as `bootstrap` puts it together."""

from dataclasses import dataclass

import httpx

from sync_server.cluster.embedded import Embedded
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.reception import Reception


@dataclass(frozen=True, slots=True)
class ClusterParts:
    """The gateway, its side of the database, the way to the engines, and our own engine if there is one."""

    gateway: Gateway
    reception: Reception
    transport: httpx.AsyncBaseTransport
    embedded: Embedded | None = None
