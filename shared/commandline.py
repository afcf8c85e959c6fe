"""The shape of our three command lines: nouns first, one exit code table, one `--json` form.

A command line is a table of verbs. A verb names its handler as text, so that `--help` and `--version` answer without
importing a database, a web framework or a model. A handler takes the parsed arguments and returns a `Report`.

Exit codes: 0 ok · 1 the answer is no · 2 usage · 3 a fault.
"""

import argparse
import gc
import importlib
import json
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OK, NO, USAGE, FAULT = 0, 1, 2, 3
_SPELLED = str.maketrans(
    {
        "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-",
        "×": "x", "≤": "<=", "≥": ">=", "±": "+/-", "°": " deg ", "µ": "u", "·": ".", "•": "*", "ß": "ss",
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)  # fmt: skip
_EXITS = "exit codes: 0 ok, 1 the answer is no, 2 usage, 3 a fault"


class _Version(argparse.Action):
    """Says the version. It is looked up only then: that takes as long as all the rest of ``--help``."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Say it and end."""
        from importlib import metadata  # noqa: PLC0415

        sys.stdout.write(f"{parser.prog} {metadata.version('tailboard')}\n")
        parser.exit()


@dataclass(frozen=True)
class Argument:
    """One argument or option: its flags, and what `argparse` is told about it."""

    flags: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Verb:
    """One thing that a program does.

    Args:
        path: the words that call it, nouns first; empty for what the program does when called alone. A noun that has
            verbs may be called alone too, if its own arguments are options.
        summary: one line for the help.
        handler: ``module:function``, imported only when called.
        arguments: what it takes.
        reports: whether it has a `--json` form.
    """

    path: tuple[str, ...]
    summary: str
    handler: str
    arguments: tuple[Argument, ...] = ()
    reports: bool = True


@dataclass(frozen=True)
class Program:
    """A command line: what it is called, what it does, how it is used. Every verb takes the `common` arguments."""

    name: str
    summary: str
    verbs: tuple[Verb, ...]
    examples: str
    common: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a handler has to say: `data` for programs, `lines` for people, and whether the answer is yes."""

    schema: str
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    ok: bool = True


class UsageError(Exception):
    """The words of the call do not make sense together; the message says what to write instead."""


def argument(*flags: str, **settings: Any) -> Argument:
    """Shorthand for an `Argument`; `settings` are those of `argparse.ArgumentParser.add_argument`."""
    return Argument(flags, settings)


def words_or_input(text: str) -> str:
    """What was typed; ``-`` stands for standard input. Raises `UsageError` if that is not UTF-8."""
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"Standard input is not UTF-8 (byte {error.start}).") from error


def _collect_seldom() -> None:
    """Look for reference cycles seldom, and never among what is loaded by now.

    A round makes thousands of objects and no cycles; by itself Python spends a fifth of a server's time on looking
    (ADR 13).
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def run(program: Program, argv: Sequence[str] | None, faults: Callable[[Exception], int | None]) -> int:
    """Parse, call the handler, print, and return the exit code.

    Args:
        program: the table.
        argv: the words after the program's name; those of this process if None.
        faults: the exit code for an exception that is a sentence for a person, None for any other (a bug, raised on).
    """
    parser = _parser(program)
    arguments = parser.parse_args(argv)
    handler = getattr(arguments, "handler", None)
    if handler is None:
        parser.print_help()
        return OK
    as_json, plain = getattr(arguments, "json", False), getattr(arguments, "plain", False)
    try:
        work = _load(handler)
        if argv is None:  # it is this process, and no guest in another
            _collect_seldom()
        return _print(work(arguments), as_json=as_json, plain=plain)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except UsageError as error:
        return _complain(_as_said(str(error), plain=plain), USAGE, as_json=as_json)
    except Exception as error:
        code = faults(error)
        if code is None:
            raise
        said = _as_said(str(error), plain=plain)
        return _complain(said, code, as_json=as_json, problem=getattr(error, "problem", None))


def _load(handler: str) -> Callable[[argparse.Namespace], Report | None]:
    module, _, name = handler.partition(":")
    function: Callable[[argparse.Namespace], Report | None] = getattr(importlib.import_module(module), name)
    return function


def _print(report: Report | None, *, as_json: bool, plain: bool) -> int:
    if report is None:
        return OK
    if as_json:
        print(json.dumps({"schema": report.schema, "ok": report.ok, **report.data}, ensure_ascii=plain, default=str))
    else:
        for line in report.lines:
            print(_as_said(line, plain=plain))
    return OK if report.ok else NO


def _as_said(line: str, *, plain: bool) -> str:
    return in_ascii(line) if plain else line


def in_ascii(text: str) -> str:
    r"""`text` for a reader that takes ASCII alone: signs spelled out, accents dropped, the rest by number.

    Nothing is lost silently: what has no ASCII form stands as ``\u03b1``.
    """
    if text.isascii():
        return text
    spelled = text.translate(_SPELLED)
    bare = (each for each in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(each))
    return "".join(bare).encode("ascii", "backslashreplace").decode("ascii")


def _complain(sentence: str, code: int, *, as_json: bool, problem: Any = None) -> int:
    """Say a sentence; for programs also the code of the `problem` (`shared.problems`), if there is one."""
    if as_json:
        named = {"code": str(problem.code)} if problem else {}
        said = {"schema": "tailboard.error.v1", "ok": False, "error": sentence, **named}
        print(json.dumps(said, ensure_ascii=False))
    print(sentence, file=sys.stderr)
    return code


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program.name,
        description=program.summary,
        epilog=f"examples:\n{program.examples}\n\n{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    groups: dict[tuple[str, ...], Any] = {}
    for verb in program.verbs:
        _add_verb(verb, parser, groups, program)
    return parser


def _add_verb(
    verb: Verb, parser: argparse.ArgumentParser, groups: dict[tuple[str, ...], Any], program: Program
) -> None:
    target = parser
    if verb.path and any(each.path[:-1][: len(verb.path)] == verb.path for each in program.verbs):
        _group(verb.path, parser, groups, program)  # a noun that may be called alone
        return
    if verb.path:
        group = _group(verb.path[:-1], parser, groups, program)
        target = group.add_parser(verb.path[-1], help=verb.summary, description=verb.summary, epilog=_EXITS)
    _take(verb, target, program)


def _take(verb: Verb, target: argparse.ArgumentParser, program: Program) -> None:
    for each in (*verb.arguments, *program.common):
        target.add_argument(*each.flags, **each.settings)
    if verb.reports:
        target.add_argument("--json", action="store_true", help="one JSON object on standard output")
    target.set_defaults(handler=verb.handler)


def _group(
    path: tuple[str, ...], parser: argparse.ArgumentParser, groups: dict[tuple[str, ...], Any], program: Program
) -> Any:
    if path not in groups:
        if not path:
            groups[path] = parser.add_subparsers(title="commands", metavar="COMMAND")
        else:
            below = (each.path for each in program.verbs if each.path[: len(path)] == path and each.path != path)
            verbs = dict.fromkeys(each[len(path)] for each in below)
            alone = next((each for each in program.verbs if each.path == path), None)
            said = f"alone: {alone.summary} | " if alone else ""
            parent = _group(path[:-1], parser, groups, program).add_parser(path[-1], help=said + " | ".join(verbs))
            if alone:
                _take(alone, parent, program)
            groups[path] = parent.add_subparsers(title="commands", metavar="COMMAND", required=alone is None)
    return groups[path]
