"""`tailboard-sim report`: from files of `explore` to one page."""

import argparse

from shared.commandline import Report
from simulators.report.page import page
from simulators.report.reading import read, read_all
from simulators.report.verdict import PASS, verdict
from simulators.reproduction import writable, write


def report(arguments: argparse.Namespace) -> Report:
    """Write the page; yes is a campaign that passed."""
    account = read_all(arguments.files)
    before = read(arguments.before) if arguments.before else None
    path = writable(arguments.out)
    assert path, "it has a default"
    write(path, page(account, before))
    found = verdict(account)
    data = {
        "file": str(path),
        "verdict": found.word,
        "reasons": list(found.reasons),
        "seeds": account.seeds,
        "violations": account.violations,
        "commit": account.commit,
    }
    lines = [f"{found.word}: {' '.join(found.reasons)}", f"Wrote {path}"]
    return Report("tailboard.report.v1", data, lines, ok=found.word == PASS)
