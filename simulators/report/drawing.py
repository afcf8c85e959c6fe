"""The pictures: the course of one world, and how long worlds took to settle. Inline SVG, told apart by shape.

A lane a host. On top the faults, as ticks; below, what the link and what the machine went through; on a laptop's
lane, one line a command: thin while it is saved, a hatched bar while it is in doubt, dashed while the office
holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.account import Operation, Worst
from simulators.report.html import Markup, el, joined, svg

WIDTH, GUTTER, MARGIN = 1060.0, 86.0, 14.0
ROWS_MAX = 60
_STRIP, _ROW, _GAP = 15.0, 7.0, 12.0
_LETTER = 6.2
#: Kind of a span → what is written on it, which strip it lies on, and how it is filled.
KINDS = {
    "out of coverage": ("out of coverage", "link", "away"),
    "partition": ("no network", "link", "cut"),
    "one_way_up": ("answers lost", "link", "cut"),
    "one_way_down": ("requests lost", "link", "cut"),
    "flap": ("flapping", "link", "cut"),
    "down": ("down", "machine", "down"),
    "pause": ("stands still", "machine", "still"),
    "suspend": ("lid closed", "machine", "still"),
    "disk full": ("disk full", "machine", "full"),
}
_ENDS = {
    "applied": "●",
    "merged": "●",
    "conflict": "◆",
    "rejected": "✕",
    "expired": "✕",
}
_STATES = {"saved": "saved", "sent": "doubt", "held": "held", "turned": "held", "lost": "held"}
_PATTERNS = {
    "away": '<circle cx="3" cy="3" r="1"/>',
    "cut": '<path d="M0 6L6 0M-1 1L1 -1M5 7L7 5"/>',
    "still": '<path d="M2 0V6M5 0V6"/>',
    "full": '<path d="M0 3H6M3 0V6"/>',
    "doubt": '<path d="M0 0L6 6M-1 5L1 7M5 -1L7 1"/>',
}


def word_of(kind: str) -> str:
    """What people call a span."""
    return KINDS.get(kind, (kind.replace("_", " "), "", ""))[0]


def clock(seconds: float) -> str:
    """Time since the world began: hours, minutes, seconds."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


@dataclass(frozen=True, slots=True)
class _Scale:
    length_s: float

    def x(self, at_s: float) -> float:
        """Where a second lies."""
        return GUTTER + (WIDTH - GUTTER - MARGIN) * min(max(at_s, 0.0), self.length_s) / self.length_s


def timeline(worst: Worst) -> Markup:
    """The course of one world."""
    scale, top, parts = _Scale(max(worst.length_s, 1.0)), 26.0, []
    for lane in worst.lanes:
        drawn, height = _lane(worst, lane, scale, top)
        parts.append(drawn)
        top += height + _GAP
    marks = _marks(worst, scale, top - _GAP)
    label = f"Course of seed {worst.seed}: one lane a machine, {clock(worst.length_s)} from left to right"
    frame, inside = f"0 0 {WIDTH:.0f} {top + 16:.0f}", [_defs(), _axis(scale, top), *parts, marks]
    return svg("svg", *inside, viewBox=frame, role="group", aria_label=label, class_="course")  # it holds links


def _defs() -> Markup:
    made = [
        f'<pattern id="p-{name}" class="pattern" width="6" height="6" patternUnits="userSpaceOnUse">{path}</pattern>'
        for name, path in _PATTERNS.items()
    ]
    return Markup(f"<defs>{''.join(made)}</defs>")


def _axis(scale: _Scale, bottom: float) -> Markup:
    step = next(s for s in (60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400, 10**9) if scale.length_s / s <= 12)
    parts = []
    for at in range(0, int(scale.length_s) + 1, step):
        x = scale.x(at)
        parts.append(svg("line", class_="grid", x1=_n(x), x2=_n(x), y1=20, y2=_n(bottom)))
        parts.append(svg("text", clock(at)[:-3], class_="small", x=_n(x), y=_n(bottom + 13), text_anchor="middle"))
    return joined(parts)


def _marks(worst: Worst, scale: _Scale, bottom: float) -> Markup:
    parts = []
    for at, word, anchor in ((worst.healed_s, "faults end", "end"), (worst.settled_s, "all settled", "start")):
        if at is not None:
            x = scale.x(at)
            nudge = -4 if anchor == "end" else 4
            x_text, fits = (x + nudge, anchor) if anchor == "end" or x < WIDTH - 80 else (WIDTH - 4, "end")
            y = 12 if anchor == "end" or fits == "start" else 24
            parts.append(svg("line", class_="mark", x1=_n(x), x2=_n(x), y1=4, y2=_n(bottom)))
            parts.append(svg("text", word, class_="small strong", x=_n(x_text), y=y, text_anchor=fits))
    return joined(parts)


def _lane(worst: Worst, lane: str, scale: _Scale, top: float) -> tuple[Markup, float]:
    mine = [(n, each) for n, each in enumerate(worst.operations, 1) if each.lane == lane]
    parts = [svg("text", lane, class_="lane", x=4, y=_n(top + 9))]
    parts += [_tick(at, fault, scale, top) for at, who, fault in worst.strikes if who == lane]
    for strip, name in enumerate(("link", "machine")):
        y = top + 12 + strip * (_STRIP + 2)
        parts.append(svg("text", name, class_="small", x=GUTTER - 6, y=_n(y + 11), text_anchor="end"))
        parts.append(_strip(worst, lane, name, scale, y))
    y = top + 12 + 2 * (_STRIP + 2) + 3
    for place, (number, each) in enumerate(mine[:ROWS_MAX]):
        parts.append(_operation(number, each, scale, y + place * _ROW))
    if mine:
        drawn = min(len(mine), ROWS_MAX)
        said = f"{drawn} of {len(mine)}" if drawn < len(mine) else f"{len(mine)} commands"
        parts.append(svg("text", said, class_="small", x=GUTTER - 6, y=_n(y + 8), text_anchor="end"))
    return joined(parts), 12 + 2 * (_STRIP + 2) + (3 + min(len(mine), ROWS_MAX) * _ROW if mine else 0)


def _tick(at_s: float, fault: str, scale: _Scale, top: float) -> Markup:
    x = scale.x(at_s)
    title = el("title", f"{clock(at_s)} {fault}")
    return svg("line", title, class_="tick", x1=_n(x), x2=_n(x), y1=_n(top + 1), y2=_n(top + 9))


def _strip(worst: Worst, lane: str, strip: str, scale: _Scale, y: float) -> Markup:
    base = svg("rect", class_="base", x=GUTTER, y=_n(y), width=_n(WIDTH - GUTTER - MARGIN), height=_STRIP)
    spans = [each for each in worst.spans if each[0] == lane and _strip_of(each[1]) == strip]
    spans.sort(key=lambda each: each[2] - each[3])  # the longest first: what is short lies on top
    shapes = [_span(kind, words, from_s, to_s, scale, y) for _, kind, from_s, to_s, words in spans]
    labels = [_label(word_of(kind), scale.x(from_s), scale.x(to_s), y) for _, kind, from_s, to_s, _ in spans]
    return joined([base, *shapes, *labels])


def _strip_of(kind: str) -> str:
    return KINDS.get(kind, ("", "machine", ""))[1]


def _span(kind: str, words: str, from_s: float, to_s: float, scale: _Scale, y: float) -> Markup:
    fill = KINDS.get(kind, ("", "", "full"))[2]
    left, width = scale.x(from_s), max(scale.x(to_s) - scale.x(from_s), 1.5)
    title = el("title", f"{clock(from_s)} to {clock(to_s)}: {word_of(kind)} ({words})")
    return svg("rect", title, class_=f"span {fill}", x=_n(left), y=_n(y), width=_n(width), height=_STRIP)


def _label(word: str, left: float, right: float, y: float) -> Markup:
    width = _LETTER * len(word) + 3
    if right - left < width + 5:
        return Markup()
    plate = svg("rect", class_="plate", x=_n(right - width - 2), y=_n(y + 2), width=_n(width), height=11)
    return joined([plate, svg("text", word, class_="small", x=_n(right - width), y=_n(y + 11))])


def _operation(number: int, each: Operation, scale: _Scale, y: float) -> Markup:
    parts = [el("title", f"#{number} {each.kind} {each.record}: {each.outcome or 'no outcome'}")]
    ends = [at for at, _ in each.steps[1:]] + [scale.length_s]
    for (at_s, state), to_s in zip(each.steps, ends, strict=True):
        if state in _STATES:
            parts.append(_state(_STATES[state], scale.x(at_s), scale.x(to_s), y))
        elif state in {"settled", "gone", "set back"}:
            glyph = _ENDS.get(each.outcome, "○") if state == "settled" else "?"
            parts.append(svg("text", glyph, class_="end", x=_n(scale.x(at_s)), y=_n(y + 6), text_anchor="middle"))
    return svg("a", *parts, href=f"#op-{number}", id=f"drawn-{number}")


def _state(name: str, left: float, right: float, y: float) -> Markup:
    if name == "doubt":
        width = max(right - left, 1.5)
        return svg("rect", class_="span doubt", x=_n(left), y=_n(y + 1), width=_n(width), height=_ROW - 2)
    middle = _n(y + _ROW / 2)
    return svg("line", class_=name, x1=_n(left), x2=_n(right), y1=middle, y2=middle)


def key() -> Markup:
    """What the shapes mean, drawn the same way."""
    shapes = [
        ("away", "out of coverage"),
        ("cut", "no network, flapping, or one way only"),
        ("down", "down after a crash"),
        ("still", "stands still, or lid closed"),
        ("full", "disk full, or another fault that lasts"),
    ]
    items = [_key(svg("rect", class_=f"span {name}", x=1, y=1, width=38, height=14), words) for name, words in shapes]
    items.append(_key(svg("line", class_="tick", x1=20, x2=20, y1=3, y2=13), "a fault"))
    items.append(_key(svg("line", class_="saved", x1=1, x2=39, y1=8, y2=8), "command saved on the laptop"))
    items.append(
        _key(svg("rect", class_="span doubt", x=1, y=5, width=38, height=6), "in doubt: sent, no answer yet")
    )
    items.append(_key(svg("line", class_="held", x1=1, x2=39, y1=8, y2=8), "held at the office"))
    items += [_key(svg("text", glyph, class_="end", x=14, y=12), words) for glyph, words in _END_WORDS]
    return el("ul", *items, class_="key")


_END_WORDS = (("●", "accepted"), ("◆", "conflict, in review"), ("✕", "refused"), ("?", "gone"))


def _key(shape: Markup, words: str) -> Markup:
    return el("li", svg("svg", shape, viewBox="0 0 40 16", width=40, height=16, aria_hidden="true"), words)


# -- how long worlds took to settle


def histogram(values: Sequence[float], bins: int = 20) -> Markup:
    """How many worlds settled within each span of seconds; there is at least one value."""
    step = next(s for s in (10, 20, 30, 60, 120, 300, 600, 1200, 3600, 10**9) if max(values) / s < bins)
    counts = [0] * (int(max(values) // step) + 1)
    for value in values:
        counts[int(value // step)] += 1
    width, height, bottom = 640.0, 190.0, 160.0
    each, most = (width - 20) / max(len(counts), 8), max(counts)
    parts = []
    for n, count in enumerate(counts):
        tall = 130.0 * count / most
        x = 10 + n * each
        parts.append(svg("rect", class_="bar", x=_n(x + 1), y=_n(bottom - tall), width=_n(each - 2), height=_n(tall)))
        if count:
            parts.append(
                svg(
                    "text",
                    str(count),
                    class_="small",
                    x=_n(x + each / 2),
                    y=_n(bottom - tall - 4),
                    text_anchor="middle",
                )
            )
        parts.append(
            svg(
                "text",
                str(n * step),
                class_="small",
                x=_n(x),
                y=_n(bottom + 13),
                text_anchor="middle" if n else "start",
            )
        )
    parts.append(svg("line", class_="axis", x1=10, x2=_n(width - 10), y1=_n(bottom), y2=_n(bottom)))
    parts.append(
        svg("text", "seconds from the end of the faults until everything was settled", class_="small", x=10, y=186)
    )
    return svg(
        "svg",
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label="How many worlds took how long to settle; the table beside it says the same",
        class_="histogram",
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
