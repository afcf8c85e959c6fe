"""How updates are called and how large they may be: what the server's repository and the device's client agree on.

The files are those of The Update Framework. Only `sync_server.updates` and `device.updates` know what is in them.

Source: TUF specification 1.0.34, ADR 0024.
"""

from typing import Annotated

from pydantic import Field

from shared.contract import Contract, Hash, Instant, Name

UPDATES_PATH = "/v1/updates/"
#: Under `UPDATES_PATH`: the statement by which a device learns its first root.
FIRST_ROOT = "first-root"
TIMESTAMP = "metadata/timestamp.json"
ROLLOUT_TARGET = "rollout.json"
#: The catalogue of approved models (`policies.models`).
MODELS_TARGET = "models.json"
VOCABULARIES = "vocabularies/"

ROOT_BYTES_MAX = 64 << 10
TIMESTAMP_BYTES_MAX = 16 << 10
SNAPSHOT_BYTES_MAX = 64 << 10
TARGETS_BYTES_MAX = 1 << 20
ROLLOUT_BYTES_MAX = 1 << 20
#: The largest packed policy bundle.
BUNDLE_BYTES_MAX = 1 << 20
MODELS_BYTES_MAX = 1 << 18
FIRST_ROOT_BYTES_MAX = 8 << 10


def metadata_path(role: str, version: int) -> str:
    """The file of `role` (root, snapshot, targets) in its `version`."""
    return f"metadata/{version}.{role}.json"


def bundle_target(version: int) -> str:
    """The target's name of bundle `version`."""
    return f"bundles/{version}.json"


def model_path(sha256: str) -> str:
    """The file of a model. Its hash stands in the catalogue, which is a target; the file is no target of its own."""
    return f"models/{sha256}"


def vocabulary_target(number: int) -> str:
    """The target's name of vocabulary `number`."""
    return f"{VOCABULARIES}{number}.bin"


def vocabulary_number(target: str) -> int | None:
    """The number of a target that is a vocabulary; None for any other."""
    number = target.removeprefix(VOCABULARIES).removesuffix(".bin")
    is_one = target.startswith(VOCABULARIES) and number.isdecimal() and number.isascii() and len(number) < 16
    return int(number) if is_one and vocabulary_target(int(number)) == target else None


def target_path(target: str, sha256: str) -> str:
    """The file of a target whose content has this `sha256`. Source: TUF specification, consistent snapshots."""
    folder, slash, name = target.rpartition("/")
    return f"targets/{folder}{slash}{sha256}.{name}"


class FirstRoot(Contract):
    """Signed by the receipt key: the root that a device begins with. It counts for the request with `nonce` alone."""

    tenant: Name
    device: Name
    nonce: Annotated[str, Field(max_length=64)]
    version: Annotated[int, Field(ge=1)]
    sha256: Hash
    at: Instant
