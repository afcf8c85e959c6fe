"""The secrets of a device, sealed under the technician's PIN in one file.

Inside: the raw database key, the technician's signing key (commands and consents) and the device's (requests). The
PIN is stretched with argon2id and opens an AES-256-GCM box; a wrong PIN and a damaged file look the same from
outside. Private keys are drawn here and never leave the device.

Source: RFC 9106 (argon2id, second recommended option: 64 MiB, 3 passes), NIST SP 800-38D (GCM).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, ValidationError

from device.errors import LocalError
from shared.contract import Contract
from shared.envelope import SigningKey
from shared.ports import Randomness

PIN_LENGTH_MIN = 4
_ASSOCIATED = b"tailboard device keys v1"


class _Sealed(Contract):
    version: int
    salt: str
    nonce: str
    box: str
    memory_kib: Annotated[int, Field(ge=8, le=1 << 20)]
    passes: Annotated[int, Field(ge=1, le=64)]
    lanes: Annotated[int, Field(ge=1, le=64)]


class _Secrets(Contract):
    database: str
    technician: str
    device: str


@dataclass(frozen=True, slots=True, repr=False)
class DeviceKeys:
    """The opened secrets. `database` is 32 raw bytes."""

    database: bytes
    technician: SigningKey
    device: SigningKey


def make(path: Path, pin: str, randomness: Randomness) -> DeviceKeys:
    """Draw new secrets and seal them into `path`, which must not exist.

    Raises:
        LocalError: the PIN is too short, or the file is there already.
    """
    if len(pin) < PIN_LENGTH_MIN:
        raise LocalError(f"The PIN needs at least {PIN_LENGTH_MIN} characters.")
    seeds = [randomness.draw(32) for _ in range(3)]
    secrets = _Secrets(**dict(zip(("database", "technician", "device"), (s.hex() for s in seeds), strict=True)))
    sealed = _Sealed(
        version=1,
        salt=randomness.draw(16).hex(),
        nonce=randomness.draw(12).hex(),
        box="",
        memory_kib=65536,
        passes=3,
        lanes=4,
    )
    box = AESGCM(_stretch(pin, sealed)).encrypt(bytes.fromhex(sealed.nonce), secrets.to_bytes(), _ASSOCIATED)
    _write_new(path, sealed.model_copy(update={"box": box.hex()}).to_bytes())
    return _opened(secrets)


def unlock(path: Path, pin: str) -> DeviceKeys:
    """The secrets in `path`.

    Raises:
        LocalError: no such file, not a key file, or the PIN does not open it.
    """
    try:
        sealed = _Sealed.model_validate_json(path.read_bytes())
        box, nonce = bytes.fromhex(sealed.box), bytes.fromhex(sealed.nonce)
        secrets = AESGCM(_stretch(pin, sealed)).decrypt(nonce, box, _ASSOCIATED)
    except FileNotFoundError as error:
        raise LocalError("This device is not enrolled yet. Run: tailboard enrol URL CODE") from error
    except (ValidationError, ValueError, Argon2Error) as error:
        raise LocalError(f"{path.name} is not a key file, or it is damaged. Restore it or enrol again.") from error
    except InvalidTag as error:
        raise LocalError("Wrong PIN. Nothing was changed; try again.") from error
    return _opened(_Secrets.model_validate_json(secrets))


def _opened(secrets: _Secrets) -> DeviceKeys:
    return DeviceKeys(
        database=bytes.fromhex(secrets.database),
        technician=SigningKey(bytes.fromhex(secrets.technician)),
        device=SigningKey(bytes.fromhex(secrets.device)),
    )


def _stretch(pin: str, sealed: _Sealed) -> bytes:
    return hash_secret_raw(
        pin.encode(),
        bytes.fromhex(sealed.salt),
        time_cost=sealed.passes,
        memory_cost=sealed.memory_kib,
        parallelism=sealed.lanes,
        hash_len=32,
        type=Type.ID,
    )


def _write_new(path: Path, data: bytes) -> None:
    """Write and flush to the disk before the name exists, so that a power cut leaves all of it or nothing."""
    if path.exists():
        raise LocalError(f"{path.name} exists already: this device is enrolled. Use another --home to enrol another.")
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
