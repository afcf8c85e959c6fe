"""Whatever the ERP does, whoever dies and however long it takes: at most one effect per command."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import shared.commands
from shared.commands import CATALOGUE
from shared.records import WriteVerdict
from simulators.erp import Duplicates, Memory, Mood
from tests.builders import StillClock, still_ports
from tests.contract.systems.acceptance.test_adapters import Deadly, Died
from tests.contract.systems.acceptance.world import CURRENT, IN_FLIGHT_S, KEYED, NEITHER, Parts, SpareWanted
from tests.served import TENANT, made_office

WORLDS = st.sampled_from(
    [
        (KEYED, Duplicates.SAME_ANSWER),
        (KEYED, Duplicates.CONFLICT),
        (CURRENT, Duplicates.SECOND_ORDER),
        (NEITHER, Duplicates.SECOND_ORDER),
    ]
)


class OneEffect(RuleBasedStateMachine):
    """Commands, a moody ERP, dying workers and a person, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = patch.object(shared.commands, "CATALOGUE", {**CATALOGUE, SpareWanted.kind.name: SpareWanted})
        self._patch.start()
        self._folder = tempfile.TemporaryDirectory()
        ports = still_ports()
        clock = ports.clock
        assert isinstance(clock, StillClock)
        self.parts = Parts(made_office(Path(self._folder.name), ports), clock)
        self.pending_s: float | None = None

    def teardown(self) -> None:
        self.parts.office.service.store.close()
        self._folder.cleanup()
        self._patch.stop()

    @initialize(world=WORLDS)
    def choose(self, world: Any) -> None:
        guarantees, self.parts.erp.duplicates = world
        self.parts.declare(guarantees)

    @rule()
    def want(self) -> None:
        self.parts.want()

    @rule(mood=st.sampled_from(Mood), memory=st.sampled_from(Memory))
    def change_moods(self, mood: Mood, memory: Memory) -> None:
        self.parts.erp.mood, self.parts.erp.memory = mood, memory

    @rule()
    def work(self) -> None:
        asyncio.run(self.parts.step())
        self._note_pending()

    @rule(act=st.sampled_from(["lease", "mark", "execute", "lookup", "settle"]), after=st.booleans())
    def die(self, act: str, after: bool) -> None:
        desk: Any = self.parts.desk()
        system: Any = self.parts.adapter
        if act in ("execute", "lookup"):
            system = Deadly(system, act, after=after)
        else:
            desk = Deadly(desk, act, after=after)
        with suppress(Died):
            asyncio.run(self.parts.worker(system, desk).step(self.parts.clock.now()))
        self._note_pending()

    @rule(seconds=st.sampled_from([1, 5, 20, 31, 45, 59]))
    def pass_time(self, seconds: int) -> None:
        """Time passes; what the ERP owes, it does within the declared time."""
        self.parts.pass_time(seconds)
        if self.pending_s is not None and self.parts.clock.elapsed_s - self.pending_s >= IN_FLIGHT_S:
            self.parts.erp.catch_up()
            self.pending_s = None

    @rule(again=st.booleans())
    def decide(self, again: bool) -> None:
        """A person who knows what happened says so."""
        for write in self.parts.office.external_writes(TENANT)[:1]:
            command = str(write.fields["command"])
            self.parts.erp.catch_up()
            self.pending_s = None
            if self.parts.erp.effects[command]:
                self.parts.decide(command, WriteVerdict.IT_HAPPENED, self.parts.erp.references[command])
            else:
                self.parts.decide(command, WriteVerdict.RETRY if again else WriteVerdict.IT_DID_NOT)

    @invariant()
    def at_most_one_effect(self) -> None:
        assert all(count <= 1 for count in self.parts.erp.effects.values())

    @invariant()
    def what_is_called_done_was_done(self) -> None:
        for write in self.parts.office.external_writes(TENANT, everything=True):
            if write.fields["status"] == "done":
                assert self.parts.erp.effects[str(write.fields["command"])] == 1

    def _note_pending(self) -> None:
        if self.pending_s is None and self.parts.erp.owes:
            self.pending_s = self.parts.clock.elapsed_s


OneEffect.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_at_most_one_effect_whatever_happens() -> None:
    """Run the machine under one name, so that the table of promises can point at it."""
    case: Any = OneEffect.TestCase()
    case.runTest()
