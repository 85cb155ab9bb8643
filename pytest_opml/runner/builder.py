"""From a case to its artifact: train, apply the techniques, leave everything in the cache."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
import time
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import registry
from ..case import Case, parse_chain
from ..datasets.splits import Split, prepare
from ..errors import ModelFileError
from ..models.classifier import input_size
from ..progress import report_progress
from ..records.result import Training
from ..storage.cache import Cache
from .cache_keys import key_of, source_digest
from .options import Options

if TYPE_CHECKING:
    from ..techniques.base import ModelState, OtherModel, Technique, TrainedModel

# The packages whose version can change a trained model or an artifact.
RESULT_MAKERS = (
    *("pytest-opml", "tensorflow", "keras", "numpy", "scikit-learn", "h5py", "pillow"),
    *("tensorflow-model-optimization", "tf-keras", "ai-edge-quantizer", "onnxruntime", "tf2onnx"),
)
_DETAILS = "details.json"
_NO_WEIGHTS_FILE = ("imagenet", "none")


class BuiltArtifact(NamedTuple):
    """An artifact's file or folder, how its model was trained, what was changed and how long that took."""

    path: Path
    training: Training
    changes: dict[str, float | int | str]
    preparation_s: float


def load_data(case: Case, options: Options) -> Split:
    """The images of a case at the size that its model takes.

    Raises:
        UsageError: the data, the model's file or the definition are at fault.
    """
    return prepare(case.model_copy(update={"size": input_size(case)}), options.data_dir)


def _installed(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _stamp(path: Path) -> str:
    """A digest of a file, or of a folder's files and their names."""
    digest = hashlib.sha256()
    try:
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                digest.update(str(file.relative_to(path)).encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _source_of(factory: Any) -> str:
    """The text of the module that a factory comes from, so that a user's own changes are seen."""
    try:
        return inspect.getsource(inspect.getmodule(factory) or factory)
    except (OSError, TypeError):
        return repr(factory)


class ArtifactBuilder:
    """Makes the artifact of one case, or finds it in the cache.

    Raises:
        UsageError: on construction, when the case cannot be made from what is there.
    """

    def __init__(self, case: Case, data: Split, options: Options) -> None:
        self.case, self.data, self.options = case, data, options
        self.steps: list[Technique] = parse_chain(case.technique)
        self.texts = case.technique.split("+")
        self.cache = Cache(options.cache_dir)

    # --- what can change the result

    def _conditions(self, case: Case, policy: str) -> dict[str, Any]:
        device = self.options.device
        path = registry.is_path("model", case.model)
        if case.weights not in _NO_WEIGHTS_FILE and not Path(case.weights).expanduser().is_file():
            raise ModelFileError(f"weights {case.weights}: no such file; known besides a path: imagenet, none")
        return {
            "case": case.model_dump(exclude={"technique"}),
            "policy": policy,
            "data": self.data.fingerprint,
            "weights": None if case.weights in _NO_WEIGHTS_FILE else _stamp(Path(case.weights).expanduser()),
            "code": source_digest(),
            "builder": _stamp(Path(case.model)) if path else _source_of(registry.get("model", case.model)),
            "versions": {name: _installed(name) for name in RESULT_MAKERS},
            "device": [device.profile, device.cpu, device.threads, device.gpu and device.gpu.name],
        }

    @property
    def _policy(self) -> str:
        return "float32" if self.case.unfreeze == 0 else self.steps[0].training_policy(self.options.device)

    @cached_property
    def _model_conditions(self) -> dict[str, Any]:
        return self._conditions(self.case, self._policy)

    def _key_after(self, count: int) -> str:
        """The key of what the first ``count`` steps make."""
        steps = self.steps[:count]
        others = {(other.name, other.unfreeze): other for step in steps for other in step.other_models()}
        return key_of(
            self._model_conditions
            | {
                "techniques": self.texts[:count],
                "technique_code": [_source_of(type(step)) for step in steps],
                "others": [self._conditions(self._other_case(other), "float32") for other in others.values()],
            }
        )

    def _other_case(self, other: OtherModel) -> Case:
        """The case of a teacher or a source: another model, otherwise the same."""
        weights = self.case.weights if self.case.weights in _NO_WEIGHTS_FILE else "imagenet"
        unfreeze = self.case.unfreeze if other.unfreeze is None else other.unfreeze
        changed = {"model": other.name, "technique": "baseline", "weights": weights, "unfreeze": unfreeze}
        return Case(**self.case.model_dump() | {"size": self.data.x_train.size} | changed)

    # --- finding and making

    def find(self) -> BuiltArtifact | None:
        """The artifact, with what is known of its making, if the cache holds it."""
        artifact = self.cache.find("artifact", self._key_after(len(self.steps)))
        if not artifact:
            return None
        details = json.loads((artifact / _DETAILS).read_text("utf-8"))
        training = Training.model_validate(details["training"])
        return BuiltArtifact(artifact / details["file"], training, details["changes"], details["preparation_s"])

    def trained(self) -> Path:
        """The file of the trained model, as the techniques are given it.

        Raises:
            ModelFileError: the model is a file that cannot be trained.
        """
        if self.case.is_finished:
            raise ModelFileError(f"{self.case.model}: is no Keras model; its file can only be measured as it is")
        return self._trained(self.case, self._policy).file

    def make(self) -> Path:
        """Train the model and put it through its techniques, so that the cache holds the artifact; its path.

        Raises:
            UsageError: data, weights or the definition are at fault.
            TechniqueError: a technique cannot be applied, or changed nothing.
        """
        from ..techniques.artifact_file import write_artifact

        def build(folder: Path) -> None:
            if self.case.is_finished:
                path = _copied(Path(self.case.model), folder)
                details: dict[str, Any] = {"training": _UNTRAINED, "changes": {}, "preparation_s": 0.0}
            else:
                trained = self._trained(self.case, self._policy)
                work = _ChainRun(self, trained)
                draft = work.run()
                started = time.perf_counter()
                path = write_artifact(draft, folder)
                preparation = work.preparation_s + time.perf_counter() - started
                seconds = trained.training.training_s + draft.training_s
                details = {
                    "training": trained.training.model_copy(update={"training_s": seconds}).model_dump(),
                    "changes": draft.changes,
                    "preparation_s": 0.0 if self.case.technique == "baseline" else preparation,
                }
            (folder / _DETAILS).write_text(json.dumps(details | {"file": path.name}, indent=1), "utf-8")

        entry = self.cache.entry("artifact", self._key_after(len(self.steps)), build)
        details = json.loads((entry / _DETAILS).read_text("utf-8"))
        return entry / str(details["file"])

    def _trained(self, case: Case, policy: str) -> TrainedModel:
        from ..techniques.base import TrainedModel

        def build(folder: Path) -> None:
            from ..models.training import train

            model, training = train(case, self.data, policy=policy)
            model.save(folder / "model.keras")
            (folder / _DETAILS).write_text(training.model_dump_json(indent=1), "utf-8")

        entry = self.cache.entry("model", key_of(self._conditions(case, policy)), build)
        training = Training.model_validate_json((entry / _DETAILS).read_text("utf-8"))
        return TrainedModel(entry / "model.keras", training)

    def trained_other(self, other: OtherModel) -> TrainedModel:
        """A teacher or a source, trained."""
        return self._trained(self._other_case(other), "float32")

    def find_step(self, count: int) -> Path | None:
        """What the first ``count`` steps made, if it was kept."""
        return self.cache.find("step", self._key_after(count))

    def keep_step(self, count: int, draft: ModelState, preparation_s: float) -> None:
        """Keep what the first ``count`` steps made, since their training took a while and other chains begin so."""

        def build(folder: Path) -> None:
            draft.model.save(folder / "model.keras")
            known = {name: getattr(draft, name) for name in ("float16_weights", "deflate", "training_s", "changes")}
            (folder / _DETAILS).write_text(json.dumps({"draft": known, "preparation_s": preparation_s}), "utf-8")

        self.cache.entry("step", self._key_after(count), build)


_UNTRAINED = Training(
    training_s=0.0, training_mode="none", trained_layers=(), trained_parameters=0, learning_rate=0.0, epochs=()
).model_dump()


def _copied(path: Path, folder: Path) -> Path:
    """The user's own file or folder, as it is."""
    target = folder / f"model{path.suffix if path.is_file() else ''}"
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copyfile(path, target)
    return target


class _ChainRun:
    """The steps of a chain, one after the other, and the time that they took besides training."""

    def __init__(self, maker: ArtifactBuilder, trained: TrainedModel) -> None:
        self.maker, self.trained = maker, trained
        self.preparation_s = 0.0

    def run(self) -> ModelState:
        """The draft after the last step; begins behind the last one that was kept."""
        from ..runtimes.keras_graph import load_keras
        from ..techniques.base import ModelState

        maker, done = self.maker, 0
        for count, entry in self._kept():
            details = json.loads((entry / _DETAILS).read_text("utf-8"))
            draft = ModelState(load_keras(entry / "model.keras"), **details["draft"])
            self.preparation_s, done = details["preparation_s"], count
            break
        else:
            draft = ModelState(self.trained.load())
        for count, step in enumerate(maker.steps[done:], done + 1):
            report_progress(f"applying {maker.texts[count - 1]}")
            before = draft.training_s
            draft = self._apply(step, draft)
            if draft.training_s > before and draft.flatbuffer is None:
                maker.keep_step(count, draft, self.preparation_s)
        return draft

    def _kept(self) -> Iterator[tuple[int, Path]]:
        for count in range(len(self.maker.steps), 0, -1):
            entry = self.maker.find_step(count)
            if entry:
                yield count, entry

    def _apply(self, step: Technique, draft: ModelState) -> ModelState:
        from ..techniques.base import TrainingContext

        elsewhere = 0.0

        def trained_other(other: OtherModel) -> TrainedModel:
            nonlocal elsewhere
            started = time.perf_counter()
            model = self.maker.trained_other(other)
            elsewhere += time.perf_counter() - started
            return model

        data = self.maker.data
        case = self.maker.case.model_copy(update={"size": data.x_train.size})
        material = TrainingContext(case, data.x_train, data.y_train, len(data.classes), trained_other)
        started = time.perf_counter()
        after = step.apply(draft, material)
        training = after.training_s - draft.training_s
        self.preparation_s += max(0.0, time.perf_counter() - started - elsewhere - training)
        return after
