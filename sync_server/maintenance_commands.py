"""What the verbs of `tailboard-server` do that look after the database: from parsed arguments to a `Report`."""

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from shared.commandline import Report
from sync_server import backup as backups
from sync_server.backup_files import FileNamed
from sync_server.bootstrap import build_service
from sync_server.bootstrap import migrate as migrate_database
from sync_server.retention import purge as purge_all
from sync_server.settings import Settings, from_environment
from sync_server.standing import lives_seen, stopped

#: More lost files than this are only counted on a screen.
FILES_SHOWN = 20


def migrate(arguments: argparse.Namespace) -> Report:
    """Bring the database to this program's schema."""
    before, after = migrate_database(_settings(arguments))
    said = f"The database has schema {after} already." if before == after else f"Schema {before or 'none'} → {after}."
    return Report("tailboard.migrate.v1", {"before": before, "after": after}, [said])


def backup(arguments: argparse.Namespace) -> Report:
    """Write a backup."""
    file = Path(arguments.file)
    made = backups.back_up(
        _settings(arguments),
        file,
        with_secret=arguments.with_secret,
        with_files=arguments.with_files,
        with_models=arguments.with_models,
    )
    manifest = made.manifest
    lines = [f"{file}: as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, {file.stat().st_size} bytes"]
    if arguments.with_secret:
        lines.append("It holds the server's secret: whoever has this file can sign in the server's name.")
    else:
        lines.append("The server's secret is not in it; keep a copy of server.secret somewhere else.")
    lines += _files_backed_up(made, carried=arguments.with_files)
    lines += _models_backed_up(made, carried=arguments.with_models)
    files = {"files": len(made.files), "missing_files": _file_data(made.missing)}
    files |= {"models": len(made.models), "missing_models": _file_data(made.missing_models)}
    data = {"file": str(file), "made_at": manifest.made_at, "incarnation": manifest.incarnation, **files}
    return Report("tailboard.backup.v1", {**data, "with_secret": arguments.with_secret}, lines)


def _files_backed_up(made: backups.Made, *, carried: bool) -> list[str]:
    lines = [f"It carries the {len(made.files)} files that commands name."] if carried else []
    if made.files and not carried:
        lines.append(
            f"It lists the {len(made.files)} files that commands name and does not carry them: copy the folder blobs "
            "in the server's home too, or use --with-files."
        )
    if made.missing:
        lines += ["The folder lacks some of them already:", *_file_lines(made.missing)]
    return lines


def _models_backed_up(made: backups.Made, *, carried: bool) -> list[str]:
    here = len(made.models) - len(made.missing_models)
    if not made.models:
        return []
    if carried:
        lines = [f"It carries the files of {here} published models."]
    else:
        told = f"It lists the files of {len(made.models)} published models and does not carry them: copy the folder"
        lines = [f"{told} models in the server's home too, or use --with-models."]
    if made.missing_models:
        lines += ["The folder lacks some of them already:", *_file_lines(made.missing_models)]
    return lines


def _file_lines(files: Sequence[FileNamed]) -> list[str]:
    shown = [f"  {each.tenant}  {each.sha256}  {each.size} bytes" for each in files[:FILES_SHOWN]]
    return [*shown, *([f"  and {len(files) - FILES_SHOWN} more; see --json"] if len(files) > FILES_SHOWN else [])]


def _file_data(files: Sequence[FileNamed]) -> list[dict[str, object]]:
    return [each.model_dump(exclude={"carried"}) for each in files]


def restore(arguments: argparse.Namespace) -> Report:
    """Put a backup in the database's place."""
    done = backups.restore(_settings(arguments), Path(arguments.file), arguments.reason, force=arguments.force)
    lines = [
        f"Restored, as of {done.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC. Life {done.incarnation} begins.",
        "Start the server: devices start their copies anew and bring again what is missing.",
    ]
    if done.aside:
        lines.append(f"What was there before is now called {done.aside}; remove it when you do not need it any more.")
    if done.missing:
        lines.append(
            f"{len(done.missing)} files that commands name are not in the folder blobs. Laptops that have them bring "
            "them again; or copy them there from another backup:"
        )
        lines += _file_lines(done.missing)
    if done.missing_models:
        lines.append(
            f"The files of {len(done.missing_models)} published models are not in the folder models. Copy them there "
            "or publish the same files again. Laptops that have theirs go on with them:"
        )
        lines += _file_lines(done.missing_models)
    data = {"made_at": done.manifest.made_at, "incarnation": done.incarnation, "aside": done.aside}
    data["missing_files"], data["missing_models"] = _file_data(done.missing), _file_data(done.missing_models)
    return Report("tailboard.restore.v1", data, lines)


def incarnation_show(arguments: argparse.Namespace) -> Report:
    """Which life of the database this is, and whether the server stopped itself."""
    service = build_service(_settings(arguments), pooled=False)
    with closing(service.store), service.store.transaction() as tx:
        why, life = stopped(tx), lives_seen(tx)[0]
    lines = [f"Life {life}.", *(f"{tenant} is stopped: {reason}" for tenant, reason in why.items())]
    return Report("tailboard.incarnation.v1", {"incarnation": life, "stopped": why}, lines, ok=not why)


def incarnation_raise(arguments: argparse.Namespace) -> Report:
    """Begin a new life."""
    life = backups.raise_incarnation(_settings(arguments), arguments.reason)
    said = f"Life {life} begins. Devices start their copies anew and bring again what is missing."
    return Report("tailboard.incarnation.v1", {"incarnation": life, "stopped": {}}, [said])


def purge(arguments: argparse.Namespace) -> Report:
    """Forget what is long settled."""
    service = build_service(_settings(arguments), pooled=False)
    with closing(service.store):
        done = purge_all(service)
    data = {tenant: asdict(each) for tenant, each in done.items()}
    lines = [
        f"{tenant}: {each.commands} commands, {each.removals} removals, {each.traces} traces"
        for tenant, each in done.items()
    ]
    return Report("tailboard.purge.v1", {"purged": data}, lines or ["There is nothing here yet."])


def _settings(arguments: argparse.Namespace) -> Settings:
    return from_environment(home=arguments.home, database=arguments.database)
