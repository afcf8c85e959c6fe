import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as ReferenceEnvelope
from securesystemslib.signer import SSlibKey

from shared.envelope import (
    COMMAND_TYPE,
    RECEIPT_TYPE,
    BadSignature,
    Envelope,
    SigningKey,
    pae,
    seal,
    verify,
    wire_from,
)

KEY, OTHER = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)


def test_the_signed_bytes_are_those_of_the_standards_own_example() -> None:
    # DSSE v1.0.2, protocol.md: the test vector's pre-authentication encoding
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(max_size=200))
def test_another_implementation_verifies_what_we_sign(payload: bytes) -> None:
    wire = seal(COMMAND_TYPE, payload, KEY).to_wire().model_dump()
    wire["signatures"] = list(wire["signatures"])
    reference = ReferenceEnvelope.from_dict(wire)
    public = SSlibKey(KEY.keyid, "ed25519", "ed25519", {"public": KEY.public.hex()})
    assert reference.verify([public], 1).keys() == {KEY.keyid}


@given(st.binary(max_size=100))
def test_the_wire_form_gives_the_same_envelope_back(payload: bytes) -> None:
    envelope = seal(COMMAND_TYPE, payload, KEY)
    assert wire_from(envelope.to_wire().model_dump()) == envelope
    verify(envelope, COMMAND_TYPE, KEY.public)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_flipped_bit_is_noticed(payload: bytes, data: st.DataObject) -> None:
    envelope = seal(COMMAND_TYPE, payload, KEY)
    at = data.draw(st.integers(0, len(payload) - 1))
    flipped = payload[:at] + bytes([payload[at] ^ (1 << data.draw(st.integers(0, 7)))]) + payload[at + 1 :]
    with pytest.raises(BadSignature):
        verify(Envelope(COMMAND_TYPE, flipped, envelope.signatures), COMMAND_TYPE, KEY.public)


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    envelope = seal(COMMAND_TYPE, b"x", KEY)
    with pytest.raises(BadSignature, match="signed for"):
        verify(envelope, RECEIPT_TYPE, KEY.public)
    with pytest.raises(BadSignature, match="does not fit"):
        verify(Envelope(RECEIPT_TYPE, b"x", envelope.signatures), RECEIPT_TYPE, KEY.public)


def test_another_key_did_not_sign() -> None:
    with pytest.raises(BadSignature, match="no signature by key"):
        verify(seal(COMMAND_TYPE, b"x", KEY), COMMAND_TYPE, OTHER.public)


@pytest.mark.parametrize("payload", ["not base64!", "YQ"])
def test_what_is_not_base64_is_no_envelope(payload: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        wire_from(
            {"payloadType": COMMAND_TYPE, "payload": payload, "signatures": [{"keyid": "0" * 32, "sig": "YQ=="}]}
        )


def test_nobody_signed() -> None:
    with pytest.raises(ValueError, match="without a signature"):
        wire_from({"payloadType": COMMAND_TYPE, "payload": "YQ==", "signatures": []})


def test_a_key_does_not_print_itself() -> None:
    assert repr(KEY) == f"SigningKey({KEY.keyid})"
