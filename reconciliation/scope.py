"""Who may see which records.

Rules
1. A record's label is its `team`; a record without one is for everybody in the tenant.
2. A person without a set of teams sees everything in the tenant; any other sees their teams' records and those
   without a label.
3. Conflicts and approvals carry the label that their subject had when they arose.
"""

from collections.abc import Set

from shared.records import Record


def team_of(record: Record) -> str | None:
    """The label of `record`; None if it is for everybody."""
    team = record.fields.get("team")
    return None if team is None else str(team)


def visible(record: Record, teams: Set[str] | None) -> bool:
    """Whether somebody in `teams` may see `record`; None are the teams of somebody who sees everything."""
    team = team_of(record)
    return teams is None or team is None or team in teams
