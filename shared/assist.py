"""What is asked of an assistant that is not on this laptop, and how every answer comes back, wherever it ran.

The device sends the question with the decision that it made and the consents that it rests on. The server believes
none of it: it decides again from its own facts, and the stricter of the two holds.
"""

from typing import Annotated, Literal

from pydantic import Field

from shared.contract import CommandId, Contract, Hash, Instant, Name, RecordRef
from shared.routing import Boundary, DataClass, Line, Purpose, Route, Seconds, Tier

#: The longest question, with everything that goes with it, in characters.
PROMPT_CHARS_MAX = 256 * 1024

Prompt = Annotated[str, Field(min_length=1, max_length=PROMPT_CHARS_MAX)]
Bytes = Annotated[int, Field(ge=0)]


class AssistRequest(Contract):
    """One question (`POST /v1/assist`), asked while somebody waits.

    `task` is made on the device and is the idempotency key: the same task with other bytes is refused. `decision` is
    the hash of the device's decision, for the audit. `consents` are envelopes (`shared.consent`) in their wire form.
    `data_class` is the device's; the server may raise it. `boundaries` are the places beyond the laptop that the
    device's decision permits; the server uses no other, whatever its own decision says.
    """

    task: CommandId
    purpose: Purpose
    record: RecordRef | None = None
    conversation: Name | None = None
    prompt: Prompt
    data_class: DataClass | None
    decision: Hash
    bundle_version: Line
    boundaries: Annotated[tuple[Boundary, ...], Field(min_length=1)] = (Route.PRIVATE_CLUSTER,)
    output_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    tier: Tier = Tier.BASIC
    tools: tuple[Name, ...] = ()
    within_s: Seconds | None = None
    consents: tuple[dict[str, object], ...] = ()
    stream: bool = True


class Citation(Contract):
    """Where a sentence of an answer comes from: words that stand on that page of that revision."""

    document: Name
    revision: Line
    page: Annotated[int, Field(ge=1)]
    quote: Line


class Moved(Contract):
    """What left for a place: bytes in each direction, and the class of what they carried."""

    boundary: Boundary
    data_class: DataClass
    bytes_up: Bytes
    bytes_down: Bytes


class Attempt(Contract):
    """One try at one place; `problem` is None if it gave the answer."""

    route: Boundary
    began_at: Instant
    took_s: Seconds
    problem: Line | None = None
    moved: Moved | None = None


class Answer(Contract):
    """The envelope that every answer travels in, wherever it was worked out.

    `fallback` says why it did not run where it was meant to. `first_token_s` and `took_s` are seconds from the
    decision. `moved` lists what crossed a boundary; of an answer from this laptop it is empty.
    """

    version: Literal[1] = 1
    task: CommandId
    text: str
    citations: tuple[Citation, ...] = ()
    route: Route
    model: Line
    runtime: Line
    tier: Tier
    data_class: DataClass
    decision: Hash
    bundle_version: Line
    moved: tuple[Moved, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    first_token_s: Seconds | None = None
    took_s: Seconds
    tokens: Annotated[int, Field(ge=0)]
    fallback: Line | None = None
    disclosure: Line
