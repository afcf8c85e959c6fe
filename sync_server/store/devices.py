"""Laptops, the epochs of their chains, keys, enrolment codes, and the nonces of their requests."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Text, bindparam, delete, false, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field

from shared.contract import to_instant
from shared.problems import Code, Refused
from shared.values import value
from sync_server.store.base import Fixed, Part, Table, table_of


class DeviceRow(Table, table=True):
    """An enrolled laptop. `report` is what it last said of itself (JSON)."""

    __tablename__ = "device"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    actor: str
    state: str
    epoch: int
    enrolled_at: str
    last_seen_at: str | None = None
    scope_seq: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    report: str | None = Field(default=None, sa_column=Column(Text))
    key_expires_at: str | None = None


class EpochRow(Table, table=True):
    """One stretch of a laptop's chain and its end; `missing` is a JSON list of numbers that will never come."""

    __tablename__ = "epoch"
    tenant: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    head_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    head_hash: str | None = None
    opened_at: str
    reason: str
    missing: str | None = Field(default=None, sa_column=Column(Text))


class KeyRow(Table, table=True):
    """A public key and what it may sign; the server's own keys carry their sealed private half."""

    __tablename__ = "key"
    keyid: str = Field(primary_key=True)
    tenant: str = Field(index=True)
    purpose: str
    device: str | None = None
    actor: str | None = None
    public: str
    state: str
    sealed: str | None = None
    succession: str | None = Field(default=None, sa_column=Column(Text))


class CodeRow(Table, table=True):
    """A one-time enrolment code, kept as a hash; `keyid` is the device key that used it.

    `waits`: its laptop does nothing before an administrator has approved it.
    """

    __tablename__ = "enrol_code"
    hash: str = Field(primary_key=True)
    tenant: str
    person: str
    expires_at: str
    keyid: str | None = None
    waits: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))


class NonceRow(Table, table=True):
    """A request that was seen; the same one is not taken twice."""

    __tablename__ = "nonce"
    keyid: str = Field(primary_key=True)
    nonce: str = Field(primary_key=True)
    seen_at: str = Field(index=True)


DEVICE, EPOCH, KEY, CODE, NONCE = (table_of(row) for row in (DeviceRow, EpochRow, KeyRow, CodeRow, NonceRow))
_KEY = Fixed(select(KEY).where(KEY.c.keyid == bindparam("named")))
_MEANT = select(KEY).where(KEY.c.tenant == bindparam("of"), KEY.c.purpose == bindparam("meant_for"))
_KEYS, _ACTIVE_KEY = Fixed(_MEANT.order_by(KEY.c.keyid)), Fixed(_MEANT.where(KEY.c.state == "active"))
_THIS = (DEVICE.c.tenant == bindparam("of"), DEVICE.c.id == bindparam("named"))
_DEVICE, _DEVICE_LOCKED = Fixed(select(DEVICE).where(*_THIS)), Fixed(select(DEVICE).where(*_THIS).with_for_update())
_DEVICES = Fixed(select(DEVICE).where(DEVICE.c.tenant == bindparam("of")).order_by(DEVICE.c.id))
_WANTED = Fixed(
    select(func.count().label("number"))
    .select_from(DEVICE)
    .where(DEVICE.c.tenant == bindparam("of"), or_(DEVICE.c.state == "forked", DEVICE.c.state == "waiting"))
)
_PUT_DEVICE = Fixed(
    update(DEVICE)
    .where(*_THIS)
    .values({name: bindparam(name) for name in ("state", "epoch", "scope_seq", "key_expires_at")})
)
_HEARD = update(DEVICE).where(*_THIS).values(last_seen_at=bindparam("seen_at"))
_HEARD_OF, _HEARD_SAYING = Fixed(_HEARD), Fixed(_HEARD.values(report=bindparam("report")))
_EPOCHS = Fixed(
    select(EPOCH)
    .where(EPOCH.c.tenant == bindparam("of"), EPOCH.c.device == bindparam("named"))
    .order_by(EPOCH.c.epoch)
)
_FORGET_NONCES = Fixed(delete(NONCE).where(NONCE.c.seen_at < bindparam("before")))


@cache
def _spend(inserted: Any) -> Any:
    """The insert of a nonce that says whether it was new; `inserted` is the dialect's own insert."""
    new = inserted(NONCE).values({name: bindparam(name) for name in ("keyid", "nonce", "seen_at")})
    return Fixed(new.on_conflict_do_nothing(index_elements=["keyid", "nonce"]).returning(NONCE.c.nonce))


@cache
def _put_epoch(inserted: Any) -> Any:
    """The insert of an epoch, or of its new end; `inserted` is the dialect's own insert."""
    statement = inserted(EPOCH)
    moved = {name: statement.excluded[name] for name in ("head_seq", "head_hash", "missing")}
    told = statement.values({each.name: bindparam(each.name) for each in EPOCH.c})
    return Fixed(told.on_conflict_do_update(index_elements=["tenant", "device", "epoch"], set_=moved))


class DeviceState(StrEnum):
    """Whether a laptop may sync: a waiting one not yet, forked and revoked ones may only upload, into quarantine."""

    WAITING = "waiting"
    ACTIVE = "active"
    FORKED = "forked"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled laptop. `epoch` is where its next commands go.

    `scope_seq` is the place in the feed at which it was last given other records to see. `key_expires_at` is when its
    key runs out; None for never.
    """

    id: str
    name: str
    actor: str
    state: DeviceState
    epoch: int
    enrolled_at: datetime
    last_seen_at: datetime | None = None
    scope_seq: int = 0
    report: str | None = None
    key_expires_at: datetime | None = None

    def key_ended(self, now: datetime) -> bool:
        """Whether its key has run out by `now`."""
        return self.key_expires_at is not None and self.key_expires_at <= now


@value(frozen=True, slots=True)
class Epoch:
    """One stretch of a laptop's chain: the last envelope received in it, and why it was opened.

    `missing` are the numbers that the device said are lost; None while it has not ended that way.
    """

    device: str
    epoch: int
    head_seq: int
    head_hash: str | None
    opened_at: datetime
    reason: str
    missing: tuple[int, ...] | None = None

    def at(self, head_seq: int, head_hash: str) -> "Epoch":
        """The same stretch with another end."""
        return Epoch(self.device, self.epoch, head_seq, head_hash, self.opened_at, self.reason, self.missing)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may sign for a purpose: ``device``, ``technician``, ``office`` or ``receipt``.

    `succession` is the statement by which the receipt key before it handed over (JSON of an envelope).
    """

    keyid: str
    tenant: str
    purpose: str
    device: str | None
    actor: str | None
    public: bytes
    state: str
    sealed: str | None = None
    succession: str | None = None


@dataclass(frozen=True, slots=True)
class EnrolCode:
    """A one-time code by its hash. `waits`: its laptop is to be approved before it does anything."""

    hash: str
    tenant: str
    person: str
    expires_at: datetime
    keyid: str | None
    waits: bool = False


class Devices(Part):
    """Keys, codes, laptops, epochs, nonces."""

    # -- keys

    def add_key(self, key: Key) -> None:
        """Enrol a key. Raises `Refused` if it is enrolled already: a key belongs to one tenant, once."""
        names = ("keyid", "tenant", "purpose", "device", "actor", "state", "sealed", "succession")
        values = {name: getattr(key, name) for name in names}
        try:
            self._do(insert(KEY).values(public=key.public.hex(), **values))
        except IntegrityError as error:
            raise Refused(Code.STALE, "this key is enrolled already") from error

    def key(self, keyid: str) -> Key | None:
        """A key by its id."""
        row = self._one(_KEY, named=keyid)
        return _key(row) if row else None

    def keys(self, tenant: str, purpose: str) -> list[Key]:
        """Every key of the tenant for `purpose`, by id."""
        return [_key(row) for row in self._all(_KEYS, of=tenant, meant_for=purpose)]

    def server_key(self, tenant: str, purpose: str) -> Key | None:
        """The tenant's own active key for ``office`` or ``receipt``."""
        row = self._one(_ACTIVE_KEY, of=tenant, meant_for=purpose)
        return _key(row) if row else None

    def set_key_state(self, keyid: str, state: str) -> None:
        """Retire or revoke a key."""
        self._do(update(KEY).where(KEY.c.keyid == keyid).values(state=state))

    # -- codes

    def add_code(self, code: EnrolCode) -> None:
        """Keep a fresh enrolment code."""
        values = {name: getattr(code, name) for name in ("hash", "tenant", "person", "keyid", "waits")}
        self._do(insert(CODE).values(expires_at=code.expires_at.isoformat(), **values))

    def code(self, code_hash: str) -> EnrolCode | None:
        """A code by its hash, used or not."""
        row = self._one(select(CODE).where(CODE.c.hash == code_hash).with_for_update())
        if row is None:
            return None
        return EnrolCode(row.hash, row.tenant, row.person, to_instant(row.expires_at), row.keyid, bool(row.waits))

    def use_code(self, code_hash: str, keyid: str) -> None:
        """Bind a code to the device key that used it."""
        self._do(update(CODE).where(CODE.c.hash == code_hash).values(keyid=keyid))

    # -- laptops

    def add_device(self, tenant: str, device: Device) -> None:
        """Enrol a laptop and open its first epoch."""
        self._do(
            insert(DEVICE).values(
                tenant=tenant,
                id=device.id,
                name=device.name,
                actor=device.actor,
                state=device.state,
                epoch=device.epoch,
                enrolled_at=device.enrolled_at.isoformat(),
                scope_seq=device.scope_seq,
                key_expires_at=_text(device.key_expires_at),
            )
        )
        self.put_epoch(tenant, Epoch(device.id, device.epoch, 0, None, device.enrolled_at, "enrolled"))

    def device(self, tenant: str, device: str, *, lock: bool = False) -> Device | None:
        """A laptop by id; with `lock`, held until the transaction ends."""
        row = self._one(_DEVICE_LOCKED if lock else _DEVICE, of=tenant, named=device)
        return _device(row) if row else None

    def devices(self, tenant: str) -> list[Device]:
        """Every laptop, by id."""
        return [_device(row) for row in self._all(_DEVICES, of=tenant)]

    def devices_wanting(self, tenant: str) -> int:
        """How many laptops wait for somebody: to be approved, or looked at because they have two histories."""
        return int(self._one(_WANTED, of=tenant).number)

    def put_device(self, tenant: str, device: Device) -> None:
        """Keep the state, epoch and scope of a laptop, and until when its key is good."""
        values = {name: getattr(device, name) for name in ("state", "epoch", "scope_seq")}
        values["key_expires_at"] = _text(device.key_expires_at)
        self._do(_PUT_DEVICE, {"of": tenant, "named": device.id, **values})

    def touch(self, tenant: str, device: str, seen_at: datetime, report: str | None) -> None:
        """Remember when a laptop was last heard, and what it said of itself, if it did."""
        heard = {"of": tenant, "named": device, "seen_at": seen_at.isoformat()}
        if report:
            self._do(_HEARD_SAYING, {**heard, "report": report})
        else:
            self._do(_HEARD_OF, heard)

    # -- epochs

    def epochs(self, tenant: str, device: str) -> dict[int, Epoch]:
        """Every epoch of a laptop by its number."""
        return {row.epoch: _epoch(row) for row in self._all(_EPOCHS, of=tenant, named=device)}

    def put_epoch(self, tenant: str, epoch: Epoch) -> None:
        """Open an epoch, or move its end on."""
        values = {
            "tenant": tenant,
            "device": epoch.device,
            "epoch": epoch.epoch,
            "head_seq": epoch.head_seq,
            "head_hash": epoch.head_hash,
            "opened_at": epoch.opened_at.isoformat(),
            "reason": epoch.reason,
            "missing": None if epoch.missing is None else json.dumps(epoch.missing),
        }
        self._do(_put_epoch(self._insert), values)

    # -- nonces

    def spend_nonce(self, keyid: str, nonce: str, seen_at: datetime) -> bool:
        """Remember a request. False if it was seen before."""
        values = {"keyid": keyid, "nonce": nonce, "seen_at": seen_at.isoformat()}
        return self._one(_spend(self._insert), **values) is not None

    def forget_nonces(self, before: datetime) -> None:
        """Drop the requests that are too old to be taken again anyway."""
        self._do(_FORGET_NONCES, {"before": before.isoformat()})


def _key(row: Any) -> Key:
    return Key(
        keyid=row.keyid,
        tenant=row.tenant,
        purpose=row.purpose,
        device=row.device,
        actor=row.actor,
        public=bytes.fromhex(row.public),
        state=row.state,
        sealed=row.sealed,
        succession=row.succession,
    )


def _device(row: Any) -> Device:
    return Device(
        id=row.id,
        name=row.name,
        actor=row.actor,
        state=DeviceState(row.state),
        epoch=row.epoch,
        enrolled_at=to_instant(row.enrolled_at),
        last_seen_at=to_instant(row.last_seen_at) if row.last_seen_at else None,
        scope_seq=row.scope_seq,
        report=row.report,
        key_expires_at=to_instant(row.key_expires_at) if row.key_expires_at else None,
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _epoch(row: Any) -> Epoch:
    return Epoch(
        device=row.device,
        epoch=row.epoch,
        head_seq=row.head_seq,
        head_hash=row.head_hash,
        opened_at=to_instant(row.opened_at),
        reason=row.reason,
        missing=None if row.missing is None else tuple(json.loads(row.missing)),
    )
