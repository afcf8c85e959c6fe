"""`tailboard-server`: its verbs are the tables in `sync_server.verbs`."""

import sys
from collections.abc import Sequence

from shared.commandline import FAULT, NO, Program, argument, run
from sync_server.verbs import decisions, people, records, routing, running

_WHERE = (
    argument(
        "--home", metavar="DIR", help="the server's folder (default: ./tailboard-server, or TAILBOARD_SERVER_HOME)"
    ),
    argument("--database", metavar="URL", help="SQLAlchemy URL (default: SQLite in the home folder)"),
)

PROGRAM = Program(
    name="tailboard-server",
    summary="The sync server: authoritative records, outcomes, conflicts, devices.",
    examples="""  tailboard-server init --tenant harrow --name "Harrow Valley Water"
  tailboard-server person add m.reyes --name "M. Reyes" --role dispatcher --role resolver
  tailboard-server enrol-code a.okafor
  tailboard-server import stock_item stock.csv --as m.reyes --apply
  tailboard-server serve --port 8750
  tailboard-server conflict list --json""",
    common=_WHERE,
    verbs=(*running.VERBS, *people.VERBS, *records.VERBS, *decisions.VERBS, *routing.VERBS),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tailboard-server`; the exit code."""
    return run(PROGRAM, argv, _faults)


def _faults(error: Exception) -> int | None:
    problems = sys.modules.get("shared.problems")
    if problems and isinstance(error, problems.Refused):
        return FAULT if error.problem.status >= 500 else NO
    return FAULT if isinstance(error, OSError) else None


if __name__ == "__main__":
    sys.exit(main())
