"""Who may sign in at the console, and who is signed in.

Rules
1. A password is kept as an argon2id hash with a salt of its own, and hashed outside any transaction: it takes a
   processor for a while on purpose.
2. Every sign-in counts as fruitless before the password is looked at, so that guesses made at once count, too; one
   that succeeds takes the account's count away. After the free tries the pause doubles with each, for the account and
   for the address; nobody is shut out for longer than `PAUSE_MAX`.
3. Whoever does not exist takes as long to refuse as a wrong password, and is refused in the same words.
4. A session ends when it was not used for `IDLE`, after `LONGEST` in any case, and when its person's password
   changes. What the person may do is looked up at each request, so that a role that was taken away is gone at once.

Source: RFC 9106 (argon2id); NIST SP 800-63B, sections 5.1.1.2 (passwords), 5.2.2 (throttling) and 7 (sessions).
"""

import base64
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.backoff import backoff
from shared.commands.base import SERVICE_PERSON, Role
from shared.ids import sha256_hex
from shared.problems import Code, Refused
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit
from sync_server.store import Account, ConsoleSession, Person, Tx

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 12, 128
IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
PAUSE, PAUSE_MAX = timedelta(seconds=2), timedelta(minutes=15)
#: So many sign-ins in vain are free: of an account, and from an address, behind which may be a whole office.
FREE_TRIES, FREE_TRIES_THERE = 5, 50
#: A session's row is written again no more often than this.
_SEEN_EVERY = timedelta(minutes=1)
_FORGET_FRUITLESS = timedelta(days=1)
_HASHER = PasswordHasher()
#: Of a password that nobody has, for rule 3.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$QzXJpdxApIJjJ/BZL5Rb16ZaBDGeRNaaf/xwJ0y0N0U"
_WRONG = "That person and password do not belong together."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody at a browser: where, who, and the token that says so."""

    tenant: str
    person: Person
    token: str


class ConsoleAccounts(OfficePart):
    """Accounts and sessions of the console."""

    def set_password(self, tenant: str, person: str, password: str, actor: str | None = None) -> None:
        """Let a person sign in with `password`; wherever they are signed in, they no longer are.

        Args:
            tenant: where.
            person: who; a person of the organisation.
            password: of `PASSWORD_CHARS_MIN` to `PASSWORD_CHARS_MAX` characters.
            actor: an administrator or the person; None for whoever has the server's shell.

        Raises:
            Refused: `malformed`, `not_found`, `not_permitted`.
        """
        hashed = _HASHER.hash(_checked(password, person), salt=self.service.ports.randomness.draw(16))

        def work(tx: Tx, batch: Batch) -> None:
            if actor not in (None, person):
                permit(tx, tenant, actor or "", Role.ADMIN)
            if person == SERVICE_PERSON or tx.person(tenant, person) is None:
                raise Refused(Code.NOT_FOUND, f"there is no person {person}; run: tailboard-server person add")
            tx.put_account(tenant, Account(person, hashed, self.service.ports.clock.now()))
            tx.end_sessions(tenant, person)
            tx.forget_fruitless(_account_key(tenant, person))
            batch.note(act="password", person=person, actor=actor)

        self._unit(tenant, work)

    def close_account(self, tenant: str, person: str, actor: str | None = None) -> None:
        """A person can no longer sign in, and is signed out everywhere. Raises `Refused` as `set_password` does."""

        def work(tx: Tx, batch: Batch) -> None:
            if actor is not None:
                permit(tx, tenant, actor, Role.ADMIN)
            tx.end_sessions(tenant, person)
            if not tx.drop_account(tenant, person):
                raise Refused(Code.NOT_FOUND, f"{person} has no account in {tenant}")
            batch.note(act="account closed", person=person, actor=actor)

        self._unit(tenant, work)

    def accounts(self, tenant: str) -> list[Account]:
        """Every account, by person."""
        with self.service.store.transaction() as tx:
            return tx.accounts(tenant)

    def sign_in(self, tenant: str | None, person: str, password: str, address: str) -> SignedIn:
        """A new session.

        Args:
            tenant: where; None for the only organisation of this server.
            person: who.
            password: as typed.
            address: where the request came from, for the throttle.

        Raises:
            Refused: `sign_in_failed`, or `sign_in_later` with the seconds to wait.
        """
        named = person.strip()
        where = self._tenant_of(tenant)
        keys = {_account_key(where or "", named): FREE_TRIES, f"address {address}": FREE_TRIES_THERE}
        account = self.service.store.attempt(lambda tx: self._begin(tx, where, named, keys))
        if not _fits(account.password_hash if account else _NOBODYS, _normal(password)) or account is None:
            raise Refused(Code.SIGN_IN_FAILED, _WRONG)
        token = base64.urlsafe_b64encode(self.service.ports.randomness.draw(32)).decode().rstrip("=")
        found = self.service.store.attempt(lambda tx: self._welcome(tx, where or "", account, token))
        if found is None:
            raise Refused(Code.SIGN_IN_FAILED, _WRONG)
        return SignedIn(where or "", found, token)

    def signed_in(self, token: str) -> SignedIn | None:
        """Who is at the browser that shows `token`; None if nobody is signed in there any more."""

        def unit(tx: Tx) -> SignedIn | None:
            session, now = tx.session(token_hash(token)), self.service.ports.clock.now()
            if session is None:
                return None
            person = tx.person(session.tenant, session.person)
            if over(session, now) or person is None:
                tx.end_session(session.token_hash)
                return None
            if now - session.seen_at >= _SEEN_EVERY:
                tx.see_session(session.token_hash, now)
            return SignedIn(session.tenant, person, token)

        return self.service.store.attempt(unit)

    def sign_out(self, token: str) -> None:
        """End one session; that it was over is no error."""
        self.service.store.attempt(lambda tx: tx.end_session(token_hash(token)))

    def _tenant_of(self, asked: str | None) -> str | None:
        with self.service.store.transaction() as tx:
            tenants = list(tx.tenants())
        if asked:
            return asked if asked in tenants else None
        return tenants[0] if len(tenants) == 1 else None

    def _begin(self, tx: Tx, tenant: str | None, person: str, keys: Mapping[str, int]) -> Account | None:
        """Count the try, and find the account that it is for."""
        now = self.service.ports.clock.now()
        tx.drop_fruitless(now - _FORGET_FRUITLESS)
        tx.drop_sessions(now - IDLE)
        before = {key: tx.fruitless(key) for key in sorted(keys)}
        wait = max(_wait(told, keys[key], now) for key, told in before.items())
        if wait > timedelta():
            seconds = max(1, round(wait.total_seconds()))
            words = f"Too many sign-ins in vain. Try again in {seconds} seconds."
            raise Refused(Code.SIGN_IN_LATER, words, retry_after_s=seconds)
        for key, told in before.items():
            tx.note_fruitless(key, (told[0] if told else 0) + 1, now)
        return None if tenant is None else tx.account(tenant, person)

    def _welcome(self, tx: Tx, tenant: str, account: Account, token: str) -> Person | None:
        """The session's row, if the account is still the one that was looked at."""
        if tx.account(tenant, account.person) != account:
            return None
        now = self.service.ports.clock.now()
        tx.forget_fruitless(_account_key(tenant, account.person))
        tx.add_session(ConsoleSession(token_hash(token), tenant, account.person, now, now))
        return tx.person(tenant, account.person)


def _account_key(tenant: str, person: str) -> str:
    return f"account {tenant} {person[:64]}"


def _wait(told: tuple[int, datetime] | None, free: int, now: datetime) -> timedelta:
    """How much longer a sign-in has to wait after so many in vain."""
    if told is None or told[0] < free:
        return timedelta()
    times, last_at = told
    pause = backoff(PAUSE, PAUSE_MAX, times - free)
    return min(pause, last_at + pause - now)


def over(session: ConsoleSession, now: datetime) -> bool:
    """Whether a session has ended by itself."""
    return now >= min(session.seen_at + IDLE, session.begun_at + LONGEST)


def token_hash(token: str) -> str:
    """How a session's token is kept."""
    return sha256_hex(token.encode())


def _normal(password: str) -> str:
    """The same characters, however the keyboard composes them. Source: NIST SP 800-63B, 5.1.1.2."""
    return unicodedata.normalize("NFKC", password)[: PASSWORD_CHARS_MAX + 1]


def _checked(password: str, person: str) -> str:
    normal = _normal(password)
    if not PASSWORD_CHARS_MIN <= len(normal) <= PASSWORD_CHARS_MAX:
        words = f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters; a sentence is a good one"
        raise Refused(Code.MALFORMED, words)
    if person.casefold() in normal.casefold() or len(set(normal)) < 5:
        raise Refused(
            Code.MALFORMED, "a password must not hold the person's name, and takes five different characters"
        )
    return normal


def _fits(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
