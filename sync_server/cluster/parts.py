"""The gateway with what belongs to it, as `bootstrap` puts it together."""

from dataclasses import dataclass

from sync_server.cluster.embedded import Embedded
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.reception import Reception
from sync_server.cluster.wire import Wire


@dataclass(frozen=True, slots=True)
class ClusterParts:
    """The gateway, its side of the database, the way to the engines, and our own engine if there is one."""

    gateway: Gateway
    reception: Reception
    wire: Wire
    embedded: Embedded | None = None
