"""What the verbs of `tailboard-server` about metrics and traces do: from parsed arguments to a `Report`."""

import argparse

from shared.commandline import Report
from shared.metrics import METRICS, Key, Labels
from shared.ports import system_ports
from sync_server.bootstrap import build_office
from sync_server.settings import from_environment
from sync_server.telemetry.page import labels_of
from sync_server.telemetry.readings import Readings, read_store
from sync_server.telemetry.token import make_token


def metrics(arguments: argparse.Namespace) -> Report:
    """What the store says, for all organisations or one."""
    office = build_office(from_environment(home=arguments.home, database=arguments.database), pooled=False)
    tenant = office.the_tenant(arguments.tenant) if arguments.tenant else None
    readings = read_store(office.service, tenant)
    data = {
        "metrics": [
            {"name": name, "labels": dict(zip(_names(name), labels, strict=False)), "value": value}
            for (name, labels), value in sorted(readings.items())
        ]
    }
    return Report("tailboard.metrics.v1", data, [*_lines(readings)] or ["There is nothing here yet."])


def metrics_token(arguments: argparse.Namespace) -> Report:
    """Make the token."""
    settings = from_environment(home=arguments.home, database=arguments.database)
    make_token(settings.metrics_token, system_ports().randomness)
    lines = [
        f"{settings.metrics_token}: whoever shows it may read GET /metrics, from now on.",
        "For Prometheus: authorization: {credentials_file: FILE}",
    ]
    return Report("tailboard.metrics-token.v1", {"file": str(settings.metrics_token)}, lines)


def _names(name: str) -> Labels:
    base = name.removesuffix("_bucket").removesuffix("_sum_us")
    found = next(labels_of(metric) for metric in METRICS if metric.name == base)
    return (*found, "le") if name.endswith("_bucket") else found


def _lines(readings: Readings) -> list[str]:
    """One line a value; of a histogram how many, and how long on average."""
    lines = []
    for metric in METRICS:
        of_it: dict[Key, float] = {key: value for key, value in readings.items() if key[0] == metric.name}
        for (_, labels), value in sorted(of_it.items()):
            lines.append(f"{metric.name}{_shown(metric.name, labels)} {value:g}")
        for (name, labels), total_us in sorted(readings.items()):
            if name == f"{metric.name}_sum_us":
                number = readings[f"{metric.name}_bucket", (*labels, "+Inf")]
                lines.append(
                    f"{metric.name}{_shown(metric.name, labels)} {number:g} of {total_us / number / 1e6:.3f} s"
                )
    return lines


def _shown(name: str, labels: Labels) -> str:
    pairs = ", ".join(f"{label}={value}" for label, value in zip(_names(name), labels, strict=True))
    return f" {{{pairs}}}" if pairs else ""
