"""Policy bundles: published, tried in the shadow, put in force, taken back.

Rules
1. A bundle is refused before it is published if a device could not use it.
2. A number is used once, and what is in force for everything only goes up. To go back, the older content is published
   under a higher number: a laptop that is offline for months can then never be led back to it.
3. A bundle can first be in the shadow (decided and logged beside what is in force, never followed), or in force for
   some workloads, risk classes and devices only. Nothing is chosen at random.
4. Where several stages fit, the newest bundle decides.
5. A device that stands for a team is written down by name when the stage is made, so that device and server read the
   same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from policies.bundle import BadBundle
from policies.rollout import Mode, Rollout, Stage
from shared.commands.base import Role
from shared.problems import Code, Refused
from shared.routing import DataClass, Purpose
from shared.updates import BUNDLE_BYTES_MAX
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit, reason_of
from sync_server.store import Tx
from sync_server.updates.bundles import checked, renumbered, why_not_now
from sync_server.updates.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Scope:
    """What a stage is for; None stands for any. `groups` are devices or teams by name."""

    purposes: frozenset[Purpose] | None = None
    classes: frozenset[DataClass] | None = None
    groups: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.purposes or self.classes or self.groups)


@dataclass(frozen=True, slots=True)
class Published:
    """What is published, and where it is rolled out. `root_version` is 0 before the first publication."""

    versions: tuple[int, ...]
    rollout: Rollout
    root_version: int


class Policies(OfficePart):
    """Bundles and their roll-out."""

    def publish_bundle(self, tenant: str, actor: str, raw: bytes) -> int:
        """Publish a packed bundle; its number. It is in force nowhere yet.

        Raises:
            Refused: it cannot be used, or its number is not above every one that was used.
        """
        version = _usable(raw)

        def work(tx: Tx, batch: Batch) -> int:
            publisher = self._publisher(tx, tenant, actor)
            _refuse_used(publisher, version)
            publisher.publish({version: raw})
            batch.note(act="bundle published", actor=actor, version=version, bytes=len(raw))
            return version

        return self._unit(tenant, work)

    def roll_back_bundle(
        self, tenant: str, actor: str, version: int, reason: str, number: int | None = None
    ) -> Rollout:
        """Publish the content of `version` once more under a higher number (`number`, or the next), in force at once.

        Every stage ends. Raises `Refused`.
        """
        why = reason_of(reason)

        def work(tx: Tx, batch: Batch) -> Rollout:
            publisher = self._publisher(tx, tenant, actor)
            old = publisher.bundle(version)
            new = number or max(publisher.versions()) + 1
            _refuse_used(publisher, new)
            raw = _renumbered(old, new)
            self._refuse_untimely(raw)
            rollout = publisher.publish({new: raw}, Rollout(in_force=new))
            batch.note(act="bundle rolled back", actor=actor, why=why, version=new, content_of=version)
            return rollout

        return self._unit(tenant, work)

    def roll_out(self, tenant: str, actor: str, version: int, mode: Mode, scope: Scope, reason: str) -> Rollout:
        """Put a published bundle in the shadow or in force, for everything or for what `scope` names.

        Raises:
            Refused: no such bundle, it is not above the one in force, or its own validity forbids it.
        """
        why = reason_of(reason)

        def change(tx: Tx, publisher: Publisher) -> Rollout:
            raw, before = publisher.bundle(version), publisher.rollout()
            if version <= (before.in_force or 0):
                raise Refused(
                    Code.STALE,
                    f"bundle {before.in_force} is in force already; to go back to {version}, run: tailboard-server "
                    f"policy rollback {version}",
                )
            if mode == "in_force":
                self._refuse_untimely(raw)
            if mode == "in_force" and not scope:
                kept = tuple(each for each in before.stages if each.version > version)
                return Rollout(in_force=version, stages=kept)
            stage = Stage(
                version=version,
                mode=mode,
                purposes=scope.purposes,
                classes=scope.classes,
                groups=devices_of(tx, tenant, scope.groups) if scope.groups else None,
            )
            kept = tuple(each for each in before.stages if each != stage)
            newest_first = sorted((stage, *kept), key=lambda each: -each.version)
            return before.model_copy(update={"stages": tuple(newest_first)})

        return self._change(tenant, actor, "bundle rolled out", why, change, version=version, mode=mode)

    def withdraw_bundle(self, tenant: str, actor: str, version: int, reason: str) -> Rollout:
        """End every stage of a bundle. Raises `Refused`, also if it is in force for everything."""
        why = reason_of(reason)

        def change(_: Tx, publisher: Publisher) -> Rollout:
            before = publisher.rollout()
            if version == before.in_force:
                raise Refused(
                    Code.STALE,
                    f"bundle {version} is in force for everything; to go back, publish an older one again: "
                    "tailboard-server policy rollback VERSION",
                )
            kept = tuple(each for each in before.stages if each.version != version)
            if kept == before.stages:
                raise Refused(
                    Code.NOT_FOUND, f"bundle {version} is rolled out nowhere; see: tailboard-server policy list"
                )
            return before.model_copy(update={"stages": kept})

        return self._change(tenant, actor, "bundle withdrawn", why, change, version=version)

    def published(self, tenant: str) -> Published:
        """What is published, and where it is rolled out."""
        with self.service.store.transaction() as tx:
            publisher = self.service.publisher(tx, tenant)
            root = publisher.root()
            return Published(tuple(publisher.versions()), publisher.rollout(), root[0] if root else 0)

    def bundle(self, tenant: str, version: int) -> bytes:
        """A bundle as it was published. Raises `Refused` if there is none of that number."""
        with self.service.store.transaction() as tx:
            return self.service.publisher(tx, tenant).bundle(version)

    def rotate_update_keys(
        self, tenant: str, actor: str, reason: str, *, root_keys: int = 1, root_threshold: int = 1
    ) -> int:
        """Make all keys of the repository anew; the new root's version. Raises `Refused`."""
        why = reason_of(reason)

        def work(tx: Tx, batch: Batch) -> int:
            root = self._publisher(tx, tenant, actor).rotate(root_keys, root_threshold)
            told = {"root": root, "root_keys": root_keys, "root_threshold": root_threshold}
            batch.note(act="update keys", actor=actor, why=why, **told)
            return root

        return self._unit(tenant, work)

    def _refuse_untimely(self, raw: bytes) -> None:
        if why := why_not_now(checked(raw), self.service.ports.clock.now()):
            raise Refused(Code.STALE, f"{why}. Publish it again with another validity")

    def _publisher(self, tx: Tx, tenant: str, actor: str) -> Publisher:
        permit(tx, tenant, actor, Role.ADMIN)
        tx.lock_head(tenant)  # whoever else publishes here waits, so that nobody's stage is lost
        return self.service.publisher(tx, tenant)

    def _change(
        self,
        tenant: str,
        actor: str,
        act: str,
        why: str,
        change: Callable[[Tx, Publisher], Rollout],
        **told: object,
    ) -> Rollout:
        def work(tx: Tx, batch: Batch) -> Rollout:
            publisher = self._publisher(tx, tenant, actor)
            try:
                rollout = publisher.publish({}, Rollout.model_validate(change(tx, publisher).model_dump()))
            except ValidationError as error:
                raise Refused(Code.MALFORMED, "there are too many stages; withdraw what is not needed") from error
            batch.note(act=act, actor=actor, why=why, serial=rollout.serial, **told)
            return rollout

        return self._unit(tenant, work)


def _usable(raw: bytes) -> int:
    if len(raw) > BUNDLE_BYTES_MAX:
        raise Refused(Code.TOO_LARGE, f"the bundle has {len(raw)} bytes; devices take up to {BUNDLE_BYTES_MAX}")
    try:
        return checked(raw).manifest.version
    except BadBundle as error:
        raise Refused(Code.MALFORMED, str(error)) from error


def _renumbered(raw: bytes, version: int) -> bytes:
    try:
        return renumbered(raw, version)
    except BadBundle as error:
        raise Refused(Code.MALFORMED, str(error)) from error


def _refuse_used(publisher: Publisher, version: int) -> None:
    newest = max([0, *publisher.versions()])
    if version <= newest:
        raise Refused(Code.STALE, f"number {version} is not above {newest}, the newest one; give it a higher number")


def devices_of(tx: Tx, tenant: str, groups: Iterable[str]) -> frozenset[str]:
    """The devices behind names of devices and teams. Raises `Refused` for a name that stands for none."""
    devices, people = tx.devices(tenant), {each.id: each for each in tx.people(tenant)}
    found: set[str] = set()
    for group in groups:
        here = {
            each.id
            for each in devices
            if group == each.id or ((person := people.get(each.actor)) and group in (person.teams or ()))
        }
        if not here:
            raise Refused(Code.NOT_FOUND, f"{group} is no device, and no team of anybody who has one")
        found |= here
    return frozenset(found)
