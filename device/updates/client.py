"""What to ask the office's update repository for, and what of the answers to believe. Sans-I/O.

Rules
1. The first root is the one that the office names under the receipt key pinned at enrolment, for this very request.
   From then on each root is vouched for by the one before, and by nothing else.
2. Root, timestamp, snapshot, targets, in this order, each verified under the root's keys before the next is asked
   for (TUF's client workflow, done by python-tuf's `TrustedMetadataSet`). Metadata never gets older; what is expired
   vouches for nothing new, and takes nothing away.
3. Nothing is longer than was said before it was asked for.
4. A roll-out never goes back: not in its serial, and not in the bundle that is in force for everything.
5. A bundle that is signed, but cannot be used here, is refused like a forged one.
6. Of the vocabularies the one with the highest number is taken, and never a lower one than is here. One that cannot
   be used here is left, and holds nothing else up.

`look` is a generator: it yields what it wants, is sent what came, and returns what is in force then. The caller does
the asking, and may stop at any time: what was verified is kept, and so are pieces of downloads.

Time is the caller's: the device's clock as the server corrected it. Source: TUF specification 1.0.34, section 5.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from tuf.api.exceptions import (
    BadVersionNumberError,
    EqualVersionNumberError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from device.core.trust import Trust
from device.errors import UpdateRefused
from device.updates.shelf import Shelf
from policies.models import ModelCatalogue
from policies.rollout import Rollout
from shared import strict_json
from shared.blobs import RANGE_BYTES_MAX
from shared.envelope import FIRST_ROOT_TYPE, BadSignature, WireEnvelope
from shared.ids import sha256_hex
from shared.updates import (
    BUNDLE_BYTES_MAX,
    FIRST_ROOT,
    FIRST_ROOT_BYTES_MAX,
    MODELS_BYTES_MAX,
    MODELS_TARGET,
    ROLLOUT_BYTES_MAX,
    ROLLOUT_TARGET,
    ROOT_BYTES_MAX,
    SNAPSHOT_BYTES_MAX,
    TARGETS_BYTES_MAX,
    TIMESTAMP,
    TIMESTAMP_BYTES_MAX,
    FirstRoot,
    bundle_target,
    metadata_path,
    target_path,
    vocabulary_number,
    vocabulary_target,
)
from shared.vocabulary.coding import VOCABULARY_BYTES_MAX, BadVocabulary, decode

ROTATIONS_MAX = 32
_ROOT, _TIMESTAMP, _SNAPSHOT, _TARGETS = "root.json", "timestamp.json", "snapshot.json", "targets.json"


@dataclass(frozen=True, slots=True)
class Want:
    """Ask for the file `path`: at most `bytes_max` bytes, or exactly `length` from byte `first` on."""

    path: str
    bytes_max: int
    first: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Got:
    """What came, None if there is no such file, and the nonce of the request that it answers."""

    content: bytes | None
    nonce: str = ""


Look = Generator[Want, Got, Rollout | None]


@dataclass(frozen=True, slots=True)
class Laptop:
    """Who asks: whose word it believes to begin with, where it keeps things, and which bundles it can use.

    `accepts` raises `ValueError` with the reason if it cannot use a bundle that should have that number.
    """

    trust: Trust
    shelf: Shelf
    accepts: Callable[[int, bytes], object]


def look(laptop: Laptop, now: datetime) -> Look:
    """Look whether there is something newer, and put it in force.

    Returns:
        What was put in force; None if there is nothing newer.

    Raises:
        UpdateRefused: something is not as it should be; nothing was put in force.
        StoreError: the device's database failed; nothing was put in force.
    """
    try:
        return (yield from _look(laptop, now))
    except RepositoryError as error:
        raise UpdateRefused(f"{_what(error)} What is in force stays in force.") from error


def _what(error: RepositoryError) -> str:
    match error:
        case ExpiredMetadataError():
            return (
                "The office's signatures over its updates are out of date: the server was off for long, or somebody "
                "holds newer ones back."
            )
        case BadVersionNumberError():
            return "An older state of the office's updates was offered than this laptop has seen."
        case LengthOrHashMismatchError():
            return "An update came damaged, or was replaced on its way."
        case UnsignedMetadataError():
            return "An update came that the office did not sign."
        case _:
            return "What came is no update that this program can read."


def _look(laptop: Laptop, now: datetime) -> Look:
    shelf = laptop.shelf
    trusted = yield from _trusted(laptop, now)
    before, told = shelf.read(ROLLOUT_TARGET), _told(trusted, ROLLOUT_TARGET)
    if before and sha256_hex(before) == told.hashes["sha256"]:
        raw = before
    else:
        raw = yield from _fetch(told, shelf, ROLLOUT_BYTES_MAX)
    rollout = _newer(raw, before)
    wanted = sorted(rollout.versions((laptop.trust.device,)))
    missing = [version for version in wanted if shelf.bundle(version) is None]
    for version in set(wanted) - set(missing):
        _same(_told(trusted, bundle_target(version)), shelf.bundle(version))
    models = yield from _models(trusted, shelf)
    if raw == before and not missing and models is None:
        yield from _vocabulary(trusted, shelf)
        return None
    bundles: dict[int, bytes] = {}
    for version in missing:
        bundles[version] = yield from _bundle(laptop, version, _told(trusted, bundle_target(version)))
    yield from _vocabulary(trusted, shelf)
    shelf.install(rollout, raw, bundles, models)
    return rollout


def _trusted(laptop: Laptop, now: datetime) -> Generator[Want, Got, TrustedMetadataSet]:
    """The newest metadata, verified."""
    trusted = yield from _rooted(laptop)
    trusted.reference_time = now  # it reads the machine's clock when it is made
    yield from _newer_roots(trusted, laptop.shelf)
    yield from _timestamp(trusted, laptop.shelf)
    yield from _snapshot(trusted, laptop.shelf)
    yield from _targets(trusted, laptop.shelf)
    return trusted


# -- metadata


def _ask(want: Want) -> Generator[Want, Got, bytes]:
    got = yield want
    if got.content is None:
        raise UpdateRefused("The office's updates are incomplete. What is in force stays; it is tried again.")
    return got.content


def _rooted(laptop: Laptop) -> Generator[Want, Got, TrustedMetadataSet]:
    root = laptop.shelf.read(_ROOT)
    if root is None:
        root = yield from _first_root(laptop.trust)
        trusted = TrustedMetadataSet(root, EnvelopeType.METADATA)
        laptop.shelf.keep(_ROOT, root)
        return trusted
    return TrustedMetadataSet(root, EnvelopeType.METADATA)


def _first_root(trust: Trust) -> Generator[Want, Got, bytes]:
    got = yield Want(FIRST_ROOT, FIRST_ROOT_BYTES_MAX)
    said = _said(trust, got)
    root = yield from _ask(Want(metadata_path("root", said.version), ROOT_BYTES_MAX))
    if sha256_hex(root) != said.sha256:
        raise UpdateRefused("The keys for updates came damaged, or were replaced on their way. Nothing was changed.")
    return root


def _said(trust: Trust, got: Got) -> FirstRoot:
    try:
        wire = WireEnvelope.model_validate(strict_json.parse(got.content or b""))
        said = FirstRoot.model_validate(strict_json.parse(trust.opened(wire, FIRST_ROOT_TYPE)))
    except (BadSignature, ValueError) as error:
        raise UpdateRefused(
            "The keys for updates are not vouched for by your server. Nothing was changed."
        ) from error
    if (said.tenant, said.device, said.nonce) != (trust.tenant, trust.device, got.nonce):
        raise UpdateRefused("The keys for updates were meant for another laptop or time. Nothing was changed.")
    return said


def _newer_roots(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, None]:
    for _ in range(ROTATIONS_MAX):
        got = yield Want(metadata_path("root", trusted.root.version + 1), ROOT_BYTES_MAX)
        if got.content is None:
            return
        trusted.update_root(got.content)
        shelf.keep(_ROOT, got.content)


def _timestamp(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, None]:
    if known := shelf.read(_TIMESTAMP):
        with suppress(RepositoryError):  # expired, or of keys that were rotated since: it still bounds what comes
            trusted.update_timestamp(known)
    raw = yield from _ask(Want(TIMESTAMP, TIMESTAMP_BYTES_MAX))
    with suppress(EqualVersionNumberError):
        trusted.update_timestamp(raw)
        shelf.keep(_TIMESTAMP, raw)


def _snapshot(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, None]:
    if known := shelf.read(_SNAPSHOT):
        with suppress(RepositoryError):
            trusted.update_snapshot(known, trusted=True)
            return
    told = trusted.timestamp.snapshot_meta
    size = min(told.length or SNAPSHOT_BYTES_MAX, SNAPSHOT_BYTES_MAX)
    raw = yield from _ask(Want(metadata_path("snapshot", told.version), size))
    trusted.update_snapshot(raw)
    shelf.keep(_SNAPSHOT, raw)


def _targets(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, None]:
    if known := shelf.read(_TARGETS):
        with suppress(RepositoryError):
            trusted.update_targets(known)
            return
    told = trusted.snapshot.meta["targets.json"]
    size = min(told.length or TARGETS_BYTES_MAX, TARGETS_BYTES_MAX)
    raw = yield from _ask(Want(metadata_path("targets", told.version), size))
    trusted.update_targets(raw)
    shelf.keep(_TARGETS, raw)


# -- what the metadata vouches for


def _told(trusted: TrustedMetadataSet, name: str) -> TargetFile:
    found = trusted.targets.targets.get(name)
    if found is None or "sha256" not in found.hashes:
        raise UpdateRefused(f"The office's updates name {name} and do not hold it. What is in force stays in force.")
    return found


def _fetch(told: TargetFile, shelf: Shelf, bytes_max: int) -> Generator[Want, Got, bytes]:
    """The verified content, from where an earlier try stopped."""
    sha256 = told.hashes["sha256"]
    if told.length > bytes_max:
        raise UpdateRefused(f"{told.path} has {told.length} bytes; this program takes up to {bytes_max}.")
    while (here := shelf.here(sha256)) < told.length:
        length = min(RANGE_BYTES_MAX, told.length - here)
        piece = yield from _ask(Want(target_path(told.path, sha256), length, here, length))
        shelf.take(sha256, here, piece)
    whole = shelf.whole(sha256)
    try:
        told.verify_length_and_hashes(whole)
    except LengthOrHashMismatchError:
        shelf.discard(sha256)
        raise
    return whole


def _vocabulary(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, None]:
    """Take the newest vocabulary, if it is newer than the one here and this program can use it."""
    numbers = [number for name in trusted.targets.targets if (number := vocabulary_number(name)) is not None]
    newest = max(numbers, default=0)
    if newest <= (shelf.vocabulary_number() or 0):
        return
    told = _told(trusted, vocabulary_target(newest))
    if told.length > VOCABULARY_BYTES_MAX:
        return
    raw = yield from _fetch(told, shelf, VOCABULARY_BYTES_MAX)
    try:
        decode(raw)
    except BadVocabulary:  # of a newer program, say: the last good one stays
        shelf.discard(told.hashes["sha256"])
        return
    shelf.keep_vocabulary(newest, raw)


def _newer(raw: bytes, before: bytes | None) -> Rollout:
    """What `raw` says. Raises `UpdateRefused` if that is a step back."""
    rollout, known = _read(raw), _read(before) if before else Rollout()
    back = rollout.serial < known.serial or (rollout.serial == known.serial and before and raw != before)
    if back or (rollout.in_force or 0) < (known.in_force or 0):
        raise UpdateRefused(
            f"The office offers bundle {rollout.in_force} (roll-out {rollout.serial}), and {known.in_force} "
            f"(roll-out {known.serial}) is in force here. To go back, it publishes the older content under a higher "
            "number."
        )
    return rollout


def _read(raw: bytes) -> Rollout:
    try:
        return Rollout.model_validate(strict_json.parse(raw, bytes_max=ROLLOUT_BYTES_MAX))
    except ValueError as error:
        raise UpdateRefused(
            "The office's roll-out is in a form that this program does not know; update the program. What is in "
            "force stays in force."
        ) from error


def _same(told: TargetFile, here: bytes | None) -> None:
    if here is not None and sha256_hex(here) != told.hashes["sha256"]:
        raise UpdateRefused(
            f"{told.path} is here with another content: a number is used once. What is in force stays in force."
        )


def _models(trusted: TrustedMetadataSet, shelf: Shelf) -> Generator[Want, Got, bytes | None]:
    """The catalogue of models, if there is another one than before that this program can read."""
    told, here = trusted.targets.targets.get(MODELS_TARGET), shelf.read(MODELS_TARGET)
    if told is None or (here is not None and sha256_hex(here) == told.hashes.get("sha256")):
        return None
    raw = yield from _fetch(_told(trusted, MODELS_TARGET), shelf, MODELS_BYTES_MAX)
    try:
        new = ModelCatalogue.model_validate(strict_json.parse(raw))
    except ValueError:
        return None  # of a later program: the models that are here go on, and so do the policies
    before = ModelCatalogue.model_validate_json(here) if here is not None else ModelCatalogue()
    if new.rollout.serial < before.rollout.serial:
        raise UpdateRefused("An older state of the office's models was offered. What is in force stays in force.")
    return raw


def _bundle(laptop: Laptop, version: int, told: TargetFile) -> Generator[Want, Got, bytes]:
    raw = yield from _fetch(told, laptop.shelf, BUNDLE_BYTES_MAX)
    try:
        laptop.accepts(version, raw)
    except ValueError as error:
        laptop.shelf.discard(told.hashes["sha256"])
        raise UpdateRefused(
            f"Bundle {version} cannot be used by this program: {error}. What is in force stays in force."
        ) from error
    return raw
