"""Builds a device from its parts. The only place on the device where things are made and settings are read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import TypeVar

import httpx

from device import keys as device_keys
from device.agent import Agent
from device.assist import Assistant
from device.attachments import Attachments
from device.capability import Laptop, free_memory_mib, peak_memory_mib
from device.cluster_client import ClusterClient
from device.consents import Consents
from device.core.prompt import INSTRUCTIONS
from device.errors import LocalError, RemoteError
from device.evidence import Evidence
from device.keys import DeviceKeys
from device.library import vectors
from device.library.answering import Answering
from device.library.librarian import Librarian
from device.library.library import Library
from device.model import registry
from device.model.evals.gate import EvalReport, evaluate, failure
from device.model.keeper import Keeper, Machine, Told
from device.model.models import Models
from device.model.port import FORMS_WORK, LanguageModel, ModelError
from device.routes import Routes
from device.settings import Settings
from device.standing import approved, refused
from device.store import DeviceStore, Identity
from device.telling import Telling
from device.transfers import Transfers
from device.transport import Meter, SyncClient
from device.updates.bundles import Ruling, accepts, ruling
from device.updates.refresher import Refresher
from device.updates.shelf import Shelf
from device.vocabulary import OfficeVocabulary
from device.workbench import Workbench
from policies.bundle import FILES, Bundle, parse_bundle
from shared.envelope import ENROLMENT_TYPE, seal
from shared.ids import fingerprint
from shared.ports import Ports, RunBlocking
from shared.problems import Code
from shared.sync import Enrolment, EnrolReply, EnrolRequest

T = TypeVar("T")
_ANY_ANSWER = {
    "type": "object",
    "properties": {"answer": {"enum": ["none"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


def on_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run blocking work on a thread of the running loop."""
    return asyncio.get_running_loop().run_in_executor(None, work)


@dataclass
class Device:
    """An enrolled, unlocked device, ready for a screen, a command line or a simulator."""

    settings: Settings
    ports: Ports
    store: DeviceStore
    keys: DeviceKeys
    identity: Identity
    workbench: Workbench
    agent: Agent
    client: SyncClient
    meter: Meter
    transfers: Transfers
    updates: Refresher
    telling: Telling
    cluster: ClusterClient
    models: Models
    library: Library
    run_blocking: RunBlocking
    #: Hears sentences about the model, from any thread: that it was started again, or gave way to another.
    hear: Callable[[str], None] = field(default=lambda _: None)
    _keeper: Keeper | None = None

    def assistant(self) -> Assistant:
        """What asks questions where they may run."""
        parts = (self.workbench, self.store, self.cluster, self.load_model, self.ports, self.run_blocking)
        return Assistant(*parts, self.answering())

    def answering(self) -> Answering:
        """What answers from the manuals on this laptop."""
        return Answering(self.library)

    def load_model(self) -> LanguageModel:
        """Load the language model and hand it to the workbench. Blocking: seconds.

        Raises:
            ModelError: no file can be used, or a person wants none. Everything else goes on working.
        """
        if self._keeper is None:
            self._keeper = self._new_keeper()
        model = self._keeper
        # The first question finds its prefix worked out, and it is known how fast this laptop is.
        tried = model.generate(INSTRUCTIONS, _ANY_ANSWER, tokens_max=8)
        self.workbench.routes.laptop.tried(model, tried)
        self.workbench.model = model
        self.store.set_meta("model", model.name[:120])
        return model

    def _new_keeper(self) -> Keeper:
        if self.settings.without_model:
            raise ModelError(f"This laptop was told to run without a model (TAILBOARD_MODEL=none); {FORMS_WORK}.")
        configured = self.settings.model
        chosen = [lambda: registry.at(configured)] if configured is not None else []
        files, wrong = registry.ladder(*chosen, *self.models.to_use())
        for sentence in wrong:
            self.hear(f"{sentence} {files[0].name} is used instead.")
        return Keeper(files, self.ports.clock, _machine(), told=self._model_told)

    def _model_told(self, told: Told) -> None:
        if told.given_up is not None:
            self.models.give_up(told.given_up.sha256, told.sentence)
        self.hear(told.sentence)

    def evaluate_model(self, sha256: str) -> EvalReport:
        """What a model that is here shows in the suites; it is kept. Blocking: tens of seconds.

        Raises:
            ModelError: its file is not here, or is damaged.
        """
        file = self.models.file(sha256)
        keeper, clock = Keeper([file], self.ports.clock, _machine()), self.ports.clock
        try:
            report = evaluate(keeper, clock, lambda: peak_memory_mib(keeper.pid), file.size_bytes / (1 << 20))
        except ModelError as error:
            report = failure(file.name, sha256, str(error), clock.now())
        finally:
            keeper.close()
        self.models.note(report)
        return report

    def tend_model(self) -> None:
        """Give the model's memory back if the machine is short of it; evaluate and use what the office rolled out.

        To be called every now and then, away from the screen; blocking.
        """
        if self._keeper is not None:
            self._keeper.relieve()
        if self.settings.without_model or (due := self.models.due()) is None:
            return
        report = self.evaluate_model(due)
        if (name := self.models.settle(due)) is not None:
            self.hear(f"The model {name} passed its evaluation and is used from now on.")
            self._change_model()
        elif report.failed:
            self.hear(f"The model {report.model} is not used: {report.failed[0]}.")

    def _change_model(self) -> None:
        before, self._keeper = self._keeper, None
        if before is None:
            return
        try:
            self.load_model()
        finally:
            before.close()

    def ruling(self) -> Ruling:
        """Which policy bundle is in force for what, and where it came from."""
        return ruling(self.updates.shelf, default_bundle(), self.identity.device)

    def move_to(self, url: str) -> None:
        """The server has a new address. Its keys stay pinned, so another server there would not be believed."""
        self.client.move_to(url)

    async def close(self) -> None:
        """End the model's process, and close the connections and the database."""
        if self._keeper is not None:
            self._keeper.close()
        await self.cluster.close()
        await self.client.close()
        self.store.close()


def _machine() -> Machine:
    return Machine(free_memory_mib, registry.processors())


@cache
def default_bundle() -> Bundle:
    """The policy bundle that ships; parsed once."""
    folder = resources.files("policies.default")
    return parse_bundle({name: (folder / name).read_text(encoding="utf-8") for name in FILES})


def open_device(
    settings: Settings,
    pin: str,
    ports: Ports,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    run_blocking: RunBlocking = on_thread,
) -> Device:
    """Unlock an enrolled device.

    Args:
        settings: where it lives.
        pin: opens the sealed keys.
        ports: clock and randomness.
        transport: carries HTTP; the machine's network if None.
        run_blocking: how database work leaves the event loop.

    Raises:
        LocalError: not enrolled, or the wrong PIN.
        StoreError: the database does not open.
    """
    keys = device_keys.unlock(settings.keys, pin)
    store = DeviceStore.open(settings.database, keys.database)
    identity = store.identity()
    if identity is None:
        store.close()
        raise LocalError("Enrolment did not finish. Run `tailboard enrol URL CODE` again.")
    meter = Meter()
    carrier = transport or httpx.AsyncHTTPTransport()
    client = SyncClient(identity.server_url, carrier, meter, ports)
    cluster = ClusterClient(client, carrier, meter, keys, ports)
    client.offset = timedelta(seconds=float(store.meta("clock_offset_s") or 0))
    attachments = Attachments(store)
    shelf = Shelf(store)
    models = Models(store, settings.models, identity.device, shelf.catalogue)
    updates = Refresher(store, client, keys, identity, ports, run_blocking, accepts, models)
    told = ruling(updates.shelf, default_bundle(), identity.device)
    store.set_meta("bundle", told.bundle.version)
    routes = build_routes(store, identity, keys, told, ports)
    routes.evidence.forget_old(settings.evidence_days)
    workbench = Workbench(store, identity, keys, routes, ports, attachments)
    workbench.vocabulary = routes.vocabulary = OfficeVocabulary(updates.shelf).current
    updates.installed = lambda _: workbench.rule_by(ruling(updates.shelf, default_bundle(), identity.device))
    transfers = Transfers(attachments, client, keys, ports, run_blocking)
    library = Library(store, attachments, vectors.find)
    librarian = Librarian(library, store, client, keys, ports, run_blocking)
    telling = Telling(store, routes.evidence, client, keys, ports, run_blocking)
    agent = Agent(store, client, keys, identity, ports, run_blocking, transfers, updates, telling, librarian)
    routes.laptop.tier_of = models.tier_of
    if settings.without_model:
        routes.laptop.failed()  # what was stated while there was one does not hold
    carried = (client, meter, transfers, updates, telling, cluster, models, library)
    return Device(settings, ports, store, keys, identity, workbench, agent, *carried, run_blocking)


def build_routes(store: DeviceStore, identity: Identity, keys: DeviceKeys, told: Ruling, ports: Ports) -> Routes:
    """What decides where a question may run."""
    evidence = Evidence(store, keys, ports.clock)
    consents = Consents(store, identity, keys, evidence, ports)
    return Routes(store, identity, told, Laptop(store, keys, ports.clock), consents, evidence, ports.clock)


async def enrol(
    settings: Settings,
    url: str,
    code: str,
    pin: str,
    name: str,
    ports: Ports,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Identity:
    """Make keys here, exchange the one-time `code` at `url` for an identity, and keep it.

    A try whose answer was lost can be repeated with the same code and PIN: the keys are kept.

    Raises:
        LocalError: enrolled already, wrong PIN for the keys of an earlier try, or a code that does not work.
        TransportError: the server cannot be reached.
    """
    check_url(url)
    settings.home.mkdir(parents=True, exist_ok=True)
    again = settings.keys.exists()
    keys = device_keys.unlock(settings.keys, pin) if again else device_keys.make(settings.keys, pin, ports.randomness)
    store = DeviceStore.open(settings.database, keys.database)
    try:
        if store.identity():
            raise LocalError("This device is enrolled already. Use another --home to enrol another.")
        reply = await _exchange(url, code, name, keys, ports, transport)
        identity = _identity(url, reply)
        with store.transaction():
            store.set_meta("identity", identity.model_dump_json())
            if reply.approved:
                approved(store, reply.server_time)
            else:
                refused(store, Code.DEVICE_WAITING, reply.server_time)
    finally:
        store.close()
    return identity


def code_to_compare(settings: Settings, pin: str) -> str:
    """What the office compares before it approves this laptop: the beginning of its public key, in hexadecimal.

    Raises `LocalError`: not enrolled, or the wrong PIN.
    """
    return fingerprint(device_keys.unlock(settings.keys, pin).device.public)


def check_url(url: str) -> None:
    """Raises `LocalError` if `url` cannot be a server's address."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise LocalError(f"{url} is not an address. It looks like https://sync.example.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise LocalError(f"{url} is not an address. It looks like https://sync.example.")


async def _exchange(
    url: str, code: str, name: str, keys: DeviceKeys, ports: Ports, transport: httpx.AsyncBaseTransport | None
) -> EnrolReply:
    try:
        enrolment = Enrolment(
            code=code,
            device_key=keys.device.public.hex(),
            technician_key=keys.technician.public.hex(),
            device_name=name[:60],
        )
    except ValueError as error:
        raise LocalError("That is not an enrolment code. It looks like ABCD-EFGH-JKMN; ask the office.") from error
    envelope = seal(ENROLMENT_TYPE, enrolment.to_bytes(), keys.device, keys.technician)
    client = SyncClient(url, transport or httpx.AsyncHTTPTransport(), Meter(), ports)
    try:
        return await client.enrol(EnrolRequest(enrolment=envelope.to_wire()), keys.device)
    except RemoteError as error:
        raise LocalError(str(error)) from error
    finally:
        await client.close()


def _identity(url: str, reply: EnrolReply) -> Identity:
    shared = reply.model_dump(exclude={"receipt_key_id", "server_time", "approved"})
    return Identity(server_url=url, **shared)
