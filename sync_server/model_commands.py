"""What the verbs about models do: from parsed arguments to a `Report`."""

import argparse
from pathlib import Path

from policies.models import ApprovedModel, ModelCatalogue
from policies.rollout import Mode, Stage
from shared.commandline import Report, UsageError
from shared.model_evals import BadReport, Evaluated, read_evaluated
from shared.routing import Tier
from sync_server.asked_of import office_of
from sync_server.office.models import ModelDraft


def publish(arguments: argparse.Namespace) -> Report:
    """Publish a model's file."""
    office, tenant = office_of(arguments)
    path = Path(arguments.file)
    evaluation = _evaluated(arguments.evals) if arguments.evals else None
    draft = ModelDraft(path, arguments.name, arguments.licence, Tier(arguments.tier), evaluation)
    try:
        model = office.publish_model(tenant, arguments.actor, draft)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    lines = [
        f"{model.name} is published as model {model.number}, and rolled out nowhere yet.",
        f"Next: tailboard-server model rollout {model.number} --shadow --reason WHY --as {arguments.actor}",
    ]
    return Report("tailboard.model-published.v1", {"model": model.model_dump(mode="json")}, lines)


def listed(arguments: argparse.Namespace) -> Report:
    """What is published, and where it is rolled out."""
    office, tenant = office_of(arguments)
    models, rollout = office.models(tenant), office.model_catalogue(tenant).rollout
    data = {
        "models": [{**each.model_dump(mode="json"), "file_here": here} for each, here in models],
        "rollout": rollout.model_dump(mode="json"),
    }
    if not models:
        return Report(
            "tailboard.models.v1", data, ["Nothing is published: laptops use the model that came with them."]
        )
    lines = [_line(each, here=here) for each, here in models]
    return Report("tailboard.models.v1", data, [*lines, *_rollout_lines(rollout.in_force, rollout.stages)])


def rollout(arguments: argparse.Namespace) -> Report:
    """Put a model in the shadow or in force."""
    if arguments.shadow == arguments.force:
        raise UsageError("Say --shadow (fetch and evaluate only) or --force (use it where it passes).")
    mode: Mode = "in_force" if arguments.force else "shadow"
    office, tenant = office_of(arguments)
    groups = frozenset(arguments.group)
    return _report(office.roll_out_model(tenant, arguments.actor, arguments.model, mode, groups, arguments.reason))


def roll_back(arguments: argparse.Namespace) -> Report:
    """Publish an older model's file again, in force at once."""
    office, tenant = office_of(arguments)
    model = office.roll_back_model(tenant, arguments.actor, arguments.model, arguments.reason)
    said = [f"{model.name} is in force for every laptop again, as model {model.number}."]
    return Report("tailboard.model-rolled-back.v1", {"model": model.model_dump(mode="json")}, said)


def withdraw(arguments: argparse.Namespace) -> Report:
    """Take a model out of the catalogue."""
    office, tenant = office_of(arguments)
    return _report(office.withdraw_model(tenant, arguments.actor, arguments.model, arguments.reason))


def _evaluated(file: str) -> Evaluated:
    try:
        return read_evaluated(Path(file).read_bytes())
    except (OSError, BadReport) as error:
        raise UsageError(f"{file} is no report of an evaluation. Write one: tailboard model eval --json") from error


def _report(catalogue: ModelCatalogue) -> Report:
    told = catalogue.rollout
    return Report(
        "tailboard.model-rollout.v1",
        {"rollout": told.model_dump(mode="json")},
        _rollout_lines(told.in_force, told.stages),
    )


def _line(model: ApprovedModel, *, here: bool) -> str:
    missing = "" if here else "  its file is not on this server; publish it again"
    size = f"{model.size_bytes >> 20:,} MiB"
    return f"{model.number:>4} {model.name}  {size}  {model.tier}  {model.licence}{missing}"


def _rollout_lines(in_force: int | None, stages: tuple[Stage, ...]) -> list[str]:
    lines = [f"in force  {f'model {in_force}' if in_force else 'the model that came with the program'}"]
    for each in stages:
        whom = f"for {', '.join(sorted(each.groups))}" if each.groups else "for every laptop"
        lines.append(f"{'in force ' if each.mode == 'in_force' else 'in shadow'} model {each.version} {whom}")
    return lines
