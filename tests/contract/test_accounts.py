"""Who may sign in at the console: passwords, the throttle, and when a session ends."""

from datetime import timedelta

import pytest

from shared.commands.base import Role
from shared.problems import Code, Refused
from sync_server.office import Office
from sync_server.office.accounts import FREE_TRIES, FREE_TRIES_THERE, IDLE, LONGEST, PAUSE_MAX
from sync_server.store import Person
from tests.builders import StillClock
from tests.passwords import quick_passwords
from tests.served import TENANT

__all__ = ["quick_passwords"]

PASSWORD = "a gate behind the mill"


@pytest.fixture
def clock(office: Office) -> StillClock:
    found = office.service.ports.clock
    assert isinstance(found, StillClock)
    return found


@pytest.fixture(autouse=True)
def account(quick_passwords: None, office: Office) -> None:
    office.set_password(TENANT, "m.reyes", PASSWORD)


def refused(office: Office, person: str = "m.reyes", password: str = "wrong", address: str = "a") -> Code:
    with pytest.raises(Refused) as caught:
        office.sign_in(TENANT, person, password, address)
    return caught.value.problem.code


def test_a_session_says_who_it_is_until_it_is_ended(office: Office) -> None:
    who = office.sign_in(None, "m.reyes", PASSWORD, "a")
    found = office.signed_in(who.token)
    assert found is not None
    assert (found.tenant, found.person.id) == (TENANT, "m.reyes")
    office.sign_out(who.token)
    assert office.signed_in(who.token) is None
    assert office.signed_in("made up") is None


def test_neither_password_nor_token_is_kept(office: Office) -> None:
    who = office.sign_in(TENANT, "m.reyes", PASSWORD, "a")
    with office.service.store.transaction() as tx:
        account = tx.account(TENANT, "m.reyes")
    assert account is not None
    assert account.password_hash.startswith("$argon2id$")
    assert PASSWORD not in account.password_hash
    assert who.token not in str(account)
    with office.service.store.transaction() as tx:
        assert tx.session(who.token) is None


@pytest.mark.parametrize(
    ("person", "password"), [("m.reyes", "wrong"), ("nobody", PASSWORD), ("b.lind", PASSWORD), ("m.reyes", "")]
)
def test_whoever_does_not_fit_is_refused_in_the_same_words(office: Office, person: str, password: str) -> None:
    with pytest.raises(Refused) as caught:
        office.sign_in(TENANT, person, password, "a")
    assert caught.value.problem.code is Code.SIGN_IN_FAILED
    assert caught.value.problem.detail == "That person and password do not belong together."


def test_a_password_is_the_same_however_it_is_composed(office: Office) -> None:
    office.set_password(TENANT, "root", "une clé cachée là")
    assert office.sign_in(TENANT, "root", "une cle\u0301 cache\u0301e la\u0300", "a").person.id


@pytest.mark.parametrize("password", ["short", "x" * 129, "m.reyes is great", "aaaaaaaaaaaaaaaa"])
def test_a_weak_password_is_refused_with_what_to_do(office: Office, password: str) -> None:
    with pytest.raises(Refused) as caught:
        office.set_password(TENANT, "m.reyes", password)
    assert caught.value.problem.code is Code.MALFORMED
    assert office.sign_in(TENANT, "m.reyes", PASSWORD, "a").person.id


def test_guesses_have_to_wait_longer_and_longer_and_not_for_ever(office: Office, clock: StillClock) -> None:
    for _ in range(FREE_TRIES):
        assert refused(office) is Code.SIGN_IN_FAILED
    assert refused(office) is Code.SIGN_IN_LATER
    assert refused(office, password=PASSWORD, address="elsewhere") is Code.SIGN_IN_LATER
    clock.move(timedelta(seconds=2))
    assert refused(office) is Code.SIGN_IN_FAILED
    clock.move(timedelta(seconds=2))
    assert refused(office) is Code.SIGN_IN_LATER
    clock.move(PAUSE_MAX)
    assert office.sign_in(TENANT, "m.reyes", PASSWORD, "a").person.id
    assert refused(office) is Code.SIGN_IN_FAILED


def test_an_address_that_guesses_at_many_accounts_has_to_wait(office: Office) -> None:
    for number in range(FREE_TRIES_THERE):
        assert refused(office, person=f"p{number}") is Code.SIGN_IN_FAILED
    assert refused(office, password=PASSWORD) is Code.SIGN_IN_LATER
    assert office.sign_in(TENANT, "m.reyes", PASSWORD, "elsewhere").person.id


def test_a_session_ends_unused_and_in_any_case(office: Office, clock: StillClock) -> None:
    idle = office.sign_in(TENANT, "m.reyes", PASSWORD, "a")
    clock.move(IDLE - timedelta(seconds=1))
    assert office.signed_in(idle.token)
    clock.move(IDLE)
    assert office.signed_in(idle.token) is None
    busy = office.sign_in(TENANT, "m.reyes", PASSWORD, "a")
    for _ in range(LONGEST // timedelta(minutes=20) - 1):
        clock.move(timedelta(minutes=20))
        assert office.signed_in(busy.token)
    clock.move(timedelta(minutes=20))
    assert office.signed_in(busy.token) is None


def test_another_password_or_a_closed_account_signs_out_everywhere(office: Office) -> None:
    first = office.sign_in(TENANT, "m.reyes", PASSWORD, "a")
    office.set_password(TENANT, "m.reyes", "another gate altogether", "root")
    assert office.signed_in(first.token) is None
    second = office.sign_in(TENANT, "m.reyes", "another gate altogether", "a")
    office.close_account(TENANT, "m.reyes", "root")
    assert office.signed_in(second.token) is None
    assert refused(office, password="another gate altogether") is Code.SIGN_IN_FAILED


def test_only_an_administrator_sets_somebody_elses_password(office: Office) -> None:
    with pytest.raises(Refused) as caught:
        office.set_password(TENANT, "m.reyes", "another gate altogether", "b.lind")
    assert caught.value.problem.code is Code.NOT_PERMITTED
    office.set_password(TENANT, "m.reyes", "another gate altogether", "m.reyes")
    with pytest.raises(Refused) as caught:
        office.set_password(TENANT, "nobody", "another gate altogether")
    assert caught.value.problem.code is Code.NOT_FOUND


def test_a_role_that_was_taken_away_is_gone_at_the_next_look(office: Office) -> None:
    who = office.sign_in(TENANT, "m.reyes", PASSWORD, "a")
    office.put_person(TENANT, Person("m.reyes", "M. Reyes", frozenset({Role.AUDITOR})))
    found = office.signed_in(who.token)
    assert found is not None
    assert found.person.roles == {Role.AUDITOR}
