"""The shape of our three command lines: nouns first, one exit code table, one `--json` form.

A command line is a table of verbs. A verb names its handler as text, so that `--help` and `--version` answer without
importing a database, a web framework or a model. A handler takes the parsed arguments and returns a `Report`.
Every call pays for what this module does before the handler. So it imports next to nothing beside `argparse` (plain
classes where a dataclass would bring `inspect`, `json` only where something is said as JSON), and only the verb that
is called is given its arguments.

Source: docs/adr/0037-what-the-first-frame-needs.md.

Exit codes: 0 ok · 1 the answer is no · 2 usage · 3 a fault.
"""

import argparse
import gc
import importlib
import sys
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence

TYPE_CHECKING = False  # as the type checker knows it: `typing` itself takes half as long as an interpreter's start
if TYPE_CHECKING:
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


class Argument:
    """One argument or option: its flags, and what `argparse` is told about it."""

    def __init__(self, flags: tuple[str, ...], settings: Mapping[str, "Any"]) -> None:
        self.flags, self.settings = flags, settings


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

    def __init__(
        self,
        path: tuple[str, ...],
        summary: str,
        handler: str,
        arguments: tuple[Argument, ...] = (),
        *,
        reports: bool = True,
    ) -> None:
        self.path, self.summary, self.handler = path, summary, handler
        self.arguments, self.reports = arguments, reports


class Program:
    """A command line: what it is called, what it does, how it is used. Every verb takes the `common` arguments."""

    def __init__(
        self, name: str, summary: str, verbs: tuple[Verb, ...], examples: str, common: tuple[Argument, ...] = ()
    ) -> None:
        self.name, self.summary, self.verbs = name, summary, verbs
        self.examples, self.common = examples, common


class Report:
    """What a handler has to say: `data` for programs, `lines` for people, and whether the answer is yes."""

    def __init__(
        self, schema: str, data: Mapping[str, "Any"] | None = None, lines: Sequence[str] = (), *, ok: bool = True
    ) -> None:
        self.schema, self.data, self.lines, self.ok = schema, data or {}, lines, ok


class UsageError(Exception):
    """The words of the call do not make sense together; the message says what to write instead."""


def argument(*flags: str, **settings: "Any") -> Argument:
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
    words = sys.argv[1:] if argv is None else argv
    parser = _parser(program, words)
    arguments = parser.parse_args(words)
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
        _print_json({"schema": report.schema, "ok": report.ok, **report.data}, ensure_ascii=plain)
    else:
        for line in report.lines:
            print(_as_said(line, plain=plain))
    return OK if report.ok else NO


def _print_json(said: Mapping[str, "Any"], *, ensure_ascii: bool) -> None:
    import json  # noqa: PLC0415  # half of all calls, and every `--help`, say nothing as JSON

    print(json.dumps(said, ensure_ascii=ensure_ascii, default=str))


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


def _complain(sentence: str, code: int, *, as_json: bool, problem: "Any" = None) -> int:
    """Say a sentence; for programs also the code of the `problem` (`shared.problems`), if there is one."""
    if as_json:
        named = {"code": str(problem.code)} if problem else {}
        _print_json({"schema": "tailboard.error.v1", "ok": False, "error": sentence, **named}, ensure_ascii=False)
    print(sentence, file=sys.stderr)
    return code


def _parser(program: Program, words: Collection[str]) -> argparse.ArgumentParser:
    """A parser for a call with these `words`: every verb is known by name, and what nobody calls takes nothing."""
    parser = argparse.ArgumentParser(
        prog=program.name,
        description=program.summary,
        epilog=f"examples:\n{program.examples}\n\n{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    _Tree(program, frozenset(words)).grow(parser, ())
    return parser


_Flags = tuple[str, ...]
_NONE = frozenset[_Flags]()
_JSON = argument("--json", action="store_true", help="one JSON object on standard output")


class _Tree:
    """The verbs of `program` as parsers below each other, as far as a call with these `words` can go."""

    def __init__(self, program: Program, words: frozenset[str]) -> None:
        self.program, self.words = program, words

    def grow(self, parser: argparse.ArgumentParser, path: tuple[str, ...], above: frozenset[_Flags] = _NONE) -> None:
        """What stands at `path`, and below it. `above` are the options that the words before `path` take too."""
        alone = next((verb for verb in self.program.verbs if verb.path == path), None)
        if alone:
            above |= _take(alone, parser, self.program, above)
        below = list(dict.fromkeys(verb.path[: len(path) + 1] for verb in self._below(path)))
        if below:
            # Called without a word the program opens its screen or prints its help; a noun that is no verb needs one.
            required = bool(path) and alone is None
            commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=required)
            for each in below:
                self._add(commands, each, above)

    def _below(self, path: tuple[str, ...]) -> list[Verb]:
        return [verb for verb in self.program.verbs if verb.path[: len(path)] == path and verb.path != path]

    def _add(self, commands: "Any", path: tuple[str, ...], above: frozenset[_Flags]) -> None:
        if not self.words.issuperset(path):
            commands.add_parser(path[-1], help=self._said(path), add_help=False)
            return
        verb = next((each for each in self.program.verbs if each.path == path), None)
        single = {"description": verb.summary, "epilog": _EXITS} if verb and not self._below(path) else {}
        self.grow(commands.add_parser(path[-1], help=self._said(path), **single), path, above)

    def _said(self, path: tuple[str, ...]) -> str:
        verb = next((each for each in self.program.verbs if each.path == path), None)
        verbs = " | ".join(dict.fromkeys(each.path[len(path)] for each in self._below(path)))
        if verb is None:
            return verbs
        return f"alone: {verb.summary} | {verbs}" if verbs else verb.summary


def _take(
    verb: Verb, target: argparse.ArgumentParser, program: Program, above: frozenset[_Flags]
) -> frozenset[_Flags]:
    """Let `target` take what `verb` takes; the flags of it all.

    What was said of an option before the verb holds: only who takes it first has a default for it.
    """
    taken = [*verb.arguments, *program.common, *([_JSON] if verb.reports else [])]
    for each in taken:
        known = {"default": argparse.SUPPRESS} if each.flags in above else {}
        target.add_argument(*each.flags, **{**each.settings, **known})
    target.set_defaults(handler=verb.handler)
    return frozenset(each.flags for each in taken)
