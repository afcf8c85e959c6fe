"""What `tailboard-server vocabulary learn | publish | list` do: from parsed arguments to a `Report`."""

import argparse
from pathlib import Path
from typing import Any

from shared.commandline import Report, UsageError
from shared.ports import system_ports
from shared.vocabulary import (
    VOCABULARY_BYTES_MAX,
    BadHistory,
    BadVocabulary,
    Found,
    Grade,
    Vocabulary,
    cross_validated,
    read_history,
)
from sync_server.asked_of import office_of


def learn(arguments: argparse.Namespace) -> Report:
    """Learn a vocabulary from a file of notes, and say how good it is on notes that it does not know."""
    if arguments.folds and not 2 <= arguments.folds <= 20:
        raise UsageError("--folds is 2 to 20, or 0 to leave the check out.")
    try:
        notes = read_history(_read(arguments.file))
    except BadHistory as error:
        raise UsageError(f"{arguments.file} is no history of notes: {error}.") from error
    clock = system_ports().clock
    began = clock.monotonic_s()
    vocabulary = Vocabulary.learned(notes)
    seconds = clock.monotonic_s() - began
    raw = vocabulary.to_bytes()
    if len(raw) > VOCABULARY_BYTES_MAX:
        raise UsageError(f"The vocabulary would have {len(raw):,} bytes; learn from fewer notes.")
    grade = cross_validated(notes, arguments.folds) if 1 < arguments.folds <= len(notes) else None
    if arguments.output:
        Path(arguments.output).write_bytes(raw)
    data: dict[str, Any] = {
        "notes": len(notes),
        "tokens": sum(map(len, notes)),
        "entries": vocabulary.entries,
        "bytes": len(raw),
        "seconds": round(seconds, 3),
        "output": arguments.output,
        "held_out": _graded(grade, arguments.folds) if grade else None,
    }
    return Report("tailboard.vocabulary-learned.v1", data, _lines(data, arguments.output))


def _graded(grade: Grade, folds: int) -> dict[str, Any]:
    return {
        "folds": folds,
        "error_reduction": round(grade.error_reduction, 4),
        "ids": _found(grade.ids),
        "sensitive": _found(grade.sensitive),
    }


def _found(found: Found) -> dict[str, Any]:
    return {
        "recall": round(found.recall, 4),
        "precision": round(found.precision, 4),
        "found": found.found,
        "leaks": found.missed,
        "wrong": found.wrong,
    }


def _lines(data: dict[str, Any], output: str | None) -> list[str]:
    lines = [
        f"{data['notes']:,} notes, {data['tokens']:,} words, learned in {data['seconds']:.1f} s",
        f"{data['entries']:,} entries, {data['bytes']:,} bytes",
    ]
    if held := data["held_out"]:
        lines += [
            f"on notes not learned from ({held['folds']} parts): {held['error_reduction']:.1%} of errors gone",
            *(
                f"  {name:<10} recall {held[name]['recall']:.1%}, precision {held[name]['precision']:.1%}, "
                f"{held[name]['leaks']} not marked"
                for name in ("ids", "sensitive")
            ),
        ]
    lines.append(f"Next: tailboard-server vocabulary publish {output} --as PERSON" if output else "Nothing was kept.")
    return lines


def publish(arguments: argparse.Namespace) -> Report:
    """Give a learned vocabulary to the laptops."""
    raw = _read(arguments.file)
    try:
        entries = Vocabulary.from_bytes(raw).entries
    except BadVocabulary as error:
        raise UsageError(f"{arguments.file} is no vocabulary: {error}. Nothing was published.") from error
    office, tenant = office_of(arguments)
    number = office.publish_vocabulary(tenant, arguments.actor, raw)
    data = {"version": number, "entries": entries, "bytes": len(raw)}
    return Report("tailboard.vocabulary-published.v1", data, [f"Vocabulary {number} is published; laptops take it."])


def listed(arguments: argparse.Namespace) -> Report:
    """What is published."""
    office, tenant = office_of(arguments)
    found = office.vocabularies(tenant)
    data = [{"version": number, "bytes": size} for number, size in found.items()]
    lines = [f"{number:>6}  {size:>10,} bytes" for number, size in found.items()] or ["No vocabulary is published."]
    return Report("tailboard.vocabularies.v1", {"vocabularies": data}, lines)


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}.") from error
