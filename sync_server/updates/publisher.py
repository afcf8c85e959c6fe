"""What one organisation has published for its devices, and the keys that it is published under.

Rules
1. An organisation has a repository from its first publication on, and no keys for it before.
2. The roll-out is a target like any other; its serial is also a named value of the server, so that a sync round can
   say in one word whether there is something new.
3. A bundle's number is used once.
4. After a restore everything is published again above what an earlier life can have given out.

Whoever writes holds the tenant's head, so that two servers never sign at the same time. What a bundle contains is not
looked at here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.models import ModelCatalogue
from policies.rollout import Rollout
from shared.envelope import SigningKey
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.updates import MODELS_TARGET, ROLLOUT_TARGET, bundle_target, vocabulary_number, vocabulary_target
from sync_server.server_keys import KeyRing
from sync_server.store import Tx
from sync_server.updates.repository import VERSIONS_A_LIFE, Repository, Signers
from sync_server.updates.terms import Terms

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = ROLES = ("update-root", "update-targets", "update-snapshot", "update-timestamp")


#: A laptop that is behind takes the newest; some older ones stay to be published again.
VOCABULARIES_KEPT = 4


def mark_of(tx: Tx, tenant: str) -> str | None:
    """The serial of the organisation's roll-out; None if it published none."""
    return tx.server_value(_mark(tenant))


def _mark(tenant: str) -> str:
    return f"rollout:{tenant}"


@dataclass(frozen=True, slots=True)
class TenantFiles:
    """The files of a tenant's repository, inside one transaction."""

    tx: Tx
    tenant: str

    def read(self, name: str) -> bytes | None:
        """A file, None if there is none."""
        return self.tx.update_file(self.tenant, name)

    def write(self, name: str, content: bytes) -> None:
        """Keep a file."""
        self.tx.put_update_file(self.tenant, name, content)

    def drop(self, name: str) -> None:
        """Forget a file."""
        self.tx.drop_update_file(self.tenant, name)

    def names(self) -> list[str]:
        """Every file's name."""
        return self.tx.update_names(self.tenant)


class Publisher:
    """One organisation's publications, inside one transaction."""

    def __init__(self, tx: Tx, tenant: str, ring: KeyRing, ports: Ports, terms: Terms, life: int) -> None:
        """`life` is the number of the database's life."""
        self._tx, self._tenant, self._ring, self._terms, self._ports = tx, tenant, ring, terms, ports
        self._floor = (life - 1) * VERSIONS_A_LIFE
        self._repository = Repository(TenantFiles(tx, tenant), ports.clock.now(), terms, self._floor)

    # -- reading

    @property
    def begun(self) -> bool:
        """Whether there is a repository."""
        return self._repository.root_version() > 0

    def root(self) -> tuple[int, bytes] | None:
        """The newest root and its version; None if there is none."""
        root = self._repository.root()
        return (self._repository.root_version(), root) if root else None

    def rollout(self) -> Rollout:
        """What is rolled out; the empty one, of serial 0, before the first publication."""
        raw = self._repository.target(ROLLOUT_TARGET) if self.begun else None
        return Rollout.model_validate_json(raw) if raw else Rollout()

    def versions(self) -> list[int]:
        """The numbers of all bundles, rising."""
        names = self._repository.target_names() if self.begun else []
        return sorted(int(name[len("bundles/") : -len(".json")]) for name in names if name.startswith("bundles/"))

    def models(self) -> ModelCatalogue:
        """The models that are published; none before the first publication."""
        raw = self._repository.target(MODELS_TARGET) if self.begun else None
        return ModelCatalogue.model_validate_json(raw) if raw else ModelCatalogue()

    def vocabularies(self) -> dict[int, int]:
        """The numbers of all vocabularies that laptops can still be given, rising, and their sizes in bytes."""
        names = self._repository.target_names() if self.begun else []
        numbers = sorted(number for name in names if (number := vocabulary_number(name)) is not None)
        return {number: len(self.vocabulary(number)) for number in numbers}

    def vocabulary(self, number: int) -> bytes:
        """A vocabulary as it was published. Raises `Refused` if there is none of that number."""
        raw = self._repository.target(vocabulary_target(number)) if self.begun else None
        if raw is None:
            raise Refused(Code.NOT_FOUND, f"there is no vocabulary {number}; see: tailboard-server vocabulary list")
        return raw

    def bundle(self, version: int) -> bytes:
        """A bundle as it was published. Raises `Refused` if there is none of that number."""
        raw = self._repository.target(bundle_target(version)) if self.begun else None
        if raw is None:
            known = ", ".join(map(str, self.versions())) or "none; see: tailboard-server policy publish"
            raise Refused(Code.NOT_FOUND, f"there is no bundle {version}; published are: {known}")
        return raw

    # -- writing

    def publish(
        self,
        bundles: dict[int, bytes],
        rollout: Rollout | None = None,
        models: ModelCatalogue | None = None,
        *,
        also: Mapping[str, bytes] | None = None,
        gone: Iterable[str] = (),
    ) -> Rollout:
        """Publish `bundles` (number → bytes), and `rollout` and `models` if they say something new.

        The roll-out gets the next serial in any case: it is what devices look by. So do the models. `also` are other
        targets (name → bytes); those that are `gone` are given to nobody any more.
        """
        self._tx.lock_head(self._tenant)
        if not self.begun:
            self._begin()
        before = self.rollout()
        serial = max(before.serial, self._floor) + 1
        now = (rollout or before).model_copy(update={"serial": serial})
        contents = {bundle_target(version): raw for version, raw in bundles.items()}
        if models is not None:
            numbered = models.rollout.model_copy(update={"serial": serial})
            contents[MODELS_TARGET] = models.model_copy(update={"rollout": numbered}).to_bytes()
        self._repository.publish(self._signers(), {**contents, **(also or {}), ROLLOUT_TARGET: now.to_bytes()}, gone)
        self._tx.set_server_value(_mark(self._tenant), str(serial))
        return now

    def publish_vocabulary(self, raw: bytes) -> int:
        """Publish a vocabulary under the next number; laptops take the one with the highest. The oldest go."""
        self._tx.lock_head(self._tenant)
        if not self.begun:
            self._begin()
        here = self.vocabularies()
        number = max(self._floor, *here, 0) + 1
        gone = sorted(here)[: max(0, len(here) + 1 - VOCABULARIES_KEPT)]
        self.publish({}, also={vocabulary_target(number): raw}, gone=[vocabulary_target(each) for each in gone])
        return number

    def due(self) -> bool:
        """Whether something is to be signed again; asked often."""
        if mark_of(self._tx, self._tenant) is None:
            return False
        return self.rollout().serial <= self._floor or self._repository.due()

    def renew(self) -> None:
        """Sign again what is due."""
        self._tx.lock_head(self._tenant)
        if self.rollout().serial <= self._floor:
            self.publish({})
        self._repository.renew(self._signers())

    def rotate(self, root_keys: int, root_threshold: int) -> int:
        """Make all keys anew and hand over to them; the new root's version.

        Raises:
            Refused: nothing was published yet, or so many keys cannot sign.
        """
        self._tx.lock_head(self._tenant)
        if not self.begun:
            raise Refused(Code.NOT_FOUND, "nothing was published yet, so there are no keys to rotate")
        if not 1 <= root_threshold <= root_keys <= 9:
            raise Refused(
                Code.MALFORMED, f"{root_threshold} of {root_keys} root keys: 1 to 9 keys, no more of them to sign"
            )
        before = self._ring.all_active(self._tx, self._tenant, ROOT)
        for role in ROLES:
            for key in self._ring.all_active(self._tx, self._tenant, role):
                self._tx.set_key_state(key.keyid, "retired")
        self._make_keys(root_keys)
        self._repository.rotate(self._signers(root_threshold), before)
        return self._repository.root_version()

    def _begin(self) -> None:
        self._make_keys(self._terms.root_keys)
        self._repository.begin(self._signers(self._terms.root_threshold))

    def _make_keys(self, root_keys: int) -> None:
        for role in (*[ROOT] * root_keys, TARGETS, SNAPSHOT, TIMESTAMP):
            self._ring.make(self._tx, self._tenant, role, self._ports.randomness)

    def _signers(self, threshold: int | None = None) -> Signers:
        roots = self._ring.all_active(self._tx, self._tenant, ROOT)
        return Signers(roots, threshold or self._repository.root_threshold(), *map(self._online, ROLES[1:]))

    def _online(self, role: str) -> SigningKey:
        return self._ring.active(self._tx, self._tenant, role)
