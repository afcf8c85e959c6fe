"""After the last round every laptop holds exactly the server's records."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from simulators.checkers.base import Checker, Evidence, Finding


def judge(evidence: Evidence) -> Iterator[Finding]:
    """The digests agree; where they do not, the first record that differs is named."""
    server = evidence.server
    wanted = _digest(server.records)
    for name, device in evidence.devices.items():
        if _digest(device.replica) != wanted:
            refs = sorted(server.records.keys() | device.replica.keys())
            ref = next(ref for ref in refs if server.records.get(ref) != device.replica.get(ref))
            yield Finding(name, f"holds another {ref} than the server")


def _digest(records: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()


CHECKER = Checker("both-sides-agree", judge)
