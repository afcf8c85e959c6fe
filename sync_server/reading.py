"""Outside bytes become contracts here, strictly, or a refusal that names the place."""

from typing import TypeVar

from pydantic import ValidationError

from shared import strict_json
from shared.contract import Contract
from shared.envelope import Envelope, WireEnvelope
from shared.problems import Code, Refused
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


def envelope_of(wire: WireEnvelope) -> Envelope:
    """The bytes behind the JSON form. Raises `Refused`: `malformed`."""
    try:
        return Envelope.from_wire(wire)
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"not an envelope: {error}") from error
