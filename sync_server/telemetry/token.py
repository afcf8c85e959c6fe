"""Who may read the metrics: whoever shows the token that lies in a file of the server's folder.

Rules
1. Without the file there is no page. A file that others on the machine can read, or that holds too little, is none.
2. Where a request came from counts for nothing: behind a proxy on the same machine everybody is near.
3. The file is read for every request, so that a new token counts at once.
"""

import hmac
import logging
import os
from pathlib import Path

from shared.ports import Randomness
from shared.problems import Code, Refused

log = logging.getLogger("tailboard.server")
LENGTH_MIN = 32


def make_token(path: Path, randomness: Randomness) -> None:
    """Write a new token where only its owner reads it. Raises `Refused` if there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(Code.STALE, f"{path} is there already; delete it to take its right away") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(randomness.draw(32).hex() + "\n")


def check_token(path: Path | None, shown: str | None) -> None:
    """Whether an Authorization header shows the token.

    Raises:
        Refused: `not_found` where there is none to show, `not_authentic` if it shows another.
    """
    token = _token(path) if path else None
    if token is None:
        raise Refused(Code.NOT_FOUND, "this server shows no metrics; see: tailboard-server metrics-token")
    scheme, _, told = (shown or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(told.strip().encode(), token):
        raise Refused(Code.NOT_AUTHENTIC, "the metrics are for whoever shows the token of this server")


def _token(path: Path) -> bytes | None:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            log.warning("metrics are not shown", extra={"why": f"others can read {path.name}; run: chmod 600"})
            return None
        token = path.read_bytes().strip()
    except OSError:
        return None
    return token if len(token) >= LENGTH_MIN else None
