"""Knowing what places can do, before it is decided: this laptop by trying its model, others by asking the server.

Nobody is asked for nothing: only if the answer could change where the question runs.
"""

from collections.abc import Callable, Sequence

from device.cluster_client import ClusterClient
from device.core.what_if import place_up, with_consent
from device.errors import LocalError, RemoteError, TransportError
from device.model.port import LanguageModel
from device.routes import Question, permitted
from device.store import DeviceStore
from device.workbench import Workbench
from shared.ports import Ports, RunBlocking
from shared.problems import Code
from shared.routing import Boundary, Decision, Obstacle, Route

#: Why the server may be asked what its places can do.
UNHEARD = frozenset({Obstacle.UNKNOWN, Obstacle.STALE})


class Scout:
    """Knows, or finds out, what each place can do."""

    def __init__(
        self,
        bench: Workbench,
        store: DeviceStore,
        cluster: ClusterClient,
        load: Callable[[], LanguageModel],
        ports: Ports,
        run_blocking: RunBlocking,
    ) -> None:
        self._bench, self._store, self._cluster, self._load = bench, store, cluster, load
        self._clock, self._run = ports.clock, run_blocking

    async def know_here(self) -> None:
        """Know what this laptop can do: try its model, unless that was done lately."""
        if self._bench.model is not None or await self._run(self._bench.routes.laptop.told) is not None:
            return
        try:
            await self._run(self._load)
        except LocalError:
            await self._run(self._model_failed)

    def _model_failed(self) -> None:
        routes = self._bench.routes
        with self._store.transaction():
            routes.laptop.failed()
            routes.evidence.note("probe", route=Route.DEVICE.value, problem="model_failed")

    async def listen(self, question: Question) -> None:
        """Know what other places can do, where that could change anything."""
        routes = self._bench.routes
        if not await self._run(lambda: self._worth_asking(question)):
            return
        try:
            raw = await self._cluster.capabilities()
            await self._run(lambda: routes.take_capabilities(raw))
        except (TransportError, RemoteError) as error:  # then nothing is known of them, and the decision says so
            code = error.problem.code if isinstance(error, RemoteError) else None
            await self._run(lambda: self._unheard(code))
        await self._run(lambda: self._store.add_exchanges(self._cluster.met()))

    def _unheard(self, code: Code | None) -> None:
        routes = self._bench.routes
        with self._store.transaction():
            if code is not None:
                routes.turned_away(code)
            problem = "no_answer" if code is None else code.value
            routes.evidence.note("probe", route=Route.PRIVATE_CLUSTER.value, problem=problem)

    def look(self, question: Question) -> Decision:
        """What would be decided about `question` now; nothing is recorded."""
        return self._bench.routes.look(question, self._bench.model, kept=True)

    def at_best(
        self, question: Question, draft: Decision, places: Sequence[Boundary], consented: Boundary | None = None
    ) -> Decision:
        """What would be decided if these places were at their best, and perhaps a consent were given."""
        now = self._clock.now()
        known = dict(draft.request.known) | {place: place_up(place, now) for place in places}
        request = draft.request.model_copy(update={"known": known})
        request = with_consent(request, consented, now) if consented else request
        return self._bench.routes.again(request, question.begun_with)

    def _worth_asking(self, question: Question) -> bool:
        """Whether a place that the policies permit, and of which nothing is known, would be used."""
        draft = self.look(question)
        unheard = _unheard(draft)
        better = self.at_best(question, draft, unheard) if unheard else draft
        return better.route is not draft.route and any(place in permitted(better) for place in unheard)


def _unheard(draft: Decision) -> list[Boundary]:
    """The places elsewhere that are permitted, and of which nothing, or nothing new, is known."""
    return [each.route for each in draft.why_not if each.obstacle in UNHEARD and each.route is not Route.DEVICE]
