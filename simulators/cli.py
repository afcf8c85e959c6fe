"""`tailboard-sim`: the table of its verbs. What they do is in `simulators.commands`."""

import sys
from collections.abc import Sequence

from device.cli import faults
from shared.commandline import Program, Verb, argument, run

_HERE = "simulators.commands:"
_WORLDS = "simulators.seeds:"
_WORLD = (
    argument("--profile", default="rough", metavar="NAME", help="calm, lossy or rough (default: %(default)s)"),
    argument("--devices", type=int, default=3, metavar="N", help="laptops in a world (default: %(default)s)"),
    argument("--commands", type=int, default=12, metavar="N", help="said by each technician (default: %(default)s)"),
)

PROGRAM = Program(
    name="tailboard-sim",
    summary="Tailboard without a field: demos and measurements, on this machine only.",
    examples="""  tailboard-sim demo
  tailboard-sim demo --headless --limit 20
  tailboard-sim demo --headless --notes notes.txt --json
  tailboard-sim bench save --json
  tailboard-sim bench sync --full --json
  tailboard-sim bench route --json
  tailboard-sim bench model --json
  tailboard-sim run --seed 7 --profile rough --trace seven.txt
  tailboard-sim explore --seeds 1000 --jobs 2 --out campaign.json
  tailboard-sim replay trace.json --profile lossy --seed 3
  tailboard-sim report campaign.json --out report.html
  tailboard-sim fleet --devices 100000 --outage coverage --drain-within 120
  tailboard-sim mutants --json
  tailboard-sim kill --rounds 50 --database postgresql
  tailboard-sim rig --seed 7 --laptops 20 --seconds 60
  tailboard-sim picture screen.svg""",
    verbs=(
        Verb(
            ("demo",),
            "A sample organisation, a server and a laptop: the screen, or the whole story without one.",
            f"{_HERE}demo",
            (
                argument("--headless", action="store_true", help="tell the story instead of opening the screen"),
                argument("--notes", metavar="FILE", help="sentences, one a line (default: the project's own)"),
                argument("--limit", type=int, metavar="N", help="only the first N notes"),
                argument("--home", metavar="DIR", help="keep everything here (headless: a new or empty folder)"),
                argument("--model", metavar="FILE", help="a GGUF model instead of the one that ships, or none"),
            ),
        ),
        Verb(
            ("bench", "save"),
            "How long from confirming to saved, beside a bare durable commit of the same bytes.",
            f"{_HERE}bench_save",
            (argument("--commands", type=int, default=400, metavar="N", help="how many (default: %(default)s)"),),
        ),
        Verb(
            ("bench", "console"),
            "The console's pages over 10,000 open conflicts and a long audit, each beside its bare query.",
            f"{_HERE}bench_console",
            (
                argument("--conflicts", type=int, default=10_000, metavar="N", help="open (default: %(default)s)"),
                argument("--links", type=int, default=500_000, metavar="N", help="of audit (default: %(default)s)"),
                argument("--rounds", type=int, default=40, metavar="N", help="of each page (default: %(default)s)"),
                argument("--full", action="store_true", help="5 million links"),
                argument("--keep", metavar="DIR", help="the filled databases stay here, and are found here again"),
            ),
        ),
        Verb(
            ("bench", "sync"),
            "A real server and a real laptop: apply, pull, resync and bytes on the wire, each beside its floor.",
            f"{_HERE}bench_sync",
            (argument("--full", action="store_true", help="a million rows, 100,000 commands, PostgreSQL: minutes"),),
        ),
        Verb(
            ("bench", "route"),
            "How long a route takes to decide, beside the policy engine's bare calls for the same candidates.",
            f"{_HERE}bench_route",
            (argument("--decisions", type=int, default=5000, metavar="N", help="how many (default: %(default)s)"),),
        ),
        Verb(
            ("bench", "model"),
            "The laptop's model beside raw llama.cpp in the same run: speed, the next question, proposals, memory.",
            f"{_HERE}bench_model",
            (
                argument(
                    "--rounds", type=int, default=7, metavar="N", help="turns of each way (default: %(default)s)"
                ),
            ),
        ),
        Verb(
            ("bench", "tui"),
            "The screen beside a bare Textual app: first paint, keys with 100,000 commands, memory; --help's start.",
            f"{_HERE}bench_tui",
            (
                argument("--jobs", type=int, default=5_000, metavar="N", help="work orders (default: %(default)s)"),
                argument("--rows", type=int, default=100_000, metavar="N", help="commands (default: %(default)s)"),
                argument("--keys", type=int, default=200, metavar="N", help="on each list (default: %(default)s)"),
                argument("--turns", type=int, default=9, metavar="N", help="starts of each (default: %(default)s)"),
            ),
        ),
        Verb(
            ("bench", "library"),
            "How long 2,000 pages of manuals take to be read, and a search among them, beside bare FTS5.",
            f"{_HERE}bench_library",
            (argument("--pages", type=int, default=2000, metavar="N", help="how many (default: %(default)s)"),),
        ),
        Verb(
            ("bench", "answers"),
            "80 questions to the manuals: cited pages, unverified quotes, refusals. 1: a bound does not hold.",
            f"{_HERE}bench_answers",
            (argument("--model", action="store_true", help="also what the model that ships writes: minutes"),),
        ),
        Verb(
            ("bench", "gateway"),
            "What the gateway to the models adds, beside the same load straight to a bare engine.",
            f"{_HERE}bench_gateway",
            (
                argument(
                    "--requests", type=int, default=600, metavar="N", help="one at a time (default: %(default)s)"
                ),
                argument(
                    "--seconds", type=float, default=5.0, metavar="S", help="of eight at once (default: %(default)s)"
                ),
            ),
        ),
        Verb(
            ("bench", "assistant"),
            "How well real notes are read: normal forms, what to mask, activities, words of things, proposals.",
            f"{_HERE}bench_assistant",
            (
                argument(
                    "--data", metavar="DIR", help="a folder with MaintNorm and MaintIE (default: figures skipped)"
                ),
                argument(
                    "--model-notes",
                    type=int,
                    default=24,
                    metavar="N",
                    help="of each kind put to the model that ships, seconds each (default: %(default)s)",
                ),
            ),
        ),
        Verb(
            ("erp",),
            "A small parts ERP on loopback that can be told to misbehave, and counts what it really did.",
            f"{_HERE}erp",
            (
                argument("--port", type=int, default=0, help="0 takes a free one (default: %(default)s)"),
                argument(
                    "--mood",
                    default="honest",
                    choices=(
                        "honest",
                        "refuses",
                        "silent_after",
                        "silent_before",
                        "late",
                        "garbage_after",
                        "garbage_before",
                        "busy",
                        "redirects",
                    ),
                    help="how it deals with orders (POST /control changes it)",
                ),
                argument(
                    "--memory",
                    default="honest",
                    choices=("honest", "stale", "silent", "garbage"),
                    help="how it deals with lookups",
                ),
                argument(
                    "--duplicates",
                    default="same_answer",
                    choices=("same_answer", "conflict", "second_order"),
                    help="what a known key gets",
                ),
            ),
        ),
        Verb(
            ("kill",),
            "Kill −9 of server and laptop at named points around each commit; count what is lost or doubled.",
            f"{_HERE}kill",
            (
                argument("--rounds", type=int, default=200, metavar="N", help="how many (default: %(default)s)"),
                argument("--seed", type=int, default=0, metavar="N", help="chooses points and payloads"),
                argument(
                    "--database",
                    choices=("sqlite", "postgresql"),
                    default="sqlite",
                    help="what the server keeps its records in (default: %(default)s)",
                ),
                argument("--point", action="append", metavar="NAME", help="only this one; may be repeated"),
            ),
        ),
        Verb(
            ("run",),
            "One simulated world: what happened there, and what each judge says of it.",
            f"{_WORLDS}run",
            (
                argument("--seed", type=int, metavar="N", help="from 0 up"),
                argument("--script", metavar="FILE", help="a world that was written down, instead of a seed"),
                *_WORLD,
                argument("--trace", metavar="FILE", help="write every line of what happened"),
                argument(
                    "--shrink", metavar="FILE", help="if a promise is broken, write the smallest world that does"
                ),
            ),
        ),
        Verb(
            ("explore",),
            "Many simulated worlds, each judged; a failure says how to see it again.",
            "simulators.campaigns:search",
            (
                argument("--seeds", type=int, default=100, metavar="N", help="how many (default: %(default)s)"),
                argument("--from", dest="first", type=int, default=0, metavar="N", help="the first seed"),
                *_WORLD,
                argument("--jobs", type=int, default=1, metavar="N", help="processes (default: %(default)s)"),
                argument("--budget-s", type=float, metavar="S", help="begin no world after so many seconds"),
                argument("--out", metavar="FILE", help="keep what was found here too, also on the way"),
                argument(
                    "--scripts", default=".", metavar="DIR", help="where the smallest failing worlds are written"
                ),
                argument(
                    "--no-shrink", dest="shrinks", action="store_false", help="leave failing worlds as they are"
                ),
            ),
        ),
        Verb(
            ("replay",),
            "What a real laptop's queue and link were like, played again in a world that is judged.",
            "simulators.replay.verb:replay",
            (
                argument("file", metavar="TRACE", help="what tailboard trace export wrote"),
                argument("--seed", type=int, default=0, metavar="N", help="from 0 up (default: %(default)s)"),
                argument(
                    "--profile", default="calm", metavar="NAME", help="faults besides: calm, lossy or rough (calm)"
                ),
            ),
        ),
        Verb(
            ("scenarios",),
            "Named worlds that must always end well: what went wrong once, or would be missed most.",
            "simulators.scenarios.verb:scenarios",
            (
                argument("names", nargs="*", metavar="NAME", help="which; all of them if none is named"),
                argument("--list", action="store_true", help="only say what there is"),
                argument("--devices", type=int, metavar="N", help="so many laptops, instead of what each says"),
            ),
        ),
        Verb(
            ("report",),
            "One page about a campaign: verdict, faults, recovery, the course of the worst world.",
            "simulators.report.verb:report",
            (
                argument("files", nargs="+", metavar="FILE", help="what explore --out wrote; slices add up"),
                argument("--out", default="report.html", metavar="FILE", help="the page (default: %(default)s)"),
                argument("--before", metavar="FILE", help="an earlier campaign, to compare with"),
            ),
        ),
        Verb(
            ("fleet",),
            "A fleet of devices and an outage, without HTTP and SQL: herds, queues, retries, how many servers.",
            "simulators.fleet.verb:fleet",
            (
                argument("--devices", type=int, default=100_000, metavar="N", help="how many (default: %(default)s)"),
                argument("--seed", type=int, default=1, metavar="N", help="from 0 up (default: %(default)s)"),
                argument(
                    "--outage",
                    default="server",
                    choices=("server", "coverage"),
                    help="what is away; coverage comes back for all at once (default: %(default)s)",
                ),
                argument(
                    "--outage-s", type=float, default=600.0, metavar="S", help="how long (default: %(default)s)"
                ),
                argument(
                    "--return-s",
                    type=float,
                    default=1.0,
                    metavar="S",
                    help="coverage is back for all of them within so long (default: %(default)s)",
                ),
                argument(
                    "--commands-h",
                    type=float,
                    default=6.0,
                    metavar="N",
                    help="what each technician says in an hour (default: %(default)s)",
                ),
                argument("--servers", type=int, metavar="N", help="how many (default: what a quiet fleet needs)"),
                argument(
                    "--rounds-s",
                    type=float,
                    default=1000.0,
                    metavar="N",
                    help="rounds without commands that one server answers in a second (default: %(default)s)",
                ),
                argument(
                    "--commands-s",
                    type=float,
                    default=2400.0,
                    metavar="N",
                    help="commands that one server applies in a second (default: %(default)s)",
                ),
                argument(
                    "--queue-s",
                    type=float,
                    default=5.0,
                    metavar="S",
                    help="who would wait longer is told to come back (default: %(default)s)",
                ),
                argument("--drain-within", type=float, metavar="S", help="how many servers for that?"),
                argument("--jobs", type=int, default=1, metavar="N", help="processes (default: %(default)s)"),
            ),
        ),
        Verb(
            ("mutants",),
            "Plant bugs on purpose, each in a process of its own, and see whether the judges find them.",
            f"{_WORLDS}mutants",
            (
                argument("--only", action="append", metavar="NAME", help="only this one; may be repeated"),
                argument("--jobs", type=int, default=1, metavar="N", help="processes (default: %(default)s)"),
            ),
        ),
        Verb(
            ("rig",),
            "Real servers and laptops on this machine, with links, processes and disks that fail; then judged.",
            "simulators.rig.verb:rig",
            (
                argument("--seed", type=int, default=0, metavar="N", help="chooses what goes wrong"),
                argument("--laptops", type=int, default=20, metavar="N", help="processes (default: %(default)s)"),
                argument("--servers", type=int, default=3, metavar="N", help="processes (default: %(default)s)"),
                argument("--seconds", type=float, default=60.0, metavar="S", help="of faults (default: %(default)s)"),
            ),
        ),
        Verb(
            ("walk",),
            "Walk through the real screen in a terminal of tmux, and write what it showed as a page.",
            f"{_HERE}walk",
            (
                argument("file", help="a Markdown file"),
                argument("--columns", type=int, default=80, metavar="N", help="at least 80 (default: %(default)s)"),
                argument("--rows", type=int, default=24, metavar="N", help="at least 24 (default: %(default)s)"),
            ),
        ),
        Verb(
            ("picture",),
            "Export a picture of the technician's screen, with the sample organisation in it.",
            f"{_HERE}picture",
            (argument("file", help="an SVG file"),),
        ),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tailboard-sim`; the exit code."""
    return run(PROGRAM, argv, faults)


if __name__ == "__main__":
    sys.exit(main())
