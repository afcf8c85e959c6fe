"""The page, section by section: the verdict first, then what failed, then what was tried."""

from collections.abc import Sequence
from pathlib import Path

from simulators.account import Account, Failure, Operation, Smallest, Worst
from simulators.report.drawing import clock, histogram, key, timeline, word_of
from simulators.report.html import Markup, el, row, table
from simulators.report.verdict import FAIL, Verdict, counted, quantile, verdict
from simulators.script import to_toml

FAILURES_MAX, FINDINGS_MAX, SLOWEST, ROWS_MAX = 50, 3, 5, 10_000
_STYLE = Path(__file__).with_name("style.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_SAYS = {
    "saved": "Saved",
    "sent": "Sent, waiting",
    "held": "Held at the office",
    "turned": "Turned away, is sent again",
    "lost": "Its bytes are lost",
    "gone": "Gone: the laptop does not know it any more",
    "set back": "Gone: an older image of the laptop's disk was put in its place",
    "settled": "Settled",
}
_OUTCOMES = {
    "applied": "Accepted",
    "merged": "Accepted (merged)",
    "conflict": "In review (conflict)",
    "rejected": "Refused",
    "expired": "Refused (expired)",
}


def page(account: Account, before: Account | None = None) -> str:
    """The whole page; with `before`, beside an earlier campaign."""
    found = verdict(account)
    title = f"{found.word}: Tailboard simulator, {counted(account.seeds, 'world')}"
    sections = [
        _failures(account),
        _promises(account),
        _faults(account),
        _recovery(account),
        _course(account.worst),
        _compared(account, before) if before else None,
        _setting(account),
    ]
    parts = [each for each in sections if each]
    head = el(
        "head",
        Markup('<meta charset="utf-8">'),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    body = el("body", _header(account, found), el("main", *parts), _footer())
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _section(anchor: str, heading: str, *children: str | None) -> Markup:
    return el("section", el("h2", heading, id=anchor), *children)


# -- the verdict


def _header(account: Account, found: Verdict) -> Markup:
    box = el(
        "div",
        el("p", f"{found.glyph} {found.word}", class_="word"),
        *(el("p", reason) for reason in found.reasons),
        _first_line(account) if found.word == FAIL else None,
        class_=f"verdict {found.word}",
        role="status",
    )
    return el("header", el("h1", "Tailboard simulator: campaign report"), box, _numbers(account), _contents(account))


def _first_line(account: Account) -> Markup | None:
    if not account.failures:
        return None
    first = account.failures[0]
    again = first.shrunk.replay if first.shrunk else first.replay
    return el("div", el("p", f"See it again (seed {first.seed}):"), el("pre", again))


def _numbers(account: Account) -> Markup:
    seeds = f"{account.seeds:,}" + (f" of {account.seeds_asked:,}" if account.seeds < account.seeds_asked else "")
    told = [
        ("worlds (seeds)", seeds),
        ("commands said", f"{account.commands:,}"),
        ("hours in the field", f"{account.virtual_hours:,.1f}"),
        ("faults", f"{sum(account.faults.values()):,}"),
        ("crashes", f"{account.crashes:,}"),
        ("findings", f"{account.violations:,}"),
        ("real time", f"{account.wall_s:,.0f} s"),
        ("commit", account.commit or "unknown"),
    ]
    parts = (el("dd", value, class_="text" if name == "commit" else None) for name, value in told)
    pairs = zip(told, parts, strict=True)
    return el("dl", *(el("div", el("dt", name), part) for (name, _), part in pairs), class_="numbers")


def _contents(account: Account) -> Markup:
    links = [
        ("failures", "Failures") if account.failures else None,
        ("promises", "Promises"),
        ("faults", "Faults"),
        ("recovery", "Recovery"),
        ("course", "Course of the worst world") if account.worst else None,
        ("setting", "How to run it again"),
    ]
    items = [el("li", el("a", words, href=f"#{anchor}")) for anchor, words in filter(None, links)]
    return el("nav", el("ul", *items), aria_label="On this page")


# -- what failed


def _failures(account: Account) -> Markup | None:
    if not account.failures:
        return None
    shown = account.failures[:FAILURES_MAX]
    more = len(account.failures) - len(shown)
    note = el("p", f"{len(shown)} of {counted(len(account.failures), 'failing world')}.") if more else None
    return _section("failures", "What failed", note, *(_failure(each) for each in shown))


def _failure(failure: Failure) -> Markup:
    lists = []
    for promise, findings in failure.broken.items():
        items = [el("li", f"{each.what}: {each.words}") for each in findings[:FINDINGS_MAX]]
        if len(findings) > FINDINGS_MAX:
            items.append(el("li", f"and {len(findings) - FINDINGS_MAX} more"))
        lists.append(el("div", el("p", f"✘ {promise}", class_="broken"), el("ul", *items)))
    again = el("div", el("p", "The whole world again:"), el("pre", failure.replay))
    smaller = _smallest(failure.shrunk) if failure.shrunk else None
    return el("article", el("h3", f"Seed {failure.seed}"), *lists, smaller, again)


def _smallest(shrunk: Smallest) -> Markup:
    script = shrunk.script
    said = counted(sum(script.commands.values()), "command")
    size = (
        f"{len(script.hits)} of {counted(shrunk.hits_before, 'fault')}, {said}, {counted(script.devices, 'laptop')}"
    )
    whole = (
        "Nothing more can be left out of it piece by piece."
        if shrunk.whole
        else "It stopped at its bound: less may do."
    )
    return el(
        "div",
        el("p", f"The smallest world that still breaks {script.broken}: {size}. {whole}"),
        el("pre", shrunk.replay),
        el("details", el("summary", f"The file {shrunk.file}"), el("pre", to_toml(script, shrunk.replay))),
    )


# -- what was judged and tried


def _promises(account: Account) -> Markup:
    rows = [
        row(
            each.promise,
            each.words,
            f"✘ broken in {counted(each.broken, 'world')}" if each.broken else "✔ held",
            class_="broken" if each.broken else None,
        )
        for each in sorted(account.promises, key=lambda each: -each.broken)
    ]
    caption = (
        "Each was judged in every world, from what people did and saw and from what lay on the disks in the end."
    )
    return _section("promises", "Promises", table(caption, ["promise", "in words", "verdict"], rows, class_="wide"))


def _faults(account: Account) -> Markup:
    most = max(account.faults.values(), default=1)
    names = sorted(account.options.armed, key=lambda name: account.faults.get(name, 0))
    rows = [_fault(name, account.faults.get(name, 0), account.options.armed[name], most) for name in names]
    unhit = ", ".join(account.never_happened)
    note = f"Never happened, so not tested: {unhit}." if unhit else "Every armed fault happened."
    if not rows:
        return _section("faults", "Faults", el("p", "No fault was armed: good weather only."))
    heads = ["fault", "times", "probability per occasion", "share of the most frequent"]
    told = el("p", note, class_="broken" if unhit else None)
    return _section("faults", "Faults", told, table("Armed faults, the rarest first.", heads, rows, class_="tight"))


def _fault(name: str, count: int, probability: float, most: int) -> Markup:
    meter = Markup(f'<span class="meter" style="width:{100 * count / most:.1f}%"></span>') if count else None
    times = f"{count:,}" if count else "✘ 0, never happened"
    return row(name, times, f"{probability:g}", meter, class_=None if count else "broken")


# -- how long worlds took to settle


def _recovery(account: Account) -> Markup:
    took = sorted(each.recovery_s for each in account.worlds if each.recovery_s is not None)
    never = len(account.worlds) - len(took)
    note = f"{counted(never, 'world')} never settled, or fell apart before." if never else "Every world settled."
    what = "From the moment when all faults end and everybody is back in coverage, until nothing waits on any laptop."
    if not took:
        return _section("recovery", "Recovery", el("p", what), el("p", note, class_="broken"))
    picture = el("div", el("div", histogram(took), class_="scroll"), _slowest(account))
    beside = el("div", picture, _quantiles(took), class_="beside")
    return _section("recovery", "Recovery", el("p", what), el("p", note, class_="broken" if never else None), beside)


def _quantiles(took: Sequence[float]) -> Markup:
    shares = [("fastest", 0.0), ("half", 0.5), ("9 in 10", 0.9), ("99 in 100", 0.99), ("slowest", 1.0)]
    rows = [row(name, f"{quantile(took, share):,.0f} s") for name, share in shares]
    return table(
        f"Settled within, of {counted(len(took), 'world')}; looked at every 10 s.", ["worlds", "within"], rows
    )


def _slowest(account: Account) -> Markup:
    settled = [(each.recovery_s, each) for each in account.worlds if each.recovery_s is not None]
    slow = sorted(settled, key=lambda pair: (-pair[0], pair[1].seed))[:SLOWEST]
    rows = [row(f"seed {each.seed}", f"{took:,.0f} s", str(each.faults), str(each.crashes)) for took, each in slow]
    return table("The slowest.", ["world", "took", "faults", "crashes"], rows)


# -- the course of the worst world


def _course(worst: Worst | None) -> Markup | None:
    if worst is None:
        return None
    heading = f"Course of the worst world: seed {worst.seed}"
    seen = (
        "" if worst.same_world else " It was run again to draw it, and was another world: what is drawn may differ."
    )
    picture = el("div", timeline(worst), class_="scroll", tabindex="0", role="region", aria_label="Course")
    return _section(
        "course",
        heading,
        el("p", f"Chosen because: {worst.why}.{seen}"),
        el("pre", worst.replay),
        key(),
        picture,
        _spans(worst),
        _operations(worst),
    )


def _spans(worst: Worst) -> Markup:
    rows = [
        row(lane, word_of(kind), clock(from_s), clock(to_s), clock(to_s - from_s))
        for lane, kind, from_s, to_s, _ in sorted(worst.spans, key=lambda each: (each[0], each[2]))
    ]
    if not rows:
        return el("p", "Nobody was cut off, down or asleep.")
    heads = ["machine", "what", "from", "to", "for"]
    made = table("Who was cut off, down or asleep, and when.", heads, rows)
    return el("details", el("summary", f"The same as a table: {counted(len(rows), 'spell')}"), made)


def _operations(worst: Worst) -> Markup:
    shown = worst.operations[:ROWS_MAX]
    rows = [_operation(number, each) for number, each in enumerate(shown, 1)]
    cut = f" {len(shown):,} of {worst.operations_total:,} are listed." if len(shown) < worst.operations_total else ""
    heads = ["number", "laptop", "command", "saved", "in doubt", "settled", "it ended as"]
    return table(f"Every command, by when it was saved; times since the beginning.{cut}", heads, rows, class_="wide")


def _operation(number: int, each: Operation) -> Markup:
    settled = next((at for at, state in each.steps if state == "settled"), None)
    last = each.steps[-1][1] if each.steps else ""
    ended = _OUTCOMES.get(each.outcome, each.outcome) or _SAYS.get(last, last)
    return row(
        el("a", f"#{number}", href=f"#op-{number}"),
        each.lane,
        f"{each.kind} {each.record}",
        clock(each.steps[0][0]) if each.steps else "",
        f"{_doubt_s(each):,.0f} s" if any(state == "sent" for _, state in each.steps) else "never",
        clock(settled) if settled is not None else "not settled",
        ended,
        id=f"op-{number}",
        class_=None if settled is not None else "broken",
    )


def _doubt_s(each: Operation) -> float:
    ends = [at for at, _ in each.steps[1:]] + [each.steps[-1][0]]
    return sum(to_s - from_s for (from_s, state), to_s in zip(each.steps, ends, strict=True) if state == "sent")


# -- beside an earlier one, and how to run it again


def _compared(account: Account, before: Account) -> Markup:
    rows = [row(name, old, new) for name, old, new in _changes(before, account)]
    heads = ["", f"before ({before.commit or 'unknown'})", f"now ({account.commit or 'unknown'})"]
    note = (
        None
        if before.options == account.options
        else el("p", "The options differ: compare with care.", class_="broken")
    )
    return _section("compared", "Beside the earlier campaign", note, table("What changed.", heads, rows))


def _changes(before: Account, now: Account) -> list[tuple[str, str, str]]:
    def half(account: Account) -> str:
        took = sorted(each.recovery_s for each in account.worlds if each.recovery_s is not None)
        return f"{quantile(took, 0.5):,.0f} s" if took else "none settled"

    def broken(account: Account) -> str:
        return ", ".join(each.promise for each in account.promises if each.broken) or "none"

    return [
        ("verdict", verdict(before).word, verdict(now).word),
        ("worlds", f"{before.seeds:,}", f"{now.seeds:,}"),
        ("broken promises", broken(before), broken(now)),
        ("faults", f"{sum(before.faults.values()):,}", f"{sum(now.faults.values()):,}"),
        ("never happened", ", ".join(before.never_happened) or "none", ", ".join(now.never_happened) or "none"),
        ("half of the worlds settled within", half(before), half(now)),
    ]


def _setting(account: Account) -> Markup:
    options = account.options
    size = f"--devices {options.devices} --commands {options.commands}"
    seeds = f"--from {account.first} --seeds {account.seeds_asked} --profile {options.profile}"
    told = f"A seed, these options and the commit decide everything: {account.commit or 'unknown'}."
    return _section(
        "setting", "How to run it again", el("p", told), el("pre", f"tailboard-sim explore {seeds} {size}")
    )


def _footer() -> Markup:
    words = "Made by tailboard-sim report. It needs no network and no scripts; its tables say what the pictures do."
    return el("footer", el("p", words))
