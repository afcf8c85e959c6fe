"""HTTP to the sync server: signed requests, counted bytes, problems turned into errors.

Rules
1. Every byte of a body is counted under the purpose it left for: `sync` or `inference`.
2. A reply is believed only if it is the agreed message: a captive portal's page is no answer.
3. Working offline, the link itself refuses; nothing reaches the network.
4. Requests are signed at the server's time, as far as it is known: the device's clock plus an offset.
5. What each exchange was like waits in `SyncClient.met` until somebody keeps it.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import httpx
from pydantic import ValidationError

from device.errors import RemoteError, TransportError
from device.store import Issue
from device.store import exchange as seen
from device.store.exchange import Exchange
from shared import strict_json
from shared.blobs import (
    ANY_BYTES,
    BLOBS_PATH,
    COMPLETE_HEADER,
    OFFSET_HEADER,
    PROBLEM_HEADER,
    Progress,
    read_progress,
)
from shared.compression import ENCODING, WORTH_BYTES, Packing, pack
from shared.contract import Contract, to_instant
from shared.envelope import SigningKey
from shared.evidence import EVIDENCE_PATH, EvidencePlace, EvidenceUpload
from shared.ports import Ports
from shared.problems import MEDIA_TYPE, Code, Problem, problem
from shared.records import WireRecord, WireStamp
from shared.request_signature import sign_request
from shared.sync import (
    BODY_BYTES_MAX,
    PROTOCOL,
    CheckReply,
    CheckRequest,
    EnrolReply,
    EnrolRequest,
    SyncReply,
    SyncRequest,
    begun,
    ending,
)
from shared.updates import UPDATES_PATH

TIMEOUT_S = 20.0
REPLY_BYTES_MAX = 16 << 20
#: A problem may always be as long as this, however little was asked for.
PROBLEM_BYTES_MAX = 16 << 10
#: So many exchanges wait to be kept; the oldest are forgotten first.
MET_MAX = 256

#: The request's extension that says how long its answer may be, in bytes; such an answer must not be packed.
BYTES_MAX = "tailboard.bytes_max"

Purpose = Literal["sync", "inference"]
Reply = TypeVar("Reply", bound=Contract)
_REF = re.compile(r"[a-z_]{1,32}/[A-Za-z0-9._-]{1,64}")
_RECORD = frozenset(WireRecord.model_fields)
_STAMP = frozenset(WireStamp.model_fields)


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply without its changes, and these as validated JSON: they are kept as they came."""

    reply: SyncReply
    changes: list[dict[str, Any]]


@dataclass
class Meter:
    """Body bytes that left and came, by purpose."""

    up: Counter[Purpose] = field(default_factory=Counter)
    down: Counter[Purpose] = field(default_factory=Counter)


class TooLong(httpx.RemoteProtocolError):
    """The answer goes on after all that was asked for."""


class Metered(httpx.AsyncBaseTransport):
    """A transport that counts what passes: the one place where bytes leave the device."""

    def __init__(self, inner: httpx.AsyncBaseTransport, meter: Meter, purpose: Purpose) -> None:
        self._inner, self._meter, self._purpose = inner, meter, purpose

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on; its body counts from the first try, whether or not it arrives."""
        self._meter.up[self._purpose] += len(await request.aread())
        response = await self._inner.handle_async_request(request)
        if (bytes_max := request.extensions.get(BYTES_MAX)) is not None:
            await _read_at_most(response, max(bytes_max, PROBLEM_BYTES_MAX))
        body = await response.aread()
        self._meter.down[self._purpose] += response.num_bytes_downloaded or len(body)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _AtMost(httpx.AsyncByteStream):
    """A stream that ends with an error where it goes on after `bytes_max` bytes."""

    def __init__(self, inner: httpx.AsyncByteStream, bytes_max: int) -> None:
        self._inner, self._left = inner, bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise TooLong("the answer is longer than what was asked for")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _read_at_most(response: httpx.Response, bytes_max: int) -> None:
    """Read an answer, unless it is packed or longer than that. Raises `TooLong`."""
    if "content-encoding" in response.headers:
        await response.aclose()
        raise TooLong("a packed answer may be of any length")
    if response.is_closed:  # it came in one piece, without a network
        if len(response.content) > bytes_max:
            raise TooLong("the answer is longer than what was asked for")
        return
    assert isinstance(response.stream, httpx.AsyncByteStream), "the transport is asynchronous"
    response.stream = _AtMost(response.stream, bytes_max)
    try:
        await response.aread()
    except BaseException:
        await response.aclose()
        raise


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries, packed if that is worth it; `size` is what it was before, in bytes."""

    content: bytes
    packed: bool
    size: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of an update, and the nonce of the request that it answers."""

    content: bytes
    nonce: str


class Begun:
    """A round's request that has not left yet: packed but for its cursor and its time."""

    def __init__(self, request: SyncRequest) -> None:
        self._begin = begun(request)
        self._packing = Packing(self._begin) if len(self._begin) >= WORTH_BYTES else None

    def ended(self, cursor: str | None, sent_at: datetime | None) -> Body:
        """The whole of it; to be asked for once."""
        end = ending(cursor, sent_at)
        content = self._packing.ended(end) if self._packing else self._begin + end
        return Body(content, self._packing is not None, len(self._begin) + len(end))


def _body_of(message: Contract) -> Body:
    raw = message.to_bytes()
    worth = len(raw) >= WORTH_BYTES
    return Body(pack(raw) if worth else raw, worth, len(raw))


class SyncClient:
    """The sync server's calls."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport, meter: Meter, ports: Ports) -> None:
        """`base_url` such as ``https://sync.example``; `transport` carries the bytes."""
        self.offset = timedelta(0)
        #: What exchanges were like, oldest first, until it is kept.
        self.met: deque[Exchange] = deque(maxlen=MET_MAX)
        self._ports = ports
        self._http = httpx.AsyncClient(
            base_url=base_url, transport=Metered(transport, meter, "sync"), timeout=TIMEOUT_S, follow_redirects=False
        )

    @property
    def base_url(self) -> str:
        """Where the server is, such as ``https://sync.example``."""
        return str(self._http.base_url).rstrip("/")

    def move_to(self, base_url: str) -> None:
        """Speak to another address from now on."""
        self._http.base_url = httpx.URL(base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def sync(self, request: SyncRequest | Body, key: SigningKey, left: asyncio.Event | None = None) -> bytes:
        """One sync round, signed by the device key: the bytes of an answer that `read_reply` has yet to read.

        `left` is set when the whole request has left, where the transport tells that, and at the latest at the end.

        Raises:
            TransportError: no usable answer; the commands sent are in doubt.
            RemoteError: the server refused the whole round.
        """
        try:
            body = request if isinstance(request, Body) else _body_of(request)
            return await self._post("/v1/sync", body, key, {"trace": _tells(left)} if left else None)
        finally:
            if left:
                left.set()

    async def check(self, request: CheckRequest, key: SigningKey) -> CheckReply:
        """What would become of commands, were they sent now. Raises as `sync` does; nothing is in doubt after it."""
        return _read(await self._post("/v1/check", _body_of(request), key), CheckReply)

    async def tell(self, upload: EvidenceUpload, key: SigningKey) -> EvidencePlace:
        """A piece of the evidence: up to where the server has it now. Raises as `sync` does; nothing is in doubt."""
        return _read(await self._post(EVIDENCE_PATH, _body_of(upload), key), EvidencePlace)

    async def enrol(self, request: EnrolRequest, key: SigningKey) -> EnrolReply:
        """Exchange a one-time code for an identity. Raises as `sync` does."""
        return _read(await self._post("/v1/enrol", _body_of(request), key), EnrolReply)

    async def _post(self, path: str, body: Body, key: SigningKey, extensions: dict[str, Any] | None = None) -> bytes:
        if body.size > BODY_BYTES_MAX:
            raise TransportError(f"A message of {body.size} bytes is too large to send.", retryable=False)
        headers = {"content-type": "application/json"} | ({"content-encoding": ENCODING} if body.packed else {})
        raw = body.content
        request = self._http.build_request("POST", path, content=raw, headers=headers, extensions=extensions)
        response = await self._exchange(request, raw, key)
        if response.status_code != httpx.codes.OK:
            said = f"Something answered with status {response.status_code}, but not the sync server."
            raise TransportError(said, retry_after=_retry_after(response))
        return response.content

    async def _exchange(
        self, request: httpx.Request, raw: bytes, key: SigningKey, nonce: str | None = None
    ) -> httpx.Response:
        nonce = nonce or self._nonce()
        sign_request(request, raw, key, self._now(), nonce)
        clock = self._ports.clock
        began = Issue(clock.boot_id(), clock.monotonic_s(), clock.now())
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            self._meet(began, len(raw), 0, _why_none(error))
            if isinstance(error, TooLong):
                raise TransportError(
                    "Something answered with more than was asked for; it was thrown away."
                ) from error
            raise TransportError(f"No answer from the server ({type(error).__name__}). Nothing is lost.") from error
        down = response.num_bytes_downloaded or len(response.content)
        self._meet(began, len(raw), down, _what(response))
        _refuse_problem(response, nonce)
        return response

    def _meet(self, began: Issue, up: int, down: int, what: str) -> None:
        took_s = self._ports.clock.monotonic_s() - began.elapsed_s
        self.met.append(Exchange(began, round(took_s, 6), up, down, what))

    # -- the bytes of files

    async def file_progress(self, sha256: str, key: SigningKey) -> Progress:
        """How far the server has got with a file. Raises as `sync` does."""
        request = self._http.build_request("HEAD", BLOBS_PATH + sha256)
        return _progress(await self._exchange(request, b"", key))

    async def send_piece(self, sha256: str, start: int, piece: bytes, key: SigningKey) -> Progress:
        """Send a piece of a file from byte `start` on; how far the server has got now. Raises as `sync` does."""
        path = f"{BLOBS_PATH}{sha256}?offset={start}"
        request = self._http.build_request("PATCH", path, content=piece, headers={"content-type": ANY_BYTES})
        return _progress(await self._exchange(request, piece, key))

    async def fetch_piece(self, sha256: str, start: int, length: int, key: SigningKey) -> bytes:
        """Exactly `length` bytes of a file from byte `start` on. Raises as `sync` does."""
        asked = {"range": f"bytes={start}-{start + length - 1}"}
        response = await self._exchange(self._http.build_request("GET", BLOBS_PATH + sha256, headers=asked), b"", key)
        if response.status_code != httpx.codes.PARTIAL_CONTENT or len(response.content) != length:
            raise TransportError("Something answered, but not with the piece of the file that was asked for.")
        return response.content

    # -- updates

    async def fetch_update(
        self, path: str, key: SigningKey, bytes_max: int, first: int = 0, length: int | None = None
    ) -> Fetched:
        """A file of the update repository, of at most `bytes_max` bytes; with `length`, exactly so many from `first`.

        What it says is not verified here. Raises as `sync` does.
        """
        headers = {"accept-encoding": "identity"}
        if length is not None:
            headers["range"] = f"bytes={first}-{first + length - 1}"
        extensions = {BYTES_MAX: bytes_max}
        request = self._http.build_request("GET", UPDATES_PATH + path, headers=headers, extensions=extensions)
        nonce = self._nonce()
        response = await self._exchange(request, b"", key, nonce)
        wanted = httpx.codes.OK if length is None else httpx.codes.PARTIAL_CONTENT
        content = response.content
        if response.status_code != wanted or len(content) > bytes_max or length not in {None, len(content)}:
            raise TransportError("Something answered, but not with the update that was asked for.")
        return Fetched(content, nonce)

    def _nonce(self) -> str:
        return self._ports.randomness.draw(16).hex()

    def _now(self) -> datetime:
        return self._ports.clock.now() + self.offset


def _tells(left: asyncio.Event) -> Callable[[str, Any], Awaitable[None]]:
    """Sets `left` when the body has left. Source: httpcore, Extensions, "trace"."""

    async def look(moment: str, _: Any) -> None:
        if moment.endswith(".send_request_body.complete"):
            left.set()

    return look


_ENDS_WITH = b'"cursor":'
_NOT_THE_SERVER = "Something answered, but not the sync server (a login page of the network?)."


def read_reply(raw: bytes) -> Answered:
    """A sync reply from its bytes, parsed and validated once. Raises `TransportError`."""
    try:
        value = strict_json.parse(raw, bytes_max=REPLY_BYTES_MAX)
        changes = value.pop("changes")
        for record in changes:
            _check_record(record)
        return Answered(SyncReply.model_validate({**value, "changes": ()}), changes)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise TransportError(_NOT_THE_SERVER) from error


def read_ending(raw: bytes) -> SyncReply | None:
    """What stands behind the changes and the answers of a reply, which are left out; None if it is not to be found.

    It is short, and enough to know whether another round may leave before the rest has been read. What it says is as
    good as its signature: its head's, and of the rest nothing.
    """
    begins = raw.rfind(_ENDS_WITH)
    if begins < 0:
        return None
    try:
        value = strict_json.parse(b"{" + raw[begins:], bytes_max=REPLY_BYTES_MAX)
        return SyncReply.model_validate({"changes": (), "protocol": PROTOCOL, "answers": (), **value})
    except ValueError:
        return None


def _check_record(record: Any) -> None:
    """Raises `ValueError`, or what a wrong type raises, unless `record` (strictly read JSON) is a `WireRecord`.

    By hand: of twenty thousand records a second, a model of each would take most.
    """
    if record.keys() != _RECORD or not _REF.fullmatch(record["ref"]) or type(record["version"]) is not int:
        raise ValueError("not a record")
    if not isinstance(record["fields"], dict) or not isinstance(record["stamps"], dict):
        raise TypeError("not a record")
    for stamp in (record["born"], *record["stamps"].values()):
        if stamp.keys() != _STAMP or type(stamp["version"]) is not int:
            raise ValueError("not a stamp")
        if not isinstance(stamp["command"] + stamp["device"] + stamp["actor"], str):
            raise TypeError("not a stamp")
        to_instant(stamp["at"])


def _read(raw: bytes, reply: type[Reply]) -> Reply:
    try:
        return reply.model_validate(strict_json.parse(raw, bytes_max=REPLY_BYTES_MAX))
    except (strict_json.BadJson, ValidationError) as error:
        raise TransportError(_NOT_THE_SERVER) from error


def _refuse_problem(response: httpx.Response, nonce: str) -> None:
    if not response.headers.get("content-type", "").startswith(MEDIA_TYPE) or response.request.method == "HEAD":
        return
    try:
        told = Problem.model_validate(strict_json.parse(response.content, bytes_max=REPLY_BYTES_MAX))
    except (strict_json.BadJson, ValidationError) as error:
        raise TransportError(_NOT_THE_SERVER) from error
    raise RemoteError(told, nonce=nonce, retry_after=_retry_after(response))


def _why_none(error: httpx.HTTPError) -> str:
    """Why no answer came."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return seen.UNREACHABLE
        case httpx.TimeoutException():
            return seen.TIMED_OUT
        case _:
            return seen.BROKEN


def _what(response: httpx.Response) -> str:
    """What an answer is, by its cover."""
    try:
        _refuse_problem(response, "")
        if named := response.headers.get(PROBLEM_HEADER):
            return seen.turned_away(Code(named))
    except RemoteError as refused:
        return seen.turned_away(refused.problem.code)
    except (TransportError, ValueError):
        return seen.SOMETHING_ELSE
    ours = response.is_success and not response.headers.get("content-type", "").startswith("text/")
    return seen.ANSWERED if ours else seen.SOMETHING_ELSE


def _retry_after(response: httpx.Response) -> timedelta | None:
    """How long to wait, where that is said in seconds. Source: RFC 9110, section 10.2.3."""
    said = response.headers.get("retry-after", "")
    return timedelta(seconds=int(said)) if said.isascii() and said.isdigit() and len(said) < 8 else None


def _progress(response: httpx.Response) -> Progress:
    """What an answer to HEAD or PATCH says. An answer to HEAD has no body, so its problem is a name in a header."""
    if code := response.headers.get(PROBLEM_HEADER) if response.request.method == "HEAD" else None:
        raise RemoteError(_named_problem(code))
    try:
        return read_progress(response.headers.get(OFFSET_HEADER), response.headers.get(COMPLETE_HEADER))
    except ValueError as error:
        raise TransportError(_NOT_THE_SERVER) from error


def _named_problem(code: str) -> Problem:
    try:
        return problem(Code(code), "the server does not take the file now")
    except ValueError as error:
        raise TransportError(_NOT_THE_SERVER) from error
