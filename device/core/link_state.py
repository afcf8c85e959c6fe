"""How the way to the server is, as the last exchanges showed it.

Rules
1. Who works offline has no link, whatever was seen.
2. The last exchange counts most: if the server was not reached, the link is down.
3. An exchange that failed lately, or took long, makes the link marginal.
4. If nothing was seen lately, nothing speaks against trying: the first try will tell.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from device.store.exchange import Exchange, reached_server
from shared.routing import Link

#: What is older says nothing about now.
SPELL = timedelta(minutes=10)
#: So many exchanges are looked at.
LOOKED_AT = 8
#: An exchange that takes longer is one over a weak link.
SLOW_S = 4.0


def link_of(exchanges: Sequence[Exchange], now: datetime, *, online: bool) -> Link:
    """The link at `now`, after `exchanges`, oldest first."""
    if not online:
        return Link.DOWN
    recent = [each for each in exchanges if abs(now - each.began.wall) < SPELL][-LOOKED_AT:]
    if not recent:
        return Link.UP
    if not reached_server(recent[-1].what):
        return Link.DOWN
    weak = any(not reached_server(each.what) or each.took_s > SLOW_S for each in recent)
    return Link.MARGINAL if weak else Link.UP
