"""`tailboard-sim replay`: from a file to a judged world, and from that to a `Report`."""

import argparse
from dataclasses import replace
from pathlib import Path

from device.core.recording import Recording, UnusableRecording, read_recording
from shared.commandline import Report, UsageError
from simulators import world
from simulators.explore import judge, only_what_matters
from simulators.faults import PROFILES
from simulators.replay import likeness
from simulators.replay.plan import LAPTOP, Plan, plan
from simulators.seeds import run_data, run_lines
from simulators.world import Run


def replay(arguments: argparse.Namespace) -> Report:
    """What happened to a real laptop, again."""
    if arguments.seed < 0:
        raise UsageError(f"A seed is a number from 0 up; {arguments.seed} is none.")
    if arguments.profile not in PROFILES:
        raise UsageError(f"There is no profile {arguments.profile!r}. Choose one of: {', '.join(PROFILES)}.")
    recording = _read(arguments.file)
    planned = plan(recording, PROFILES[arguments.profile])
    only_what_matters()
    try:
        result = world.run(arguments.seed, replace(planned.options, keep_lines=True))
    finally:
        world.forget_templates()
    return _report(recording, planned, result)


def _report(recording: Recording, planned: Plan, result: Run) -> Report:
    findings = judge(result)
    real, again = likeness.recorded(recording), likeness.replayed(result)
    refused = result.told[LAPTOP].refused
    told = {
        "length_s": recording.length_s,
        "recorded": real.data(),
        "replayed": again.data(),
        "said_as_notes": planned.as_notes,
        "not_said": len(refused),
    }
    lines = [*run_lines(result, findings), "", *likeness.lines(real, again)]
    if planned.as_notes:
        kinds = ", ".join(f"{count} {kind}" for kind, count in planned.as_notes.items())
        lines.append(f"Said as notes of the same size: {kinds}.")
    if refused:
        lines.append(f"Not said, because it made no sense there: {len(refused)}, first: {refused[0]}")
    data = run_data(result, planned.options, findings) | told
    return Report("tailboard.replay.v1", data, lines, ok=not findings)


def _read(name: str) -> Recording:
    try:
        return read_recording(Path(name).read_bytes())
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}. Give what tailboard trace export wrote.") from error
    except UnusableRecording as error:
        raise UsageError(f"{name} {error}.") from error
