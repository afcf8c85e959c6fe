"""Identity: command ids, record references, key ids and hashes. Pure functions of their arguments."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache


def uuid7(at: datetime, randomness: bytes) -> str:
    """A time-ordered unique id.

    Args:
        at: aware instant; its millisecond becomes the first 48 bits.
        randomness: exactly 10 random bytes.

    Source: RFC 9562, section 5.7.
    """
    if len(randomness) != 10:
        raise ValueError(f"uuid7 needs 10 random bytes, got {len(randomness)}")
    millis = int(at.timestamp() * 1000)
    raw = bytearray(millis.to_bytes(6, "big") + randomness)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_at(made: str) -> datetime:
    """When such an id was made, to the millisecond, by the clock of whoever made it. Raises `ValueError`."""
    millis = int(made.replace("-", "")[:12], 16)
    try:
        return datetime.fromtimestamp(millis / 1000, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"no clock shows the time in {made}") from error


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data`, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def key_id(public_key: bytes) -> str:
    """The name of a raw 32-byte Ed25519 public key: the first 32 hexadecimal digits of its SHA-256."""
    return sha256_hex(public_key)[:32]


def fingerprint(public_key: bytes) -> str:
    """What two people compare to know that they mean the same key: its first 16 hexadecimal digits."""
    return public_key.hex()[:16]


def record_ref(kind: str, record_id: str) -> str:
    """``kind/id``, the one form in which records name each other."""
    return f"{kind}/{record_id}"


@lru_cache(maxsize=4096)
def kind_of(ref: str) -> str:
    """The record kind in a reference. Deciding one command asks for the same few again and again."""
    return ref.partition("/")[0]


def id_of(ref: str) -> str:
    """The record id in a reference, as people read it."""
    return ref.partition("/")[2]
