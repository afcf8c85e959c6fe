"""What proves who sent a request: our signatures are those that the library makes, and only those are taken."""

from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from shared.envelope import SigningKey
from shared.request_signature import COVERED, TAG, NotAuthentic, sign_request, verify_request

KEY, NOW, NONCE = SigningKey(b"k" * 32), datetime(2026, 5, 4, 6, 0, 1, tzinfo=UTC), "0a" * 16


class Keys(HTTPSignatureKeyResolver):
    """The one key."""

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        """Whatever its name."""
        return KEY.private


@pytest.mark.parametrize(
    "url",
    [
        "https://server.test/v1/sync",
        "https://server.test",
        "https://server.test/v1/blobs/ab?from=5&to=%207",
        "https://server.test/v1/blobs?",
        "https://[::1]:8443/a b?q=\u00fc",
    ],
)
@pytest.mark.parametrize(("method", "body"), [("POST", b"said"), ("GET", b"")])
def test_a_request_is_signed_as_the_library_signs_it(url: str, method: str, body: bytes) -> None:
    ours, theirs = httpx.Request(method, url, content=body), httpx.Request(method, url, content=body)
    sign_request(ours, body, KEY, NOW, NONCE)
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys()).sign(
        theirs, key_id=KEY.keyid, created=NOW, nonce=NONCE, tag=TAG, covered_component_ids=COVERED, body=body
    )
    assert ours.headers.raw == theirs.headers.raw
    assert verify_request(ours, body, KEY.public, NOW) == NONCE


@pytest.mark.parametrize("part", ["method", "path", "query", "body", "digest"])
def test_every_part_of_a_request_is_signed(part: str) -> None:
    request = httpx.Request("POST", "https://server.test/v1/sync?a=1", content=b"said")
    sign_request(request, b"said", KEY, NOW, NONCE)
    url = {"path": "https://server.test/v1/other?a=1", "query": "https://server.test/v1/sync?a=2"}.get(part)
    method = "PUT" if part == "method" else "POST"
    other = httpx.Request(method, url or request.url, content=b"said", headers=request.headers)
    if part == "digest":
        del other.headers["Content-Digest"]
    with pytest.raises(NotAuthentic):
        verify_request(other, b"else" if part == "body" else b"said", KEY.public, NOW)
