"""What `tailboard-server policy check | test | diff` do: thin shells over `policies`, which decide everything.

A bundle is named by its folder, or by the one file into which it was packed; without a name it is the one that ships.
A bundle that cannot be used is an answer of no, with the file and the place, not a fault.
"""

import argparse
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from policies.bundle import FILES, BadBundle, Bundle, parse_bundle, unpack
from policies.corpus import BadCorpus, read_corpus, run_corpus
from policies.flips import Flip, replay
from shared.commandline import Report, UsageError
from shared.routing import Decision

#: So many are shown on a screen; `--json` has them all.
SHOWN = 40
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


def check(arguments: argparse.Namespace) -> Report:
    """Whether the bundle can be used, and what is in it."""
    try:
        bundle = read_bundle(arguments.bundle)
    except BadBundle as error:
        return Report("tailboard.policy.check.v1", {"error": str(error)}, [str(error)], ok=False)
    manifest = bundle.manifest
    policies = sorted(bundle.policies.values(), key=lambda policy: policy.id)
    validity = f"valid from {manifest.valid_from:%Y-%m-%d} to {manifest.expires_at:%Y-%m-%d}"
    lines = [
        f"{bundle.version}: {len(policies)} policies, {validity}",
        *(f"  {'forbid' if each.forbids else 'permit'} {each.id}: {each.reason}" for each in policies),
    ]
    data = {
        "bundle": bundle.version,
        "sha256": bundle.digest(),
        "valid_from": manifest.valid_from,
        "expires_at": manifest.expires_at,
        "policies": [{"id": each.id, "reason": each.reason, "forbids": each.forbids} for each in policies],
    }
    return Report("tailboard.policy.check.v1", data, lines)


def test(arguments: argparse.Namespace) -> Report:
    """Whether the bundle decides every case of a corpus as expected."""
    try:
        bundle, corpus = read_bundle(arguments.bundle), read_corpus(_corpus_text(arguments.corpus))
    except (BadBundle, BadCorpus) as error:
        return Report("tailboard.policy.test.v1", {"error": str(error)}, [str(error)], ok=False)
    misses = run_corpus(bundle, corpus)
    wrong = len({miss.case for miss in misses})
    data = {
        "bundle": bundle.version,
        "cases": len(corpus.cases),
        "wrong": wrong,
        "misses": [
            {"case": each.case, "field": each.field, "expected": each.expected, "decided": each.decided}
            for each in misses
        ],
    }
    lines = [
        f"{bundle.version}: {len(corpus.cases)} cases, {wrong} decided otherwise",
        *(f"  {each.case}: {each.field} is {each.decided!s}, expected {each.expected!s}" for each in misses[:SHOWN]),
    ]
    return Report("tailboard.policy.test.v1", data, lines, ok=not misses)


def diff(arguments: argparse.Namespace) -> Report:
    """Every recorded decision that the bundle would make otherwise; the answer is no if there is one."""
    try:
        bundle = read_bundle(arguments.bundle)
    except BadBundle as error:
        return Report("tailboard.policy.diff.v1", {"error": str(error)}, [str(error)], ok=False)
    told = replay(bundle, _recorded(arguments))
    wider = sum(flip.wider for flip in told.flips)
    lines = [
        f"{bundle.version}: {told.replayed} decisions made again, {len(told.flips)} flip, {wider} of them wider",
        *(f"  {_line(flip)}" for flip in told.flips[:SHOWN]),
    ]
    if len(told.flips) > SHOWN:
        lines.append(f"  and {len(told.flips) - SHOWN} more; see --json")
    if told.damaged:
        lines.append(f"  {len(told.damaged)} records were changed after they were written, and were not replayed")
    data = {
        "bundle": bundle.version,
        "replayed": told.replayed,
        "wider": wider,
        "flips": [_data(flip) for flip in told.flips],
        "damaged": told.damaged,
    }
    return Report("tailboard.policy.diff.v1", data, lines, ok=not told.flips and not told.damaged)


def _recorded(arguments: argparse.Namespace) -> list[Decision]:
    """What to decide again: from a file, or what laptops told. Raises `UsageError`."""
    if (arguments.replay is None) == (arguments.since is None):
        raise UsageError("Say either --replay FILE, or --since WHEN for what laptops told.")
    if arguments.replay is not None:
        return read_decisions(Path(arguments.replay))
    from sync_server.asked_of import office_of  # noqa: PLC0415  # a file needs no server

    office, tenant = office_of(arguments)
    since = read_since(arguments.since, office.service.ports.clock.now())
    return office.decisions_told(tenant, since)


def read_since(text: str, now: datetime) -> datetime:
    """The instant that ``12h``, ``3d`` or a date names. Raises `UsageError`."""
    number, unit = text[:-1], text[-1:]
    if number.isascii() and number.isdigit() and unit in _UNITS and len(number) < 6:
        return now - int(number) * _UNITS[unit]
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text}: write 12h, 3d, or a date such as 2026-05-01.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _line(flip: Flip) -> str:
    purpose, data_class = flip.task
    return f"{flip.at:%Y-%m-%d %H:%M:%S} {flip.before.request.device} {purpose}, {data_class}: {flip.how()}"


def _data(flip: Flip) -> dict[str, Any]:
    return {
        "decision": flip.before.hash,
        "at": flip.at,
        "device": flip.before.request.device,
        "purpose": flip.task[0],
        "data_class": flip.task[1],
        "before": flip.before.route,
        "after": flip.after.route,
        "wider": flip.wider,
        "how": flip.how(),
    }


def read_bundle(name: str | None) -> Bundle:
    """The bundle in a folder or a packed file; the one that ships if `name` is None.

    Raises:
        BadBundle: it cannot be used.
        UsageError: there is no such folder or file.
    """
    if name is None:
        folder = resources.files("policies.default")
        return parse_bundle({each: (folder / each).read_text(encoding="utf-8") for each in FILES})
    path = Path(name)
    if path.is_dir():
        return parse_bundle({each: _text(path / each) for each in FILES if (path / each).exists()})
    if not path.is_file():
        raise UsageError(f"There is no folder or file {name}. A bundle is a folder with {', '.join(FILES)}.")
    return unpack(path.read_bytes())


def read_decisions(path: Path) -> list[Decision]:
    """Recorded decisions, a JSON object a line. Raises `UsageError` for a line that is none."""
    decisions = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            try:
                decisions.append(Decision.model_validate_json(line))
            except ValidationError as error:
                where = ".".join(str(part) for part in error.errors()[0]["loc"])
                raise UsageError(f"{path}, line {number} is no recorded decision ({where}).") from error
    return decisions


def _corpus_text(name: str | None) -> str:
    if name is None:
        return (resources.files("policies.default") / "corpus.jsonl").read_text(encoding="utf-8")
    return _text(Path(name))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start}).") from error
