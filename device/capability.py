"""What this laptop can do: the model that really loaded, how fast it was when it was tried, and how the machine is.

Rules
1. A model counts when it was loaded and answered here, not when a file lies there or somebody says so.
2. The statement is signed with the laptop's key and ends by itself; one that was changed, or that ended, is none.
3. Memory, battery and heat are read when they are asked for, never remembered. What this machine does not tell is
   not guessed; a battery that is being charged is no reason to spare it, and is not told.

Source: Linux, Documentation/ABI/testing/sysfs-class-power and sysfs-class-thermal; proc(5), /proc/meminfo.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path

from device.keys import DeviceKeys
from device.model.port import Generation, LanguageModel
from device.store import DeviceStore
from shared import strict_json
from shared.envelope import CAPABILITY_TYPE, BadSignature, seal, verify, wire_from
from shared.ports import Clock
from shared.routing import Capability, Tier

LIFE = timedelta(hours=1)
_STATEMENT = "capability"


@dataclass(frozen=True, slots=True)
class Machine:
    """How the machine is: None and False where it does not say."""

    memory_free_mib: int | None = None
    battery_pct: int | None = None
    throttled: bool = False


def read_machine(root: Path = Path("/")) -> Machine:
    """How this machine is now."""
    return Machine(_memory(root / "proc/meminfo"), _battery(root), _hot(root / "sys/class/thermal"))


def free_memory_mib() -> int | None:
    """Memory that programs could still take, in MiB; None if the machine does not say."""
    return _memory(Path("/proc/meminfo"))


def peak_memory_mib(pid: int | None) -> float | None:
    """The most memory that a process of this machine ever had, in MiB; None if the machine does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def _memory(meminfo: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return None


def _battery(root: Path) -> int | None:
    """The charge of the emptiest battery that is being emptied."""
    found = []
    for supply in sorted((root / "sys/class/power_supply").glob("*")):
        if _said(supply / "type") == "Battery" and _said(supply / "status") == "Discharging":
            with suppress(ValueError):
                found.append(min(max(int(_said(supply / "capacity")), 0), 100))
    return min(found, default=None)


def _hot(thermal: Path) -> bool:
    """Whether a zone is as hot as the temperature from which the machine slows itself down."""
    return any(_zone_hot(zone) for zone in sorted(thermal.glob("thermal_zone*")))


def _zone_hot(zone: Path) -> bool:
    with suppress(ValueError):
        now = int(_said(zone / "temp"))
        trips = (each for each in zone.glob("trip_point_*_type") if _said(each) in {"passive", "hot"})
        limits = [int(_said(each.with_name(each.name.replace("_type", "_temp")))) for each in trips]
        return any(0 < limit <= now for limit in limits)
    return False


def _said(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


class Laptop:
    """What this laptop can do."""

    def __init__(
        self, store: DeviceStore, keys: DeviceKeys, clock: Clock, machine: Callable[[], Machine] = read_machine
    ) -> None:
        self._store, self._key, self._clock, self._machine = store, keys.device, clock, machine
        #: How good the organisation says that a model's answers are, by its sha256.
        self.tier_of: Callable[[str], Tier] = lambda _: Tier.BASIC

    def tried(self, model: LanguageModel, generation: Generation) -> Capability:
        """The model loaded and answered: state it, signed, for a while."""
        told = self._about(model, generation.tokens_per_s)
        self._store.set_meta(_STATEMENT, seal(CAPABILITY_TYPE, told.to_bytes(), self._key).wire_json)
        return told

    def failed(self) -> None:
        """The model did not load, or did not answer: what was stated of it is over."""
        self._store.drop_meta(_STATEMENT)

    def told(self) -> Capability | None:
        """The last statement, if it is ours and has not ended, with the machine as it is now."""
        kept = self._store.meta(_STATEMENT)
        try:
            envelope = wire_from(strict_json.parse(kept.encode())) if kept else None
            if envelope is None:
                return None
            verify(envelope, CAPABILITY_TYPE, self._key.public)
            told = Capability.model_validate(strict_json.parse(envelope.payload))
        except (BadSignature, ValueError):
            return None
        return _with(told, self._machine()) if told.expires_at > self._clock.now() else None

    def loaded(self, model: LanguageModel) -> Capability:
        """What it can do with `model`, which is loaded in this program."""
        told = self.told()
        same = told is not None and told.model_sha256 == model.sha256
        return self._about(model, told.tokens_per_s if told and same else 0.0)

    def envelope(self) -> dict[str, object] | None:
        """The signed statement in wire form; None if there is none."""
        kept = self._store.meta(_STATEMENT)
        value: dict[str, object] | None = json.loads(kept) if kept and self.told() else None
        return value

    def _about(self, model: LanguageModel, tokens_per_s: float) -> Capability:
        now = self._clock.now()
        told = Capability(
            model=model.name[:120],
            model_sha256=model.sha256,
            runtime=_runtime(),
            tier=self.tier_of(model.sha256),
            context_tokens=model.context_tokens,
            tokens_per_s=round(tokens_per_s, 1),
            measured_at=now,
            expires_at=now + LIFE,
        )
        return _with(told, self._machine())


def _with(told: Capability, machine: Machine) -> Capability:
    return told.model_copy(
        update={
            "memory_free_mib": machine.memory_free_mib,
            "battery_pct": machine.battery_pct,
            "throttled": machine.throttled,
        }
    )


def _runtime() -> str:
    try:
        return f"llama.cpp {metadata.version('llama_cpp_python')}"
    except metadata.PackageNotFoundError:
        return ""
