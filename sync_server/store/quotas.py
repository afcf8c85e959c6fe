"""How much of each window was given out, for all server processes together."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, delete, select
from sqlmodel import Field

from shared.contract import to_instant
from sync_server.store.base import Part, Table, table_of


class QuotaWindowRow(Table, table=True):
    """The window of a tenant (`tenant`) or one of its people and programs (`tenant/actor`); `ends_at` is ISO 8601."""

    __tablename__ = "quota_window"
    who: str = Field(primary_key=True)
    ends_at: str
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
    tokens: int = Field(sa_column=Column(BigInteger, nullable=False))


WINDOW = table_of(QuotaWindowRow)
_NEVER = "0001-01-01T00:00:00.000000+00:00"


class QuotaWindows(Part):
    """The windows."""

    def quota_window(self, who: str) -> tuple[datetime, int, int] | None:
        """When the window of `who` ends, and what was given out of it: requests, tokens. Held until the end."""
        nothing = {"who": who, "ends_at": _NEVER, "requests": 0, "tokens": 0}  # or two would begin one at once
        self._do(self._insert(WINDOW).values(nothing).on_conflict_do_nothing(index_elements=["who"]))
        row = self._one(select(WINDOW).where(WINDOW.c.who == who).with_for_update())
        return (to_instant(row.ends_at), row.requests, row.tokens) if row and row.ends_at != _NEVER else None

    def put_quota_window(self, who: str, ends_at: datetime, requests: int, tokens: int) -> None:
        """So much was given out of the window of `who`."""
        values = {"ends_at": _text(ends_at), "requests": requests, "tokens": tokens}
        statement = self._insert(WINDOW).values(who=who, **values)
        self._do(statement.on_conflict_do_update(index_elements=["who"], set_=values))

    def forget_quota_windows(self, before: datetime) -> None:
        """Drop the windows that ended before an instant."""
        self._do(delete(WINDOW).where(WINDOW.c.ends_at < _text(before)))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
