"""Outside bytes become contracts here, strictly, or a refusal that names the place."""

from typing import TypeVar

from pydantic import ValidationError

from shared import strict_json
from shared.compression import ENCODING, unpack
from shared.contract import Contract
from shared.envelope import Envelope, WireEnvelope
from shared.problems import Code, Refused
from shared.request_signature import Message
from shared.sync import BODY_BYTES_MAX

C = TypeVar("C", bound=Contract)


def read(contract: type[C], raw: bytes) -> C:
    """`raw` as `contract`. Raises `Refused`: `malformed`, `too_large`."""
    try:
        return contract.model_validate(strict_json.parse(raw, bytes_max=BODY_BYTES_MAX))
    except strict_json.BadJson as error:
        code = Code.TOO_LARGE if len(raw) > BODY_BYTES_MAX else Code.MALFORMED
        raise Refused(code, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(Code.MALFORMED, f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}") from error


def unpacked(message: Message, body: bytes) -> bytes:
    """The content of a body that came as `message` says. Raises `Refused`: `malformed`, `too_large`."""
    encoding = message.headers.get("content-encoding", "")
    if not encoding:
        return body
    if encoding != ENCODING:
        raise Refused(Code.MALFORMED, f"bodies may be packed with {ENCODING}, not {encoding[:40]}")
    try:
        return unpack(body, BODY_BYTES_MAX)
    except ValueError as error:
        raise Refused(Code.TOO_LARGE if "more than" in str(error) else Code.MALFORMED, str(error)) from error


def envelope_of(wire: WireEnvelope) -> Envelope:
    """The bytes behind the JSON form. Raises `Refused`: `malformed`."""
    try:
        return Envelope.from_wire(wire)
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"not an envelope: {error}") from error
