"""Which policy bundle this laptop decides by: the office's, or the one that came with the program.

Rules
1. A bundle of the office, once here, stays in force until a newer one is. Past its own validity it narrows itself.
2. A bundle that this program cannot read any more (the program was set back, say), or that is not here, is not
   replaced by a wider one: what it was for is decided as if the time of another were over, which leaves nothing but
   this laptop. That holds for a stage as well: its tasks do not fall back to what is in force for the others.
3. A stage is for this laptop by its name alone, as it is on the server.
4. What is in shadow decides too and is followed by nobody. If it cannot be read, it does not decide.

Nothing is parsed when a task comes: everything that may decide here is parsed when it is put in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.updates.shelf import InForce, Shelf
from policies.bundle import BadBundle, Bundle, narrowed, unpack
from policies.rollout import Rollout, applies
from shared.routing import DataClass, Purpose


@dataclass(frozen=True, slots=True)
class Judges:
    """The bundle that decides about a task, and those whose decision is recorded and not followed."""

    bundle: Bundle
    shadow: tuple[Bundle, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """The bundle in force for everything, where it came from (`program` or `office`), and what is tried beside it.

    `serial` is that of the roll-out, None before one came. `trouble` is a sentence if one of the office's cannot be
    read. `here` are the readable bundles that the roll-out names for this laptop.
    """

    bundle: Bundle
    source: str
    serial: int | None = None
    trouble: str | None = None
    rollout: Rollout = field(default_factory=Rollout)
    here: Mapping[int, Bundle] = field(default_factory=dict)

    def judges(self, purpose: Purpose, data_class: DataClass, device: str) -> Judges:
        """Which bundles decide about such a task on the laptop `device`."""
        named = self.rollout.versions()  # what is not here must not make room for what is in force elsewhere
        applied = applies(self.rollout, purpose, data_class, (device,), named)
        shadow = tuple(self.here[version] for version in applied.shadow if version in self.here)
        if applied.in_force is None or applied.in_force == self.rollout.in_force:
            return Judges(self.bundle, shadow)
        return Judges(self.here.get(applied.in_force) or narrowed(self.bundle), shadow)


def accepts(version: int, raw: bytes) -> Bundle:
    """The bundle in `raw`, if it can be used and has that number. Raises `ValueError`."""
    try:
        bundle = unpack(raw)
    except BadBundle as error:
        raise ValueError(str(error)) from error
    if bundle.manifest.version != version:
        raise ValueError(f"it calls itself {bundle.manifest.version}")
    return bundle


def ruling(shelf: Shelf, shipped: Bundle, device: str) -> Ruling:
    """What is in force on the laptop of that name; `shipped` came with the program."""
    serial = shelf.serial()
    try:
        told = shelf.in_force()
    except ValueError as error:
        return Ruling(narrowed(shipped), "program", serial, _trouble("The office's bundle", error))
    if told is None:
        return Ruling(shipped, "program", serial)
    here, wrong = _readable(told, device)
    base, trouble = told.rollout.in_force, _staged_trouble(told.rollout, wrong, device)
    if base is None:
        return Ruling(shipped, "program", serial, trouble, told.rollout, here)
    if base in here:
        return Ruling(here[base], "office", serial, trouble, told.rollout, here)
    trouble = _trouble("The office's bundle", wrong[base])
    return Ruling(narrowed(shipped), "program", serial, trouble, told.rollout, here)


def _readable(told: InForce, device: str) -> tuple[Mapping[int, Bundle], Mapping[int, ValueError]]:
    """Those that a task here may meet, and why the others cannot be read."""
    here: dict[int, Bundle] = {}
    wrong: dict[int, ValueError] = {}
    for version in sorted(told.rollout.versions((device,))):
        try:
            here[version] = accepts(version, told.bundles.get(version, b""))
        except ValueError as error:
            wrong[version] = error
    return here, wrong


def _staged_trouble(rollout: Rollout, wrong: Mapping[int, ValueError], device: str) -> str | None:
    tried = (each for each in rollout.stages if each.mode == "in_force" and each.version in wrong)
    staged = sorted(each.version for each in tried if each.groups is None or device in each.groups)
    if not staged:
        return None
    return _trouble(f"Bundle {staged[0]}, which is in force for some tasks and leaves them here,", wrong[staged[0]])


def _trouble(what: str, error: ValueError) -> str:
    return f"{what} cannot be read by this program ({str(error)[:200]}); update the program."
