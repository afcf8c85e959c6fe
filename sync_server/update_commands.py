"""What the verbs about policy bundles and their roll-out do: from parsed arguments to a `Report`."""

import argparse
from pathlib import Path
from typing import Any

from policies.bundle import BadBundle
from policies.rollout import Mode, Rollout, Stage
from shared.commandline import Report, UsageError
from shared.routing import DataClass
from sync_server.asked_of import office_of
from sync_server.office.policies import Scope
from sync_server.updates.bundles import read_folder


def publish(arguments: argparse.Namespace) -> Report:
    """Publish a bundle."""
    office, tenant = office_of(arguments)
    folder = Path(arguments.folder)
    try:
        raw = read_folder(folder)
    except BadBundle as error:
        return Report(
            "tailboard.policy-published.v1", {"why": str(error)}, [f"{error}. Nothing was published."], ok=False
        )
    except OSError as error:
        raise UsageError(f"Cannot read {folder}: {error.strerror}.") from error
    version = office.publish_bundle(tenant, arguments.actor, raw)
    lines = [
        f"Bundle {version} is published, and in force nowhere yet.",
        f"Next: tailboard-server policy rollout {version} --shadow --reason WHY --as {arguments.actor}",
    ]
    return Report("tailboard.policy-published.v1", {"version": version, "bytes": len(raw)}, lines)


def listed(arguments: argparse.Namespace) -> Report:
    """What is published, and where it is rolled out."""
    office, tenant = office_of(arguments)
    told = office.published(tenant)
    data = {
        "versions": list(told.versions),
        "rollout": told.rollout.model_dump(mode="json"),
        "root_version": told.root_version,
    }
    if not told.versions:
        return Report(
            "tailboard.policies.v1", data, ["Nothing is published: laptops use the bundle that came with them."]
        )
    lines = [f"published: {', '.join(map(str, told.versions))}", *_rollout_lines(told.rollout)]
    return Report("tailboard.policies.v1", data, lines)


def rollout(arguments: argparse.Namespace) -> Report:
    """Put a bundle in the shadow or in force."""
    if arguments.shadow == arguments.force:
        raise UsageError("Say --shadow (decide and log only) or --force (follow it).")
    mode: Mode = "in_force" if arguments.force else "shadow"
    risks = frozenset(DataClass(each) for each in arguments.risk)
    scope = Scope(frozenset(arguments.workload) or None, risks or None, frozenset(arguments.group) or None)
    office, tenant = office_of(arguments)
    return _report(office.roll_out(tenant, arguments.actor, arguments.version, mode, scope, arguments.reason))


def withdraw(arguments: argparse.Namespace) -> Report:
    """End every stage of a bundle."""
    office, tenant = office_of(arguments)
    return _report(office.withdraw_bundle(tenant, arguments.actor, arguments.version, arguments.reason))


def rollback(arguments: argparse.Namespace) -> Report:
    """Publish older content under a higher number."""
    office, tenant = office_of(arguments)
    done = office.roll_back_bundle(
        tenant, arguments.actor, arguments.version, arguments.reason, number=arguments.number
    )
    return _report(done)


def rotate_keys(arguments: argparse.Namespace) -> Report:
    """Hand over to new keys."""
    office, tenant = office_of(arguments)
    root = office.rotate_update_keys(
        tenant,
        arguments.actor,
        arguments.reason,
        root_keys=arguments.root_keys,
        root_threshold=arguments.root_threshold,
    )
    lines = [f"Root {root} is signed by the one before. Devices follow it when they look for updates next."]
    return Report("tailboard.update-keys.v1", {"root_version": root}, lines)


def _report(done: Rollout) -> Report:
    return Report("tailboard.rollout.v1", {"rollout": done.model_dump(mode="json")}, _rollout_lines(done))


def _rollout_lines(told: Rollout) -> list[str]:
    base = f"bundle {told.in_force}" if told.in_force else "the bundle that came with the program"
    return [f"roll-out {told.serial}", f"  in force  {base}", *(f"  {stage_words(each)}" for each in told.stages)]


def stage_words(stage: Stage) -> str:
    """What a stage does, for whom, on one line."""
    conditions: tuple[tuple[str, frozenset[Any] | None], ...] = (
        ("workload", stage.purposes),
        ("risk", stage.classes),
        ("device", stage.groups),
    )
    said = "; ".join(f"{name} {', '.join(sorted(values))}" for name, values in conditions if values)
    word = "in force " if stage.mode == "in_force" else "in shadow"
    return f"{word} bundle {stage.version} for {said or 'everything'}"
