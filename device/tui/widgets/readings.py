"""What was measured at an asset: a row for each quantity, and the trend of the one under the cursor."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from device.core.trend import Point, Trend, outside, plot
from device.plain import plain
from device.tui.widgets.choices import LOUD, Choices
from device.words import moment, named
from shared.records import Limit


class Quantities(Choices):
    """Quantities; Enter enters a reading of the one under the cursor."""

    def fill(self, trends: Sequence[Trend], now: datetime) -> None:
        """Show `trends`; the highlight stays where it was."""
        self.show_rows([_row(each, now) for each in trends])


def trend_text(trend: Trend, *, rows: int = 6) -> Text:
    """The last values and their plot."""
    values = " ".join(f"{point.value:g}" for point in trend.last)
    if not values:
        return Text("Nothing was measured yet, as far as this laptop knows. Enter or r enters the first.")
    said = [f"{named(trend.quantity).capitalize()}, last {len(trend.last)} in {plain(trend.unit)}: {values}"]
    return Text("\n".join([*said, *plot(trend, rows=rows)]), no_wrap=True)


def range_words(limit: Limit | None) -> str:
    """What is normal."""
    if limit is None or (limit.low is None and limit.high is None):
        return "no limits known"
    if limit.low is None:
        return f"normal up to {limit.high:g}"
    return f"normal from {limit.low:g}" + (f" to {limit.high:g}" if limit.high is not None else "")


def _row(trend: Trend, now: datetime) -> Text:
    last = trend.points[-1] if trend.points else None
    side = outside(trend.limit, last.value) if last else None
    text = Text(f"{named(trend.quantity):<18} {_last(last):<12}", no_wrap=True, overflow="ellipsis")
    text.append(f"! {side}" if side else "", LOUD).append("" if side else "       ")
    text.append(f" {moment(last.at, now) if last else '':<13}")
    return text.append(f"{range_words(trend.limit)} {plain(trend.unit)}")


def _last(point: Point | None) -> str:
    return f"{point.value:g} {plain(point.unit)}" if point else "-"
