"""Models for laptops: published, tried in the shadow, put in force, withdrawn.

Rules
1. A file is looked at before it is published: a GGUF file, whole, of a kind that says what it is. Its bytes are on
   the disk, verified, before the catalogue names them.
2. A number is used once, and what is in force for everything only goes up; to go back, the older file is published
   again under a new number. Every laptop still evaluates a model itself before it uses it.
3. What is withdrawn is rolled out nowhere and handed out no more; laptops go back to what they used before.
4. A browser brings no model: an operator puts the file into a folder of the server, with the report of its evaluation
   beside it (``NAME.json`` beside ``NAME.gguf``), and it is published from there by its name alone.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from policies.models import MODEL_BYTES_MAX, MODELS_MAX, ApprovedModel, ModelCatalogue
from policies.rollout import STAGES_MAX, Mode, Rollout, Stage
from shared.blobs import in_mib
from shared.commands.base import Role
from shared.gguf import BadModelFile, header_of
from shared.model_evals import REPORT_BYTES_MAX, BadReport, Evaluated, evaluated, read_evaluated
from shared.problems import Code, Refused
from shared.routing import Tier
from sync_server.batch import Batch
from sync_server.blob_files import ModelFiles
from sync_server.office.base import OfficePart, check_name, permit, reason_of
from sync_server.office.policies import devices_of
from sync_server.store import Tx
from sync_server.updates.publisher import Publisher

T = TypeVar("T")
_PIECE_BYTES = 8 << 20
#: For which a model's memory is told; as the laptop opens it.
_CONTEXT_TOKENS, _PROCESS_MIB = 4096, 200
LICENCE_CHARS_MAX = 120


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """A model as somebody wants to publish it. `evaluation` is of the report about it, if there is one."""

    path: Path
    name: str
    licence: str
    tier: Tier
    evaluation: Evaluated | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that an operator put there for publishing. `why_not`: its report cannot be read."""

    name: str
    size_bytes: int
    evaluation: Evaluated | None = None
    why_not: str = ""


class Models(OfficePart):
    """Models and their roll-out."""

    def models(self, tenant: str) -> list[tuple[ApprovedModel, bool]]:
        """Every published model, and whether its file is on this server."""
        catalogue, files = self.model_catalogue(tenant), self._files().published
        return [(each, files.whole(tenant, each.sha256) is not None) for each in catalogue.models]

    def model_catalogue(self, tenant: str) -> ModelCatalogue:
        """What is published, and where it is rolled out."""
        with self.service.store.transaction() as tx:
            return self.service.publisher(tx, tenant).models()

    def publish_model(self, tenant: str, actor: str, draft: ModelDraft) -> ApprovedModel:
        """Publish a model; it is rolled out nowhere yet. Raises `Refused`, `OSError`."""
        _check_draft(draft)
        with self.service.store.transaction() as tx:
            permit(tx, tenant, actor, Role.ADMIN)
            _check_room(self.service.publisher(tx, tenant).models())
        sha256, size, memory_mib = self._keep(tenant, draft.path)

        def change(before: ModelCatalogue) -> tuple[ModelCatalogue, ApprovedModel]:
            _check_room(before)
            model = ApprovedModel(
                number=max([0, before.rollout.in_force or 0, *(each.number for each in before.models)]) + 1,
                name=draft.name,
                sha256=sha256,
                size_bytes=size,
                memory_mib=memory_mib,
                licence=draft.licence.strip(),
                tier=draft.tier,
                prompts=draft.evaluation.prompts if draft.evaluation else None,
                evals=draft.evaluation.passed[:16] if draft.evaluation else (),
            )
            return _with(before, models=(*before.models, model)), model

        published = self._change_models(tenant, actor, change, act="model published", model=draft.name, sha256=sha256)
        if draft.evaluation:
            self._keep_report(tenant, sha256, draft.evaluation)
        return published

    def _keep_report(self, tenant: str, sha256: str, evaluation: Evaluated) -> None:
        now = self.service.ports.clock.now()
        self.service.store.attempt(lambda tx: tx.put_model_report(tenant, sha256, now, evaluation.as_json()))

    def model_reports(self, tenant: str) -> dict[str, tuple[datetime, Evaluated]]:
        """What evaluations said when models were published, by the sha256 of the file, and when that was."""
        with self.service.store.reading() as tx:
            return {sha256: (at, evaluated(told)) for sha256, (at, told) in tx.model_reports(tenant).items()}

    @property
    def models_folder(self) -> Path:
        """Where a file is put to be published. Raises `Refused`, where none can be."""
        return self._files().incoming

    def incoming_models(self) -> list[Incoming]:
        """What lies in the folder for publishing, by name."""
        folder = self.models_folder
        found = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
        return [_incoming(each) for each in found if each.is_file() and not each.is_symlink()]

    def publish_incoming(
        self, tenant: str, actor: str, file: str, name: str, licence: str, tier: Tier
    ) -> ApprovedModel:
        """Publish a file of that folder, with the report beside it. Raises `Refused`."""
        known = {each.name: each for each in self.incoming_models()}
        folder = self.models_folder
        if file not in known:
            raise Refused(Code.NOT_FOUND, f"there is no file {file[:80]} in {folder}")
        if known[file].why_not:
            raise Refused(Code.MALFORMED, f"the report beside {file} is {known[file].why_not}")
        draft = ModelDraft(folder / file, name, licence, tier, known[file].evaluation)
        try:
            return self.publish_model(tenant, actor, draft)
        except OSError as error:
            raise Refused(Code.INTERNAL, f"{file} cannot be read: {error.strerror}") from error

    def roll_back_model(self, tenant: str, actor: str, number: int, reason: str) -> ApprovedModel:
        """Publish the file of `number` once more under the next number, in force for every laptop at once.

        Every stage ends. Raises `Refused`.
        """
        why = reason_of(reason)

        def change(before: ModelCatalogue) -> tuple[ModelCatalogue, ApprovedModel]:
            older = _named(before, number)
            _check_room(before)
            if self._files().published.whole(tenant, older.sha256) is None:
                raise Refused(Code.NOT_FOUND, f"the file of model {number} is not on this server; publish it again")
            again = older.model_copy(update={"number": max(each.number for each in before.models) + 1})
            told = Rollout(serial=before.rollout.serial, in_force=again.number)
            return _with(before, models=(*before.models, again), rollout=told), again

        return self._change_models(tenant, actor, change, act="model rolled back", why=why, content_of=number)

    def roll_out_model(
        self, tenant: str, actor: str, number: int, mode: Mode, groups: frozenset[str], reason: str
    ) -> ModelCatalogue:
        """Put a model in the shadow or in force, for all or for `groups` (devices, teams). Raises `Refused`."""
        why = reason_of(reason)
        with self.service.store.transaction() as tx:
            devices = devices_of(tx, tenant, groups) if groups else None

        def change(before: ModelCatalogue) -> tuple[ModelCatalogue, ModelCatalogue]:
            _named(before, number)
            if number <= (before.rollout.in_force or 0):
                raise Refused(
                    Code.STALE,
                    f"model {before.rollout.in_force} is in force already; to go back, publish the older file again",
                )
            after = _with(before, rollout=_rolled_out(before.rollout, number, mode, devices))
            return after, after

        return self._change_models(tenant, actor, change, act="model rolled out", why=why, number=number, mode=mode)

    def withdraw_model(self, tenant: str, actor: str, number: int, reason: str) -> ModelCatalogue:
        """Take a model out of the catalogue. Raises `Refused`."""
        why = reason_of(reason)

        def change(before: ModelCatalogue) -> tuple[ModelCatalogue, ApprovedModel]:
            model, rollout = _named(before, number), before.rollout
            stages = tuple(each for each in rollout.stages if each.version != number)
            in_force = None if rollout.in_force == number else rollout.in_force
            told = Rollout(serial=rollout.serial, in_force=in_force, stages=stages)
            left = tuple(each for each in before.models if each.number != number)
            return _with(before, models=left, rollout=told), model

        gone = self._change_models(tenant, actor, change, act="model withdrawn", why=why, number=number)
        after = self.model_catalogue(tenant)
        if all(each.sha256 != gone.sha256 for each in after.models):
            with suppress(OSError):  # the catalogue does not name it any more; that is what counts
                self._files().published.give_up(tenant, gone.sha256)
        return after

    def _change_models(
        self, tenant: str, actor: str, change: Callable[[ModelCatalogue], tuple[ModelCatalogue, T]], **told: object
    ) -> T:
        def work(tx: Tx, batch: Batch) -> T:
            permit(tx, tenant, actor, Role.ADMIN)
            tx.lock_head(tenant)  # whoever else publishes here waits
            publisher: Publisher = self.service.publisher(tx, tenant)
            after, result = change(publisher.models())
            publisher.publish({}, models=after)
            batch.note(actor=actor, **told)
            return result

        return self._unit(tenant, work)

    def _files(self) -> ModelFiles:
        if self.service.models is None:
            raise Refused(Code.INTERNAL, "this server has no folder for models")
        return self.service.models

    def _keep(self, tenant: str, path: Path) -> tuple[str, int, int]:
        """The file's bytes under their sha256; that, its size, and the memory that it takes in MiB."""
        size = path.stat().st_size
        if size > MODEL_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE, f"{path.name} has {in_mib(size)}; a model has up to {in_mib(MODEL_BYTES_MAX)}"
            )
        with path.open("rb") as stream:
            try:
                header = header_of(stream, size)
            except BadModelFile as why:
                raise Refused(Code.MALFORMED, f"{path.name} {why}") from why
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            self._store(tenant, sha256, size, iter(lambda: stream.read(_PIECE_BYTES), b""))
        tokens = min(_CONTEXT_TOKENS, header.context_tokens)
        return sha256, size, (size + tokens * header.kv_bytes >> 20) + _PROCESS_MIB

    def _store(self, tenant: str, sha256: str, size: int, pieces: Iterable[bytes]) -> None:
        files, at = self._files().published, 0
        if files.whole(tenant, sha256) is not None:
            return
        for piece in pieces:
            files.write(tenant, sha256, at, piece)
            at += len(piece)
        if not files.finish(tenant, sha256, size):
            raise Refused(Code.BYTES_WRONG, "what was written is not what was read; check the disk and try again")


def _check_draft(draft: ModelDraft) -> None:
    """Raises `Refused` for what somebody said of a model and the catalogue cannot hold."""
    check_name("model", draft.name)
    for suite in draft.evaluation.passed if draft.evaluation else ():
        check_name("suite", suite)
    if not 0 < len(draft.licence.strip()) <= LICENCE_CHARS_MAX:
        words = f"say under which licence the model is, in 1 to {LICENCE_CHARS_MAX} characters, for example MIT"
        raise Refused(Code.MALFORMED, words)


def _check_room(before: ModelCatalogue) -> None:
    """Raises `Refused` where the catalogue holds no further model."""
    if len(before.models) >= MODELS_MAX:
        words = f"{MODELS_MAX} models are published, and no more can be; withdraw one first, for example "
        raise Refused(Code.MALFORMED, words + f"{before.models[0].number}: {before.models[0].name}")


def _incoming(path: Path) -> Incoming:
    size, report = path.stat().st_size, path.with_suffix(".json")
    if not report.is_file() or report.stat().st_size > REPORT_BYTES_MAX:
        return Incoming(path.name, size)
    try:
        return Incoming(path.name, size, read_evaluated(report.read_bytes()))
    except (OSError, BadReport) as error:
        return Incoming(path.name, size, why_not=str(error))


def _named(catalogue: ModelCatalogue, number: int) -> ApprovedModel:
    found = catalogue.model(number)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no model {number}; see: tailboard-server model list")
    return found


def _with(before: ModelCatalogue, **changes: object) -> ModelCatalogue:
    try:
        return ModelCatalogue.model_validate_json(before.model_copy(update=changes).to_bytes())  # as it is read back
    except ValidationError as error:
        raise Refused(Code.MALFORMED, f"the catalogue would not hold together: {error.errors()[0]['msg']}") from error


def _rolled_out(before: Rollout, number: int, mode: Mode, devices: frozenset[str] | None) -> Rollout:
    if mode == "in_force" and devices is None:
        kept = tuple(each for each in before.stages if each.version > number)
        return Rollout(serial=before.serial, in_force=number, stages=kept)
    stage = Stage(version=number, mode=mode, groups=devices)
    kept = tuple(each for each in before.stages if each != stage)
    if len(kept) >= STAGES_MAX:
        raise Refused(Code.MALFORMED, "there are too many stages; withdraw what is not needed")
    newest_first = sorted((stage, *kept), key=lambda each: -each.version)
    return before.model_copy(update={"stages": tuple(newest_first)})
