"""What the verbs `task list` and `task show` of `tailboard-server` do: from parsed arguments to a `Report`."""

import argparse
from dataclasses import asdict
from typing import Any

from shared.commandline import Report
from shared.ids import id_of
from shared.records import AssistTask, TaskStatus, record_to_json
from sync_server.asked_of import open_office_of
from sync_server.office.tasks import TaskShown


def task_list(arguments: argparse.Namespace) -> Report:
    """What waits for the cluster."""
    with open_office_of(arguments) as (office, tenant):
        shown = office.tasks(tenant, everything=arguments.all)
    data = {"tasks": [_data(each) for each in shown]}
    return Report("tailboard.tasks.v1", data, [_line(each) for each in shown] or ["No question waits."])


def task_show(arguments: argparse.Namespace) -> Report:
    """One of them."""
    with open_office_of(arguments) as (office, tenant):
        shown = office.task(tenant, arguments.task)
    return Report("tailboard.task.v1", {"task": _data(shown)}, [_line(shown), *_lines(shown)])


def _data(shown: TaskShown) -> dict[str, Any]:
    return {"record": record_to_json(shown.record), "work": asdict(shown.row)}


def _line(shown: TaskShown) -> str:
    task, row = shown.task, shown.row
    held = f", held by {row.lease_owner} until {row.lease_until:%H:%M:%S}" if row.lease_until else ""
    later = f", not before {row.not_before:%Y-%m-%d %H:%M:%S}" if row.not_before else ""
    head = f"{row.command}  {id_of(task.record):<10} {task.status}, went {row.attempts} times{held}{later}"
    return f"{head}  {row.detail}".rstrip()


def _lines(shown: TaskShown) -> list[str]:
    task, row = shown.task, shown.row
    told = [
        f"  asked by {task.asked_by} about {task.record}: “{task.question}”",
        f"  {task.purpose}, class {task.data_class or 'unknown'}, good until {row.expires_at:%Y-%m-%d %H:%M} UTC",
    ]
    if task.decision:
        told.append(f"  decided: {task.route} by {task.bundle_version or '-'}, decision {task.decision[:12]}")
    return told + _answer_lines(task)


def _answer_lines(task: AssistTask) -> list[str]:
    answer = task.answer
    if answer is None or task.status is not TaskStatus.DONE:
        return []
    moved = [
        f"  moved {each.bytes_up} bytes up and {each.bytes_down} down ({each.data_class}, {each.boundary})"
        for each in answer.moved
    ]
    pages = [f"  {each.document} {each.revision} page {each.page}: “{each.quote}”" for each in answer.citations]
    return [f"  {answer.disclosure} {answer.model}, {answer.runtime}", *moved, f"  “{answer.text}”", *pages]
