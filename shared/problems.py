"""Everything that can go wrong on the wire, numbered by a stable code.

One table maps a code to its HTTP status, a title, and what the person or program in front of it can do. Problems are
values as well as documents: a round can succeed while one command in it has a problem.

Source: RFC 9457 (Problem Details for HTTP APIs).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contract import Contract
from shared.envelope import WireEnvelope

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """The stable names; programs branch on these and on nothing else."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    PROTOCOL_UNSUPPORTED = "protocol_unsupported"
    NOT_AUTHENTIC = "not_authentic"
    CLOCK_SKEW = "clock_skew"
    DEVICE_REVOKED = "device_revoked"
    DEVICE_FORKED = "device_forked"
    DEVICE_WAITING = "device_waiting"
    KEY_EXPIRED = "key_expired"
    NOT_PERMITTED = "not_permitted"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    NOT_ENROLLED_FOR = "not_enrolled_for"
    ID_REUSED = "id_reused"
    KIND_UNKNOWN = "kind_unknown"
    CHAIN_GAP = "chain_gap"
    CHAIN_FORK = "chain_fork"
    EVIDENCE_GAP = "evidence_gap"
    EVIDENCE_FORK = "evidence_fork"
    CLOCK_DOUBT = "clock_doubt"
    APPROVAL_NEEDED = "approval_needed"
    BYTES_MISSING = "bytes_missing"
    SETTLED_PURGED = "settled_purged"
    QUARANTINE_FULL = "quarantine_full"
    WITHDRAWALS_FULL = "withdrawals_full"
    SERVER_STOPPED = "server_stopped"
    CODE_INVALID = "code_invalid"
    CURSOR_INVALID = "cursor_invalid"
    HEAD_WANTED = "head_wanted"
    NOT_FOUND = "not_found"
    STALE = "stale"
    BYTES_WRONG = "bytes_wrong"
    OFFSET_WRONG = "offset_wrong"
    RANGE_OUTSIDE = "range_outside"
    ATTACHMENT_TOO_LARGE = "attachment_too_large"
    ATTACHMENT_SPACE_FULL = "attachment_space_full"
    ROUTE_REFUSED = "route_refused"
    CONSENT_NEEDED = "consent_needed"
    CONSENT_INVALID = "consent_invalid"
    PROMPT_TOO_LARGE = "prompt_too_large"
    TASK_RUNNING = "task_running"
    QUOTA_SPENT = "quota_spent"
    OVERLOADED = "overloaded"
    NO_CAPACITY = "no_capacity"
    DEADLINE_PASSED = "deadline_passed"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SILENT = "upstream_silent"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_LATER = "sign_in_later"
    SIGNED_OUT = "signed_out"
    FORM_REFUSED = "form_refused"
    BUSY = "busy"
    STORE_FULL = "store_full"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: HTTP status, title, what to do."""

    status: int
    title: str
    remedy: str


TABLE: dict[Code, Row] = {
    Code.MALFORMED: Row(422, "The message is not in the agreed form", "Put right what is named."),
    Code.TOO_LARGE: Row(413, "The message is too large", "Send fewer commands in one round."),
    Code.PROTOCOL_UNSUPPORTED: Row(422, "This protocol version is not spoken here", "Update the older side."),
    Code.NOT_AUTHENTIC: Row(
        401, "The request could not be authenticated", "Try again; if it stays so, ask the office."
    ),
    Code.CLOCK_SKEW: Row(401, "The device's clock is too far off", "Set the clock; the next round retries."),
    Code.DEVICE_REVOKED: Row(403, "This device is revoked", "Ask the office; nothing on the device is lost."),
    Code.DEVICE_FORKED: Row(
        403,
        "This device's history does not fit what it sent before",
        "Ask the office to look at it; what you sent is kept, and nothing on the device is lost.",
    ),
    Code.DEVICE_WAITING: Row(
        403,
        "This device waits to be approved",
        "Read the code on its screen to an administrator; nothing on the device is lost.",
    ),
    Code.KEY_EXPIRED: Row(
        403,
        "This device's key has run out",
        "Ask an administrator to renew it; what you send arrives all the same, and nothing on the device is lost.",
    ),
    Code.NOT_PERMITTED: Row(403, "This person may not do that", "Ask somebody who has the role that is named."),
    Code.BAD_SIGNATURE: Row(422, "The signature does not fit the bytes", "The command was damaged; enter it again."),
    Code.UNKNOWN_KEY: Row(422, "Signed by a key that is not enrolled", "Enrol the device, or ask the office."),
    Code.NOT_ENROLLED_FOR: Row(
        422, "The key is enrolled for another tenant, device or person", "Enter it again under your own name."
    ),
    Code.ID_REUSED: Row(422, "This id was used for other bytes", "Enter the command again; it gets a new id."),
    Code.KIND_UNKNOWN: Row(
        422,
        "The server does not know this kind or version of command",
        "It is kept until the server is updated.",
    ),
    Code.CHAIN_GAP: Row(409, "An earlier command of this device is missing", "It is kept until the gap closes."),
    Code.CHAIN_FORK: Row(
        409,
        "Another command holds this place in the device's chain",
        "The office reviews it; nothing is lost.",
    ),
    Code.EVIDENCE_GAP: Row(
        409, "Traces before these are missing", "Ask how far they got and go on from there; what is gone is counted."
    ),
    Code.EVIDENCE_FORK: Row(
        409,
        "These traces do not follow from those that were told before",
        "They are told again as a strand of their own; the office sees both.",
    ),
    Code.CLOCK_DOUBT: Row(
        409,
        "The device's clock was changed after this was confirmed",
        "The office looks at it; nothing is lost.",
    ),
    Code.APPROVAL_NEEDED: Row(409, "It needs an approval", "The office approves or refuses it; nothing to do here."),
    Code.BYTES_MISSING: Row(409, "Its file has not arrived yet", "The file follows by itself; stay connected."),
    Code.SETTLED_PURGED: Row(
        409,
        "It was settled so long ago that the details are gone",
        "Nothing is to be done; the record shows what came of it.",
    ),
    Code.QUARANTINE_FULL: Row(
        507, "Too much of this device waits for review", "Ask the office to review it, then send again."
    ),
    Code.WITHDRAWALS_FULL: Row(
        507,
        "This device takes back too many commands that never came",
        "Send each withdrawal beside its command; what never comes is forgotten in time.",
    ),
    Code.SERVER_STOPPED: Row(
        503,
        "The server was set back to an older state and accepts nothing until an operator has looked at it",
        "Nothing to do on the device; nothing is lost.",
    ),
    Code.CODE_INVALID: Row(403, "The enrolment code is wrong, used or expired", "Ask the office for a new code."),
    Code.HEAD_WANTED: Row(
        409, "The server may have been set back", "Nothing: the laptop shows by itself what it has seen."
    ),
    Code.CURSOR_INVALID: Row(422, "The cursor is not one of this server's", "Start the download again."),
    Code.NOT_FOUND: Row(404, "There is no such thing", "Check the name."),
    Code.STALE: Row(409, "Somebody changed it since you looked", "Look again, then decide."),
    Code.BYTES_WRONG: Row(
        422, "The bytes are not those that the command names", "They were thrown away; send the file again."
    ),
    Code.OFFSET_WRONG: Row(409, "The upload goes on at another place", "Ask how far it got and go on from there."),
    Code.RANGE_OUTSIDE: Row(416, "The range lies outside the file", "Ask for bytes that the file has."),
    Code.ATTACHMENT_TOO_LARGE: Row(
        413, "The file is too large", "Attach a smaller one, for example a photo of lower resolution."
    ),
    Code.ATTACHMENT_SPACE_FULL: Row(
        507,
        "The organisation's space for files is full",
        "Ask the office to make room; the file stays on the laptop and goes up later.",
    ),
    Code.ROUTE_REFUSED: Row(
        403,
        "The policy does not let this run here",
        "Ask it on the laptop alone, or ask the office about the policy.",
    ),
    Code.CONSENT_NEEDED: Row(403, "The policy asks for your consent first", "Give your consent and ask again."),
    Code.CONSENT_INVALID: Row(422, "The consent does not hold", "Give your consent anew; it covers this task alone."),
    Code.PROMPT_TOO_LARGE: Row(413, "The question is too long for every model here", "Ask about a smaller part."),
    Code.TASK_RUNNING: Row(409, "This task is being answered already", "Wait for the first answer."),
    Code.QUOTA_SPENT: Row(429, "The quota of this window is used up", "Wait as long as is said, or ask the office."),
    Code.OVERLOADED: Row(429, "Too many tasks wait already", "Wait as long as is said, then ask again."),
    Code.NO_CAPACITY: Row(503, "No model is up that may answer this", "Ask again later, or let it be queued."),
    Code.DEADLINE_PASSED: Row(504, "It could not begin in time", "Give it more time, or let it be queued."),
    Code.UPSTREAM_FAILED: Row(
        502, "The model server did not give an answer", "Ask again, or ask the laptop's model."
    ),
    Code.UPSTREAM_SILENT: Row(504, "The model server fell silent", "Ask again, or ask the laptop's model."),
    Code.SIGN_IN_FAILED: Row(401, "Not signed in", "Type both again, or ask an administrator for a new password."),
    Code.SIGN_IN_LATER: Row(429, "Too many sign-ins in vain", "Wait, or ask an administrator for a new password."),
    Code.SIGNED_OUT: Row(401, "Nobody is signed in here any more", "Sign in again; what you typed is kept."),
    Code.FORM_REFUSED: Row(
        403, "The form did not come from this page", "Open the page again and send it from there."
    ),
    Code.BUSY: Row(503, "The store is busy", "Try again in a little while."),
    Code.STORE_FULL: Row(507, "The disk is full", "Free some space; nothing saved is lost."),
    Code.INTERNAL: Row(500, "A fault on our side", "Try again; report the request id if it stays."),
}


class NotTaken(Contract):
    """The envelope at `index` of a round is not kept here, and why."""

    index: Annotated[int, Field(ge=0)]
    code: Code
    detail: str


class Problem(Contract):
    """A problem document. `type` is the code as a relative reference.

    With `clock_skew` comes `time`: the server's signed time (`shared.statements.TimeTold`). With `device_revoked` and
    `device_forked` comes `not_taken`: what of the round is not kept for review either, if there is such. With what
    ends by itself comes `retry_after_s`, the seconds after which it is worth asking again, as in the header.
    """

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Code
    remedy: str
    time: WireEnvelope | None = None
    not_taken: tuple[NotTaken, ...] | None = None
    retry_after_s: Annotated[int, Field(ge=1)] | None = None

    def to_bytes(self) -> bytes:
        """The document; what is not told is left out, as in protocol 1."""
        return self.model_dump_json(exclude_none=True).encode()


class Refused(Exception):
    """Raised where a request ends with a problem. As text it is a sentence for a person: what, and what to do."""

    def __init__(self, code: Code, detail: str, retry_after_s: int | None = None) -> None:
        super().__init__(f"{_sentence(detail)} {TABLE[code].remedy}")
        self.problem = problem(code, detail)
        if retry_after_s is not None:
            self.problem = self.problem.model_copy(update={"retry_after_s": retry_after_s})


def problem(code: Code, detail: str) -> Problem:
    """The document for `code`; `detail` says what is special about this one, never a secret."""
    row = TABLE[code]
    return Problem(
        type=f"problems/{code}",
        title=row.title,
        status=row.status,
        detail=detail,
        code=code,
        remedy=row.remedy,
    )


def fault(named: str) -> Problem:
    """A fault of ours, which the log has under that id and nobody else is told about."""
    return problem(Code.INTERNAL, f"the fault is in the server's log, under the request id {named}")


def _sentence(detail: str) -> str:
    """`detail` with a capital, unless it begins with a name or a path, and a full stop."""
    first = detail.partition(" ")[0]
    begun = detail[:1].upper() + detail[1:] if first.isascii() and first.isalpha() else detail
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
