"""Hands the files of an organisation's update repository to its devices.

Rules
1. Only an enrolled and active device reads them, and only its own organisation's: policies tell how an organisation
   works. What the files say is proved by their signatures alone, not by who hands them out.
2. A device that has no root yet gets the newest one named under the receipt key that it pinned when it enrolled, for
   its one request; from then on each root is vouched for by the one before.

3. The file of a model is no target; it is handed out as long as the published catalogue names it, in ranges only.

Source: RFC 9110 (ranges, validators), ADR 0024, ADR 0032.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.blobs import RANGE_BYTES_MAX, read_range
from shared.envelope import FIRST_ROOT_TYPE, SigningKey, seal
from shared.ids import sha256_hex
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.request_signature import Message, claimed_nonce
from shared.updates import FIRST_ROOT, FirstRoot
from sync_server.authentication import Caller, Seen
from sync_server.blob_files import BlobFiles
from sync_server.letting_in import refuse_unless_let_in
from sync_server.store import Store, Tx
from sync_server.updates.publisher import Publisher

_MODEL = re.compile(r"models/([0-9a-f]{64})")
_NAME = re.compile(r"(metadata|targets)/[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
Authenticate = Callable[[Tx, Message, bytes, Seen], Caller]


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or the part of one that was asked for: `first` is its first byte of `size`."""

    content: bytes
    first: int
    size: int
    partial: bool
    etag: str


class Updates:
    """The repositories of all organisations, as devices read them."""

    def __init__(
        self,
        store: Store,
        authenticate: Authenticate,
        publisher: Callable[[Tx, str], Publisher],
        receipt_key: Callable[[Tx, str], SigningKey],
        ports: Ports,
        models: BlobFiles | None = None,
    ) -> None:
        """`models` are the files of models; None where there can be none."""
        self._models = models
        self._store, self._authenticate, self._ports = store, authenticate, ports
        self._publisher, self._receipt_key = publisher, receipt_key

    def read(self, message: Message, name: str, range_header: str | None) -> Part:
        """The file `name`, or the range of it that is asked for.

        Raises:
            Refused: nobody's request, a device that is shut out, no such file, or a range outside it.
        """
        if model := _MODEL.fullmatch(name):
            return self._model(message, model[1], range_header)
        seen = Seen()

        def work(tx: Tx) -> bytes:
            caller = self._authenticate(tx, message, b"", seen)
            refuse_unless_let_in(tx, caller, self._ports.clock.now(), "it gets no updates")
            if name == FIRST_ROOT:
                return self._first_root(tx, caller, claimed_nonce(message.headers))
            content = tx.update_file(caller.tenant, name) if _NAME.fullmatch(name) else None
            if content is None:
                raise Refused(Code.NOT_FOUND, "no such file is published")
            return content

        return _part(self._store.attempt(work), range_header)

    def _model(self, message: Message, sha256: str, range_header: str | None) -> Part:
        seen = Seen()

        def work(tx: Tx) -> str:
            caller = self._authenticate(tx, message, b"", seen)
            refuse_unless_let_in(tx, caller, self._ports.clock.now(), "it gets no updates")
            if all(each.sha256 != sha256 for each in self._publisher(tx, caller.tenant).models().models):
                raise Refused(Code.NOT_FOUND, "no such model is published")
            return caller.tenant

        tenant = self._store.attempt(work)
        size = self._models.whole(tenant, sha256) if self._models else None
        if self._models is None or size is None:
            raise Refused(Code.NOT_FOUND, "the model's file is not on this server; publish it again")
        asked = _range(range_header, size)
        if asked is None:
            raise Refused(Code.RANGE_OUTSIDE, f"a model is asked for in ranges; it has {size} bytes")
        content = self._models.read(tenant, sha256, *asked)
        return Part(content, asked[0], size, partial=True, etag=f'"{sha256[:32]}"')

    def _first_root(self, tx: Tx, caller: Caller, nonce: str) -> bytes:
        found = self._publisher(tx, caller.tenant).root()
        if found is None:
            raise Refused(Code.NOT_FOUND, "nothing is published yet")
        said = FirstRoot(
            tenant=caller.tenant,
            device=caller.device,
            nonce=nonce,
            version=found[0],
            sha256=sha256_hex(found[1]),
            at=self._ports.clock.now(),
        )
        key = self._receipt_key(tx, caller.tenant)
        return seal(FIRST_ROOT_TYPE, said.to_bytes(), key).to_wire().to_bytes()


def _part(content: bytes, range_header: str | None) -> Part:
    etag = f'"{sha256_hex(content)[:32]}"'
    asked = _range(range_header, len(content))
    if asked is None:
        return Part(content, 0, len(content), partial=False, etag=etag)
    first, length = asked
    return Part(content[first : first + length], first, len(content), partial=True, etag=etag)


def _range(range_header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of what is asked for; None if all of it is."""
    try:
        asked = read_range(range_header, size)
    except ValueError as error:
        raise Refused(Code.RANGE_OUTSIDE, str(error)) from error
    return (asked[0], min(asked[1], RANGE_BYTES_MAX)) if asked else None
