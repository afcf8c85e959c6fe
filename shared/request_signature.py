"""Who sends an HTTP request, proved on every request: reads are as well guarded as writes.

The device key signs method, path, query and a digest of the body, with a creation time and a nonce. A signature is
good for `TOLERANCE` around its creation.

Source: RFC 9421 (HTTP Message Signatures, Ed25519), RFC 9530 (Content-Digest).
"""

from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlsplit

import http_sf  # comes with http-message-signatures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from shared.envelope import SigningKey

TAG = "tailboard"
COVERED = ("@method", "@path", "@query")
TOLERANCE = timedelta(minutes=5)
#: The lines of what is signed, in their order. Source: RFC 9421, section 2.5.
_BASE = (*COVERED, "content-digest", "@signature-params")
_COVERED_LIST = " ".join(f'"{name}"' for name in _BASE[:-1])
#: What our signature is called among others; the word is of no meaning to either side.
_LABEL = "pyhms"


class NotAuthentic(Exception):
    """No signature, one that does not fit, or one of another time. The message is for the operator's log."""


class TooFarOff(NotAuthentic):
    """The signature was made too long before or after the server's now."""


class Message(Protocol):
    """What is signed: an HTTP request with its whole URL."""

    @property
    def method(self) -> str:
        """Upper case."""

    @property
    def url(self) -> Any:
        """The whole URL; its `str()` is read."""

    @property
    def headers(self) -> Any:
        """A mutable mapping of header fields."""


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return self._public


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with our clock instead of its own."""

    def __init__(self, public_key: bytes, now: datetime) -> None:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=_Keys(key))
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        created = sig_input.params.get("created")
        if not isinstance(created, int):
            raise NotAuthentic("a signature without a creation time")
        off = abs(self._now.timestamp() - created)
        if off > TOLERANCE.total_seconds():
            raise TooFarOff(f"signed {off:.0f} s away from now")


def sign_request(message: Message, body: bytes, key: SigningKey, created: datetime, nonce: str) -> None:
    """Put `Content-Digest`, `Signature-Input` and `Signature` into the message's headers.

    What is signed is always of the same form, so it is written here as the standard has it: the library composes it
    from any parts, and parses and composes it once more before it signs, which takes ten times as long.

    Args:
        message: with an encoded URL, as httpx makes it.
        body: all of it.
        key: the device's.
        created: now, by the server's clock as far as it is known.
        nonce: hexadecimal, never used before with this key.
    """
    url = urlsplit(str(message.url))
    digest = f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"
    about = f'created={int(created.timestamp())};keyid="{key.keyid}";alg="ed25519";nonce="{nonce}";tag="{TAG}"'
    signed = f"({_COVERED_LIST});{about}"
    values = (message.method, url.path or "/", f"?{url.query}", digest, signed)
    base = "\n".join(f'"{name}": {value}' for name, value in zip(_BASE, values, strict=True))
    message.headers["Content-Digest"] = digest
    message.headers["Signature-Input"] = f"{_LABEL}={signed}"
    message.headers["Signature"] = f"{_LABEL}=:{b64encode(key.sign(base.encode('ascii'))).decode()}:"


def claimed_key_id(headers: Any) -> str:
    """The key id that a request claims, before anything is verified. Raises `NotAuthentic` if it claims none."""
    return _claimed(headers, "keyid")


def claimed_nonce(headers: Any) -> str:
    """The nonce of a request, at most 64 characters. Raises `NotAuthentic` if it has none."""
    return _claimed(headers, "nonce")[:64]


def _claimed(headers: Any, parameter: str) -> str:
    try:
        inputs: Any = http_sf.parse(headers.get("signature-input", "").encode(), tltype="dictionary")
        claimed = [params[parameter] for _, params in inputs.values() if params.get("tag") == TAG]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotAuthentic("no readable Signature-Input header") from error
    if len(claimed) != 1 or not isinstance(claimed[0], str):
        raise NotAuthentic("not exactly one signature for this purpose")
    return claimed[0]


def verify_request(message: Message, body: bytes, public_key: bytes, now: datetime) -> str:
    """The nonce of a request that the holder of the raw `public_key` signed within `TOLERANCE` of `now`.

    Raises:
        TooFarOff: signed at another time.
        NotAuthentic: anything else.
    """
    try:
        results = _Verifier(public_key, now).verify(
            message, max_age=None, expect_tag=TAG, require_components=COVERED, body=body
        )
    except (HTTPMessageSignaturesException, ValueError) as error:
        if isinstance(error.__cause__, NotAuthentic):
            raise error.__cause__ from None
        raise NotAuthentic(str(error)) from error
    return str(results[0].nonce)
