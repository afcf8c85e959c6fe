"""What `tailboard library` does: the manuals on this laptop, without a network and without a model."""

import argparse
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from device.bootstrap import Device
from device.commands import with_device
from device.library.library import Standing, standing_words
from device.library.search import Hit
from device.plain import plain
from shared.commandline import Report, UsageError, words_or_input

EXCERPT_CHARS = 300
_NONE = "No manuals on this laptop yet. They come with: tailboard sync"


def listed(arguments: argparse.Namespace) -> Report:
    """Every document and how far it is."""

    def work(device: Device) -> Report:
        today = device.ports.clock.now().date()
        standings = device.library.standings()
        data = {"documents": [_as_json(each) for each in standings]}
        lines = [
            plain(f"{each.document.id:<20} {standing_words(each, late=each.document.out_of_date(today))}")
            for each in standings
        ]
        return Report("tailboard.library.v1", data, lines or [_NONE])

    return with_device(arguments, work)


def _as_json(standing: Standing) -> dict[str, Any]:
    document, indexed = standing.document, standing.indexed
    return {
        "id": document.id,
        "title": document.title,
        "revision": document.revision,
        "sha256": document.sha256,
        "size": document.file.size,
        "media_type": document.file.media_type,
        "data_class": document.data_class,
        "team": document.team,
        "valid_until": document.valid_until.isoformat() if document.valid_until else None,
        "bytes_here": standing.here,
        "state": indexed.state if indexed else None,
        "pages_read": indexed.following if indexed else 0,
        "pages": indexed.total if indexed else None,
        "problem": standing.problem or None,
        "note": indexed.note if indexed else "",
    }


def searched(arguments: argparse.Namespace) -> Report:
    """The nearest passages."""
    text = words_or_input(arguments.text)
    if arguments.most < 1:
        raise UsageError("--most needs at least 1.")

    def work(device: Device) -> Report:
        hits = device.library.hits(text, arguments.most)
        waiting = [each.document.id for each in device.library.standings() if each.waits]
        lines = [line for number, hit in enumerate(hits, start=1) for line in _hit_lines(number, hit)]
        if waiting:
            lines.append(f"Not read yet: {', '.join(waiting)}. Run: tailboard library index")
        if not hits:
            lines.insert(0, "Nothing is near to that." if device.library.documents() else _NONE)
        data = {"hits": [_hit_json(hit) for hit in hits], "not_read": waiting}
        return Report("tailboard.library.search.v1", data, lines)

    return with_device(arguments, work)


def _hit_lines(number: int, hit: Hit) -> list[str]:
    section = f", {hit.found.section}" if hit.found.section else ""
    place = f"{hit.document.id}, revision {hit.document.revision}, page {hit.found.page}{section}"
    return [plain(f"{number}  {place}"), plain(f"   {' '.join(hit.found.body.split())[:EXCERPT_CHARS]}")]


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "document": hit.document.id,
        "title": hit.document.title,
        "revision": hit.document.revision,
        "page": hit.found.page,
        "section": hit.found.section,
        "text": hit.found.body,
    }


def indexed(arguments: argparse.Namespace) -> Report:
    """Read what waits, with a bar on standard error."""

    def work(device: Device) -> Report:
        library = device.library
        library.forget_others()
        with _bar() as bar:
            tasks: dict[str, Any] = {}
            while progress := library.index_step():
                name, now = progress.document.id, progress.now
                if name not in tasks:
                    tasks[name] = bar.add_task(plain(name), total=max(now.total, 1))
                bar.update(tasks[name], completed=now.following, total=max(now.total, 1))
        standings = library.standings()
        failed = [each for each in standings if each.problem]
        lines = [plain(f"{each.document.id}: {standing_words(each, late=False)}") for each in standings]
        data = {"documents": [_as_json(each) for each in standings]}
        return Report("tailboard.library.v1", data, lines or [_NONE], ok=not failed)

    return with_device(arguments, work)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("pages"))
    return Progress(*columns, console=Console(file=sys.stderr), disable=not sys.stderr.isatty())


def opened(arguments: argparse.Namespace) -> Report:
    """One page."""

    def work(device: Device) -> Report:
        document = device.library.document(arguments.document)
        text = device.library.page(document, arguments.page)
        head = f"{document.title}, revision {document.revision}, page {arguments.page}"
        data = {"document": document.id, "revision": document.revision, "page": arguments.page, "text": text}
        return Report(
            "tailboard.library.page.v1", data, [plain(head), "", *(plain(line) for line in text.splitlines())]
        )

    return with_device(arguments, work)
