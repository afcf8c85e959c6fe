"""The verbs about who may sign in at the console."""

import argparse
import sys
from pathlib import Path

from shared.commandline import Report, UsageError
from shared.ports import Randomness
from sync_server.asked_of import office_of

#: Letters and digits that are not mistaken for one another when written down.
_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"
_GROUPS, _GROUP = 4, 5


def account_set(arguments: argparse.Namespace) -> Report:
    """Give a person a password: the one that was written somewhere, or a fresh one that is said once."""
    office, tenant = office_of(arguments)
    told = _told(arguments.password) if arguments.password else None
    password = told or _fresh(office.service.ports.randomness)
    office.set_password(tenant, arguments.person, password, arguments.actor)
    lines = [f"{arguments.person} can sign in at /console/ of this server."]
    if told is None:
        lines.append(f"The password, which is shown this once: {password}")
    return Report(
        "tailboard.account.v1", {"person": arguments.person} | ({} if told else {"password": password}), lines
    )


def account_list(arguments: argparse.Namespace) -> Report:
    """Who may sign in."""
    office, tenant = office_of(arguments)
    found = office.accounts(tenant)
    data = {"accounts": [{"person": each.person, "set_at": each.set_at.isoformat()} for each in found]}
    lines = [f"{each.person}  password of {each.set_at:%Y-%m-%d}" for each in found]
    return Report("tailboard.accounts.v1", data, lines or ["Nobody yet; run: tailboard-server account set PERSON"])


def account_close(arguments: argparse.Namespace) -> Report:
    """Take the sign-in away."""
    office, tenant = office_of(arguments)
    office.close_account(tenant, arguments.person, arguments.actor)
    return Report(
        "tailboard.account.v1", {"person": arguments.person, "closed": True}, [f"{arguments.person} cannot sign in."]
    )


def _told(source: str) -> str:
    """The first line of a file, or of standard input."""
    try:
        text = sys.stdin.readline() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read a password from {source}: {error}") from error
    return text.partition("\n")[0].rstrip("\r")


def _fresh(randomness: Randomness) -> str:
    """A password of about 98 bits; bytes that would favour some letters are passed over."""
    letters: list[str] = []
    while len(letters) < _GROUPS * _GROUP:
        usable = (byte for byte in randomness.draw(32) if byte < 256 - 256 % len(_LETTERS))
        letters += [_LETTERS[byte % len(_LETTERS)] for byte in usable]
    return "-".join("".join(letters[at : at + _GROUP]) for at in range(0, _GROUPS * _GROUP, _GROUP))
