"""A repository of The Update Framework over one tenant's files: what is signed, in which version, until when.

Rules
1. Four roles: root says whose keys count, targets what there is, snapshot which metadata belongs together, timestamp
   that this is the newest. Everything is signed in one transaction: a reader finds the state before or after it.
2. Versions only rise. A restored database begins its new life above everything that an earlier one can have given
   out (`floor`). Roots go up one by one, because devices follow them one by one.
3. Metadata is signed again when half of its time is over.
4. Files are named by version and content (consistent snapshots), so a download that is under way when something new
   is published still ends well.

Time comes in; keys come in. Source: TUF specification 1.0.34, sections 4 and 7; ADR 0024.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from securesystemslib.signer import Key, Signature, Signer, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Role, Root, Signed, Snapshot, TargetFile, Targets, Timestamp

from shared.envelope import SigningKey
from shared.updates import TIMESTAMP, metadata_path, target_path
from sync_server.updates.terms import Terms

S = TypeVar("S", Root, Snapshot, Targets, Timestamp)

#: So many states of the repository can still be read by whoever began before the newest.
STATES_KEPT = 4
#: More than one life of a database will ever publish.
VERSIONS_A_LIFE = 1_000_000


@dataclass(frozen=True, slots=True)
class Signers:
    """The private halves: as many root keys as there are, and how many of them must sign."""

    root: tuple[SigningKey, ...]
    threshold: int
    targets: SigningKey
    snapshot: SigningKey
    timestamp: SigningKey


class Files(Protocol):
    """Where the repository's files lie."""

    def read(self, name: str) -> bytes | None:
        """A file, None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Keep a file."""

    def drop(self, name: str) -> None:
        """Forget a file."""

    def names(self) -> list[str]:
        """Every file's name."""


class _Pen(Signer):
    """One of our keys, as the library wants it."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None) -> "Signer":
        raise NotImplementedError("our keys have no address")

    @property
    def public_key(self) -> Key:
        return SSlibKey(self._key.keyid, "ed25519", "ed25519", {"public": self._key.public.hex()})

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._key.keyid, self._key.sign(payload).hex())


class Repository:
    """One tenant's repository, inside one transaction."""

    def __init__(self, files: Files, now: datetime, terms: Terms, floor: int = 0) -> None:
        """`floor`: versions begin above it."""
        self._files, self._now, self._terms, self._floor = files, now, terms, floor

    # -- reading

    def root(self) -> bytes | None:
        """The newest root; None if there is no repository yet."""
        numbers = self._numbers("root")
        return self._files.read(metadata_path("root", numbers[-1])) if numbers else None

    def root_threshold(self) -> int:
        """How many root keys must sign."""
        root = self.root()
        return int(Metadata[Root].from_bytes(root).signed.roles["root"].threshold) if root else 0

    def root_version(self) -> int:
        """The newest root's version; 0 if there is none."""
        return max(self._numbers("root"), default=0)

    def target_names(self) -> list[str]:
        """The names of everything that is published, sorted."""
        return sorted(self._targets().targets)

    def target(self, name: str) -> bytes | None:
        """What is published under `name`; None if nothing is."""
        told = self._targets().targets.get(name)
        return self._files.read(target_path(name, told.hashes["sha256"])) if told else None

    # -- writing

    def begin(self, signers: Signers) -> None:
        """Make the repository, with nothing in it."""
        assert not self.root_version(), "a repository is begun once"
        self._sign_root(signers, 1, signers.root)
        self._sign_states(signers, {})

    def publish(self, signers: Signers, contents: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
        """Publish `contents` (name → bytes) beside what there is, or in its place, and without what is `gone`."""
        targets = {name: told for name, told in self._targets().targets.items() if name not in set(gone)}
        for name, content in contents.items():
            told = TargetFile.from_data(name, content, ["sha256"])
            targets[name] = told
            self._files.write(target_path(name, told.hashes["sha256"]), content)
        self._sign_states(signers, targets)

    def rotate(self, signers: Signers, before: Iterable[SigningKey]) -> None:
        """Hand over to other keys: the new root is signed by enough of the keys `before`, and by its own."""
        self._sign_root(signers, self.root_version() + 1, [*before, *signers.root])
        self._sign_states(signers, self._targets().targets)

    def due(self) -> bool:
        """Whether anything is half over, or of an earlier life."""
        terms = self._terms
        return self._root_due() or any(
            self._due(signed, lifetime)
            for signed, lifetime in (
                (self._timestamp(), terms.timestamp),
                (self._snapshot(), terms.snapshot),
                (self._targets(), terms.targets),
            )
        )

    def renew(self, signers: Signers) -> None:
        """Sign again what is due, and what vouches for it."""
        if self._root_due():
            self._sign_root(signers, self.root_version() + 1, signers.root)
        targets, snapshot = self._targets(), self._snapshot()
        if self._due(targets, self._terms.targets):
            self._sign_states(signers, targets.targets)
        elif self._due(snapshot, self._terms.snapshot):
            self._sign_snapshot(signers, targets.version)
        elif self._due(self._timestamp(), self._terms.timestamp):
            self._sign_timestamp(signers, snapshot.version)

    # -- inside

    def _root_due(self) -> bool:
        root = self.root()
        return root is not None and self._half_over(Metadata[Root].from_bytes(root).signed, self._terms.root)

    def _due(self, signed: Signed, lifetime: timedelta) -> bool:
        return signed.version <= self._floor or self._half_over(signed, lifetime)

    def _half_over(self, signed: Signed, lifetime: timedelta) -> bool:
        return signed.expires - self._now < lifetime / 2

    def _sign_root(self, signers: Signers, version: int, pens: Iterable[SigningKey]) -> None:
        online = {"targets": signers.targets, "snapshot": signers.snapshot, "timestamp": signers.timestamp}
        named = {role: ((key,), 1) for role, key in online.items()} | {"root": (signers.root, signers.threshold)}
        keys = {key.keyid: _Pen(key).public_key for them, _ in named.values() for key in them}
        roles = {role: Role([key.keyid for key in them], count) for role, (them, count) in named.items()}
        root = Root(version=version, expires=self._until(self._terms.root), keys=keys, roles=roles)
        self._write(metadata_path("root", version), root, pens)

    def _sign_states(self, signers: Signers, targets: Mapping[str, TargetFile]) -> None:
        version = self._next("targets")
        signed = Targets(version=version, expires=self._until(self._terms.targets), targets=dict(targets))
        self._write(metadata_path("targets", version), signed, [signers.targets])
        self._sign_snapshot(signers, version)
        self._tidy()

    def _sign_snapshot(self, signers: Signers, targets_version: int) -> None:
        version = self._next("snapshot")
        meta = {"targets.json": self._meta("targets", targets_version)}
        signed = Snapshot(version=version, expires=self._until(self._terms.snapshot), meta=meta)
        self._write(metadata_path("snapshot", version), signed, [signers.snapshot])
        self._sign_timestamp(signers, version)

    def _sign_timestamp(self, signers: Signers, snapshot_version: int) -> None:
        before = self._files.read(TIMESTAMP)
        version = max(self._floor, Metadata[Timestamp].from_bytes(before).signed.version if before else 0) + 1
        meta = self._meta("snapshot", snapshot_version)
        signed = Timestamp(version=version, expires=self._until(self._terms.timestamp), snapshot_meta=meta)
        self._write(TIMESTAMP, signed, [signers.timestamp])

    def _meta(self, role: str, version: int) -> MetaFile:
        return MetaFile.from_data(version, self._read(metadata_path(role, version)), ["sha256"])

    def _write(self, name: str, signed: S, pens: Iterable[SigningKey]) -> None:
        metadata = Metadata(signed)
        for pen in pens:
            metadata.sign(_Pen(pen), append=True)
        self._files.write(name, metadata.to_bytes())

    def _until(self, lifetime: timedelta) -> datetime:
        return (self._now + lifetime).replace(microsecond=0)

    def _next(self, role: str) -> int:
        return max([self._floor, *self._numbers(role)]) + 1

    def _numbers(self, role: str) -> list[int]:
        """The versions of `role` that are here, rising."""
        ends = f".{role}.json"
        names = (name.removeprefix("metadata/") for name in self._files.names() if name.endswith(ends))
        return sorted(int(name.removesuffix(ends)) for name in names if name.removesuffix(ends).isdecimal())

    def _read(self, name: str) -> bytes:
        content = self._files.read(name)
        assert content is not None, f"the repository has lost {name}"
        return content

    def _timestamp(self) -> Timestamp:
        return Metadata[Timestamp].from_bytes(self._read(TIMESTAMP)).signed

    def _snapshot(self) -> Snapshot:
        version = self._timestamp().snapshot_meta.version
        return Metadata[Snapshot].from_bytes(self._read(metadata_path("snapshot", version))).signed

    def _targets(self) -> Targets:
        return self._targets_of(self._snapshot().meta["targets.json"].version)

    def _targets_of(self, version: int) -> Targets:
        return Metadata[Targets].from_bytes(self._read(metadata_path("targets", version))).signed

    def _tidy(self) -> None:
        """Forget states that nobody can still be reading, and contents that no state that is kept vouches for."""
        kept = self._numbers("targets")[-STATES_KEPT:]
        for role in ("targets", "snapshot"):
            for version in self._numbers(role)[:-STATES_KEPT]:
                self._files.drop(metadata_path(role, version))
        wanted = {
            target_path(name, told.hashes["sha256"])
            for version in kept
            for name, told in self._targets_of(version).targets.items()
        }
        for name in self._files.names():
            if name.startswith("targets/") and name not in wanted:
                self._files.drop(name)
