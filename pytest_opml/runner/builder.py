"""From a case to its artifact: train, apply the techniques, leave everything in the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..case import Case
from ..datasets.splits import Split
from ..errors import CaseFailed, ModelFileError
from ..measure.cpu_load import LoadWatch
from ..measure.sizes import optimizer_bytes
from ..progress import report_progress
from ..records.result import Training
from ..runtimes.threads import check_process
from ..storage.cache import Cache
from ..storage.digests import copy_path
from .arithmetic import speed_of
from .cache_keys import CaseKeys

if TYPE_CHECKING:
    import keras

    from ..records.device import Device
    from ..techniques.agreement import AnswerGuard
    from ..techniques.base import ModelState, OtherModel, Technique, TrainedModel

_DETAILS = "details.json"
# The kind of the cache's entries that hold artifacts.
ARTIFACT = "artifact"


class BuiltArtifact(NamedTuple):
    """An artifact's file or folder, how its model was trained, what was changed and how long that took.

    Attributes:
        disturbed: what disturbed the machine while the techniques ran; empty where it was quiet.
        optimizer_bytes: of the file, those of the state of an optimizer that a user has saved with the model.
        arithmetic: what this hardware does for the number formats of the techniques; see ``records.result.Artifact``.
    """

    path: Path
    training: Training
    changes: dict[str, float | int | str]
    preparation_s: float
    disturbed: str = ""
    optimizer_bytes: int = 0
    arithmetic: dict[str, float] = {}  # noqa: RUF012 - never changed


def find_artifact(cache: Cache, key: str) -> BuiltArtifact | None:
    """Return the artifact with this key, with what is known of its making; None where the cache does not hold it.

    This process then holds the entry, so that nothing takes it away.
    """
    entry = cache.find(ARTIFACT, key)
    if not entry:
        return None
    details = json.loads((entry / _DETAILS).read_text("utf-8"))
    training, path = Training.model_validate(details["training"]), entry / details.pop("file")
    return BuiltArtifact(**details | {"path": path, "training": training})


class ArtifactBuilder:
    """Makes the artifact of one case, or finds it in the cache.

    Args:
        case: to be made.
        data: loaded for it.
        device: that the model is trained on.
        cache: that keeps all that is made.

    Raises:
        UsageError: on construction, when the case cannot be made from what is there.
    """

    def __init__(self, case: Case, data: Split, device: Device, cache: Cache) -> None:
        self.case, self.data, self.cache, self.device = case, data, cache, device
        self.keys = CaseKeys(case, data, device)
        self.texts = case.technique.split("+")

    @property
    def steps(self) -> list[Technique]:
        """The techniques of the chain."""
        return self.keys.steps

    def find(self) -> BuiltArtifact | None:
        """Return the artifact, if the cache holds it."""
        return find_artifact(self.cache, self.keys.artifact)

    def trained(self) -> Path:
        """The file of the trained model, as the techniques are given it.

        Raises:
            ModelFileError: the model is a file that cannot be trained.
        """
        if self.case.is_finished:
            raise ModelFileError(f"{self.case.model}: is no Keras model; its file can only be measured as it is")
        return self._trained(self.case, self.keys.model, self.keys.policy).file

    def make(self) -> BuiltArtifact:
        """Return the artifact; where the cache lacks it, train the model and put it through its techniques first.

        Raises:
            UsageError: data, weights or the definition are at fault.
            TechniqueError: a technique cannot be applied, changed nothing, or does not keep the answers that it says it
            keeps.
        """
        fill = self._copy_file if self.case.is_untouched else self._build
        self.cache.entry(ARTIFACT, self.keys.artifact, fill)
        built = self.find()
        if built is None:
            raise CaseFailed("error", f"cache {self.cache.root}: the artifact was removed as soon as it was made")
        return built

    def _copy_file(self, folder: Path) -> None:
        """Fill the entry of a model that is measured as it is, with the very file of the user."""
        if not self.case.is_finished:
            self._check_classifier()
        path = _copied(Path(self.case.model), folder)
        optimizer = 0 if self.case.is_finished else optimizer_bytes(path)
        _write_details(folder, BuiltArtifact(path, UNTRAINED, {}, 0.0, optimizer_bytes=optimizer))

    def _check_classifier(self) -> None:
        """Check that a Keras file is a classifier of the data, which building from it would say.

        Raises:
            ModelFileError: it is not.
        """
        import keras

        from ..models.classifier import build_classifier

        build_classifier(self.case, self.data.spec, keras)

    def _build(self, folder: Path) -> None:
        """Fill the entry of a model that is trained and put through its techniques."""
        from ..techniques.artifact_file import write_artifact

        trained = self._trained(self.case, self.keys.model, self.keys.policy)
        if self.case.technique == "baseline":  # that very file, which was compared when it was written
            _write_details(folder, BuiltArtifact(_copied(trained.file, folder), trained.training, {}, 0.0))
            return
        load = LoadWatch()
        chain = ChainRun(self, trained, load)
        state = chain.run()
        check_process()
        started = time.perf_counter()
        path = write_artifact(state, folder)
        preparation_s = chain.preparation_s + time.perf_counter() - started
        chain.guard.stored(self.texts[-1], state, path)
        training = trained.training
        if state.training_s:
            training = training.model_copy(
                update={
                    "training_s": training.training_s + state.training_s,
                    "disturbed": training.disturbed or chain.training_disturbed,
                }
            )
        disturbed = chain.disturbed or self.disturbances(load)
        built = BuiltArtifact(path, training, state.changes, preparation_s, disturbed)
        _write_details(folder, built._replace(arithmetic=self.arithmetic()))

    def arithmetic(self) -> dict[str, float]:
        """What this hardware does for the number format that the chain ends in; measured once for a machine."""
        forms = [form for form in (step.number_format() for step in self.steps) if form]
        speeds = {form: speed_of(form, self.cache, self.device) for form in forms[-1:]}
        return {form.text: round(speed, 4) for form, speed in speeds.items() if speed is not None}

    def _trained(self, case: Case, key: str, policy: str) -> TrainedModel:
        from ..techniques.base import TrainedModel

        def build(folder: Path) -> None:
            from ..models.pretrained import describe_weights
            from ..models.training import train
            from ..techniques.base import ModelState

            load = LoadWatch()
            model, training = train(case, self.data, policy=policy)
            check_process()
            disturbed = self.disturbances(load)
            is_trained = training.training_mode != "none"
            pretrained = describe_weights(Path(case.weights))
            updated = {"disturbed": disturbed, "pretrained": pretrained}
            training = training.model_copy(update=updated) if is_trained else UNTRAINED
            training = training.model_copy(update={"made_on": self.device.profile})
            path = folder / "model.keras"
            model.save(path)
            self.guard(lambda: model).stored("training", ModelState(model), path)
            (folder / _DETAILS).write_text(training.model_dump_json(indent=1), "utf-8")

        entry = self.cache.entry("model", key, build)
        training = Training.model_validate_json((entry / _DETAILS).read_text("utf-8"))
        return TrainedModel(entry / "model.keras", training)

    def disturbances(self, load: LoadWatch) -> str:
        """What disturbed the machine since the watch began; empty where it was quiet."""
        return "; ".join(load.disturbances(self.device.cores))

    def guard(self, as_trained: Callable[[], keras.Model]) -> AnswerGuard:
        """What compares answers for the training inputs, the same ones each time."""
        from ..techniques.agreement import AnswerGuard

        return AnswerGuard(self.data.x_train, self.case.seed, as_trained)

    def trained_other(self, teacher: OtherModel) -> TrainedModel:
        """A teacher or a source, trained."""
        return self._trained(self.keys.teacher_case(teacher), self.keys.teacher(teacher), "float32")

    def find_step(self, count: int) -> Path | None:
        """What the first ``count`` steps made, if it was kept."""
        return self.cache.find("step", self.keys.step(count))

    def store_step(self, count: int, state: ModelState, chain: ChainRun) -> None:
        """Keep what the first ``count`` steps made, since their training took a while and other chains begin so."""

        def build(folder: Path) -> None:
            state.model.save(folder / "model.keras")
            names = ("float16_weights", "deflate", "packed", "training_s", "changes")
            details = {"state": {name: getattr(state, name) for name in names}, "run": chain.details()}
            (folder / _DETAILS).write_text(json.dumps(details), "utf-8")

        self.cache.entry("step", self.keys.step(count), build)


UNTRAINED = Training(
    training_s=0.0, training_mode="none", trained_layers=(), trained_parameters=0, learning_rate=0.0, epochs=()
)


def _write_details(folder: Path, built: BuiltArtifact) -> None:
    """Write what ``find_artifact`` reads beside the file."""
    details = built._asdict() | {"file": built.path.name, "training": built.training.model_dump(mode="json")}
    del details["path"]
    (folder / _DETAILS).write_text(json.dumps(details, indent=1), "utf-8")


def _copied(path: Path, folder: Path) -> Path:
    """The user's own file or folder, as it is."""
    target = folder / f"model{path.suffix if path.is_file() else ''}"
    copy_path(path, target)
    return target


class ChainRun:
    """The steps of a chain, one after the other.

    Attributes:
        preparation_s: seconds that they took besides training.
        disturbed: what disturbed the machine when those of them ran that the cache held; empty where it was quiet.
        training_disturbed: what disturbed it during the steps that train, from the cache or not.
    """

    def __init__(self, builder: ArtifactBuilder, trained: TrainedModel, load: LoadWatch) -> None:
        self.builder, self.trained, self._load = builder, trained, load
        self._original = cache(trained.load)
        self.guard = builder.guard(trained.load)
        self.preparation_s, self.disturbed, self.training_disturbed = 0.0, "", ""

    def details(self) -> dict[str, object]:
        """What the cache keeps of the run beside the model, for chains that begin alike."""
        disturbed = self.disturbed or self.builder.disturbances(self._load)
        return {
            "preparation_s": self.preparation_s,
            "disturbed": disturbed,
            "training_disturbed": self.training_disturbed,
        }

    def run(self) -> ModelState:
        """The state after the last step; begins behind the last one that was kept."""
        from ..runtimes.keras_graph import load_keras
        from ..techniques.base import ModelState

        builder, done = self.builder, 0
        for count, entry in self._finished_steps():
            details = json.loads((entry / _DETAILS).read_text("utf-8"))
            state = ModelState(load_keras(entry / "model.keras"), **details["state"])
            run = details["run"]
            self.preparation_s, self.disturbed = run["preparation_s"], run["disturbed"]
            self.training_disturbed = run["training_disturbed"]
            done = count
            break
        else:
            state = ModelState(self.trained.load())
        for count, step in enumerate(builder.steps[done:], done + 1):
            report_progress(f"applying {builder.texts[count - 1]}")
            before, load = state.training_s, LoadWatch()
            state = self._guarded(builder.texts[count - 1], step, state)
            if state.training_s > before:
                self.training_disturbed = self.training_disturbed or builder.disturbances(load)
                if state.flatbuffer is None:
                    builder.store_step(count, state, self)
        return state

    def _finished_steps(self) -> Iterator[tuple[int, Path]]:
        """Yield the longest beginnings of the chain that the cache holds: how many steps, and their entry."""
        for count in range(len(self.builder.steps), 0, -1):
            entry = self.builder.find_step(count)
            if entry:
                yield count, entry

    def _guarded(self, name: str, step: Technique, state: ModelState) -> ModelState:
        from ..techniques.kernels import require_finite

        require_finite(f"{name}: refuses", state.model)
        self.guard.before(name, step, state)
        after = self._apply(step, state)
        if after.flatbuffer is None:
            require_finite(f"{name}: left", after.model)
        self.guard.after(name, step, state, after)
        return after

    def _apply(self, step: Technique, state: ModelState) -> ModelState:
        from ..models.heads import labels_of_outputs
        from ..techniques.base import TrainingContext

        elsewhere = 0.0

        def trained_other(teacher: OtherModel) -> TrainedModel:
            nonlocal elsewhere
            started = time.perf_counter()
            model = self.builder.trained_other(teacher)
            elsewhere += time.perf_counter() - started
            return model

        case, data = self.builder.case, self.builder.data
        labels, spec = data.y_train, data.spec
        if case.classes is not None:
            labels = labels_of_outputs(data.task, labels, data.classes, tuple(case.classes))
            spec = spec._replace(outputs=len(case.classes))
        context = TrainingContext(case, data.x_train, labels, spec, trained_other, self._original)
        started = time.perf_counter()
        after = step.apply(state, context)
        training = after.training_s - state.training_s
        self.preparation_s += max(0.0, time.perf_counter() - started - elsewhere - training)
        return after
