"""The models on this laptop: which are here, which one is used, which one was good before, and what each has shown.

Rules
1. A model is used only after it passed the gate (`device.model.evals.gate`) here, for the prompts of this program.
   The one that ships needs no promotion: it is where everything ends.
2. The model that was used before is kept as the last good one, and comes back by itself when the new one is given up;
   one that was given up is not taken again before a person promotes it.
3. A file is here when all of it is on the disk under its sha256, its header makes sense, and it was called in: half a
   copy is none.
4. What the office withdrew is used no more, from the next start on.
5. What the office rolled out for this laptop is evaluated and promoted by itself, once its file is here.

State lies in the encrypted database, files in a folder beside it. It loads nothing (`device.model.keeper`).
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pydantic import Field

from device.errors import LocalError
from device.model import registry
from device.model.evals.gate import EvalReport
from device.model.port import ModelError
from device.model.registry import ModelFile
from policies.models import ApprovedModel, ModelCatalogue
from shared.contract import Contract, Hash
from shared.routing import Line, Tier

_META = "models"
_PIECE_BYTES = 1 << 20


class _Meta(Protocol):
    """Named values of the device's database (`device.store`)."""

    def meta(self, name: str) -> str | None: ...

    def set_meta(self, name: str, value: str) -> None: ...


class _State(Contract):
    """`used` and `last_good` are hashes, None the model that ships; `brought` are files that a person added."""

    used: Hash | None = None
    last_good: Hash | None = None
    brought: dict[Hash, Line] = Field(default_factory=dict)
    reports: dict[Hash, EvalReport] = Field(default_factory=dict)
    given_up: dict[Hash, Line] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """A model that this laptop knows of. `number` is that of the office's catalogue, if it stands there."""

    name: str
    sha256: str
    here: bool
    standing: str
    number: int | None = None
    size_bytes: int = 0
    licence: str = ""
    tier: Tier = Tier.BASIC
    report: EvalReport | None = None


class Models:
    """The models of one laptop."""

    def __init__(
        self, store: _Meta, folder: Path, device: str, catalogue: Callable[[], ModelCatalogue | None]
    ) -> None:
        """`folder` is made when the first file comes; `catalogue` is the office's, as it was last believed."""
        self._store, self._device, self._catalogue = store, device, catalogue
        self.folder = folder

    # -- looking

    def known(self) -> list[Known]:
        """Every model: the one that ships first, then the office's, then what people brought."""
        state, catalogue = self._state(), self._approved()
        names = {registry.SHA256: registry.FILE.removesuffix(".gguf"), **state.brought}
        names |= {each.sha256: each.name for each in catalogue.models}
        approved = {each.sha256: each for each in catalogue.models}
        return [self._known(sha256, name, approved.get(sha256), state) for sha256, name in names.items()]

    def find(self, named: str) -> Known:
        """The model of that name, number, or beginning of its hash. Raises `LocalError`."""
        known = self.known()
        found = [each for each in known if named in {each.name, str(each.number)}]
        found = found or [each for each in known if len(named) >= 6 and each.sha256.startswith(named)]
        if len(found) != 1:
            names = ", ".join(each.name for each in known)
            raise LocalError(f"{'No' if not found else 'More than one'} model is called {named}. Known are: {names}.")
        return found[0]

    def tier_of(self, sha256: str) -> Tier:
        """How good the organisation says that a model is."""
        return next((each.tier for each in self._approved().models if each.sha256 == sha256), Tier.BASIC)

    def file(self, sha256: str) -> ModelFile:
        """A model's file, measured. Raises `ModelError` if it is not here, or not what it was."""
        if sha256 == registry.SHA256:
            return registry.embedded()
        found = registry.at(self._path(sha256))
        if found.sha256 != sha256:
            raise ModelError(f"The model file {self.name_of(sha256)} was changed on the disk; forms still work.")
        return ModelFile(
            self.name_of(sha256), found.path, found.size_bytes, sha256, found.context_tokens, found.kv_bytes
        )

    def name_of(self, sha256: str) -> str:
        """What people call a model."""
        return next((each.name for each in self.known() if each.sha256 == sha256), sha256[:12])

    def to_use(self) -> list[Callable[[], ModelFile]]:
        """Where to get the model that is used, and what may take its place, in order."""
        state = self._state()
        hashes = [each for each in (state.used, state.last_good) if each is not None and self._may_use(each, state)]
        return [*(lambda sha256=each: self.file(sha256) for each in hashes), registry.embedded]

    def due(self) -> str | None:
        """A model whose turn it is to be evaluated here: rolled out for this laptop, here, and not judged yet."""
        state = self._state()
        for each in self._wanted():
            if not self._path(each.sha256).is_file() and each.sha256 != registry.SHA256:
                continue
            report = state.reports.get(each.sha256)
            if (report is None or not report.current) and each.sha256 not in state.given_up:
                return each.sha256
        return None

    # -- changing

    def add(self, source: Path) -> Known:
        """Copy a person's file in. It is not used before it was promoted.

        Raises:
            ModelError: it is no whole GGUF file.
            OSError: the disk is full, or failed.
        """
        name = registry.at(source).name[:120]
        sha256 = self._copied(source)
        state = self._state()
        given_up = {key: why for key, why in state.given_up.items() if key != sha256}
        self._keep(state, brought={**state.brought, sha256: name}, given_up=given_up)
        return self.find(sha256)

    def _copied(self, source: Path) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "adding.part"
        digest = hashlib.sha256()
        try:
            with source.open("rb") as incoming, partial.open("wb") as copy:
                while piece := incoming.read(_PIECE_BYTES):
                    digest.update(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            partial.replace(self._path(digest.hexdigest()))
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def note(self, report: EvalReport) -> None:
        """Keep what a model showed."""
        state = self._state()
        self._keep(state, reports={**state.reports, report.sha256: report})

    def promote(self, sha256: str) -> None:
        """Use a model from now on; the one before becomes the last good one.

        Raises:
            LocalError: it did not pass the gate here.
        """
        state, report, name = self._state(), self._state().reports.get(sha256), self.name_of(sha256)
        if sha256 != registry.SHA256 and (report is None or not report.passed):
            why = "; ".join(report.failed) if report and report.current else "it was not evaluated for this program"
            raise LocalError(f"{name} is not used: {why}. See: tailboard model eval {name}")
        chosen = None if sha256 == registry.SHA256 else sha256
        if chosen != state.used:
            given_up = {key: why for key, why in state.given_up.items() if key != sha256}
            self._keep(state, used=chosen, last_good=state.used, given_up=given_up)

    def roll_back(self) -> str:
        """Use the last good model again; its name. Raises `LocalError` if the one that ships is used already."""
        state = self._state()
        if state.used is None:
            raise LocalError("The model that ships is used already; there is none before it.")
        why = "a person went back from it"
        self._keep(state, used=state.last_good, last_good=None, given_up={**state.given_up, state.used: why})
        return self.name_of(state.last_good or registry.SHA256)

    def give_up(self, sha256: str, why: str) -> None:
        """A model crashed again and again, or would not load: the last good one is used from now on."""
        state = self._state()
        if sha256 not in {state.used, state.last_good}:
            return
        used = state.last_good if sha256 == state.used else state.used
        self._keep(state, used=used, last_good=None, given_up={**state.given_up, sha256: why[:400]})

    def settle(self, sha256: str) -> str | None:
        """After the evaluation of a model that was due: use it, if that is what the office wants; its name if so."""
        meant, report = self._approved().meant_for((self._device,)), self._state().reports.get(sha256)
        if meant is None or meant.sha256 != sha256 or report is None or not report.passed:
            return None
        self.promote(sha256)
        return self.name_of(sha256)

    def forget(self) -> None:
        """Remove the files that nobody needs any more: neither used, nor last good, nor brought, nor rolled out."""
        state = self._state()
        used = {each for each in (state.used, state.last_good) if each is not None and self._may_use(each, state)}
        kept = {*used, *state.brought, *(each.sha256 for each in self._wanted())}
        for path in self.folder.glob("*.gguf") if self.folder.is_dir() else ():
            if path.stem not in kept:
                with suppress(OSError):
                    path.unlink()

    def room_for(self, size_bytes: int) -> bool:
        """Whether the disk takes a file of that size, with as much left as the outbox may ever need."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free > size_bytes + (256 << 20)

    # -- inside

    def _known(self, sha256: str, name: str, approved: ApprovedModel | None, state: _State) -> Known:
        ships, path = sha256 == registry.SHA256, self._path(sha256)
        size = registry.BYTES if ships else path.stat().st_size if path.is_file() else 0
        told = Known(name, sha256, ships or bool(size), self._standing(sha256, state), size_bytes=size)
        told = replace(told, report=state.reports.get(sha256), licence=registry.LICENCE if ships else "")
        if approved is None:
            return told
        size, licence = approved.size_bytes, approved.licence
        return replace(told, number=approved.number, size_bytes=size, licence=licence, tier=approved.tier)

    def _standing(self, sha256: str, state: _State) -> str:
        """One word or a few about how it stands."""
        own = None if sha256 == registry.SHA256 else sha256
        if own == state.used:
            return "used"
        if sha256 in state.given_up:
            return "given up"
        if own == state.last_good:
            return "last good"
        report = state.reports.get(sha256)
        if report is not None and report.current:
            return "passed" if report.passed else "failed"
        return "not evaluated"

    def _may_use(self, sha256: str, state: _State) -> bool:
        """Whether somebody still stands for it: a person who brought it, or the office."""
        return sha256 in state.brought or any(each.sha256 == sha256 for each in self._approved().models)

    def _approved(self) -> ModelCatalogue:
        return self._catalogue() or ModelCatalogue()

    def _wanted(self) -> tuple[ApprovedModel, ...]:
        return self._approved().wanted_by((self._device,))

    def missing(self) -> list[ApprovedModel]:
        """What is rolled out for this laptop, and not here yet."""
        return [
            each
            for each in self._wanted()
            if each.sha256 != registry.SHA256 and not self._path(each.sha256).is_file()
        ]

    def partial(self, sha256: str) -> Path:
        """Where a download's bytes are kept until all of them are there."""
        return self.folder / f"{sha256}.part"

    def arrived(self, sha256: str) -> bool:
        """All bytes of a download are there: give it its name if they are the right ones; whether they are."""
        partial = self.partial(sha256)
        with partial.open("rb") as stream:
            right = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
        if right:
            partial.replace(self._path(sha256))
        else:
            partial.unlink()
        return right

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.gguf"

    def _state(self) -> _State:
        kept = self._store.meta(_META)
        return _State.model_validate_json(kept) if kept else _State()

    def _keep(self, state: _State, **changes: object) -> None:
        self._store.set_meta(_META, state.model_copy(update=changes).model_dump_json())
