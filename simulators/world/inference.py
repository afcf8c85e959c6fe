"""The cluster of a world: a model behind a queue of its own, in the tempers that chance gives it.

It outlives every crash of the server: it is somebody else's machine. What reached it, it remembers.
"""

from dataclasses import dataclass

from simulators.cluster import Cluster, Temper
from simulators.faults import Chaos

CLUSTER = "cluster"
_TEMPERS = (
    ("engine_busy", Temper.BUSY),
    ("engine_breaks", Temper.BREAKS),
    ("engine_wrong", Temper.WRONG),
    ("engine_silent", Temper.SILENT),
    ("engine_late", Temper.LATE),
)


@dataclass
class ChancyCluster(Cluster):
    """A cluster whose tempers are thrown for each question that comes."""

    chaos: Chaos | None = None

    def choose_temper(self) -> Temper:
        """What happens to the next question."""
        chaos = self.chaos
        if chaos is None:
            return self.temper
        temper = next((temper for fault, temper in _TEMPERS if chaos.strikes(fault, CLUSTER)), self.temper)
        if temper is Temper.LATE:
            self.late_s = chaos.about("engine_late", CLUSTER).between(300.0, chaos.profile.engine_late_s_max)
        return temper
