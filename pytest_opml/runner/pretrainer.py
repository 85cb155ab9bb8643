"""Training the networks whose published weights cannot be had, for ``weights="opml"``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import registry
from ..case import Case
from ..errors import DatasetError, StorageError, TrainingError
from ..models.pretrained import find_weights, store_weights, weights_folder, write_backbone
from ..progress import Progress, report_progress
from ..records.pretrained import PretrainedWeights
from ..runtimes.keras_configuration import check_file, configure
from ..runtimes.threads import limit_process, use_threads
from ..stats.intervals import proportion
from ..storage.cache import Cache
from ..storage.digests import digest_file
from ..storage.locks import exclusive
from ..tensors import arrays
from .case_data import load_data
from .case_files import check_files
from .launchers.base import Launcher, ProcessLimits, temporary_folder
from .options import BuildOptions, LocalPaths, RunOptions
from .plan import NO_OVERRIDES, NOTHING_COLLECTED
from .preflight import installed_versions

if TYPE_CHECKING:
    import keras

    from ..datasets.splits import Split
    from ..settings import Settings

DIGIT_PAIRS = "pytest_opml.paper.suite.digit_pairs:load"
_FILE = "network.weights.h5"
_IMAGES = 128  # that a network without normalisation is initialised by
# Below the rate of other fresh layers, for a wide network without normalisation takes smaller steps of Adam's: the best
# rate falls as the width grows (Yang et al., Tensor Programs V, 2022). After three passes over pairs of digits, VGG16
# answered 0.832 right at 3e-4 and 0.060 at 1e-3; at a quarter of its width, 0.14 and 0.43.
_RATE_WITHOUT_NORMALISATION = 3e-4
# Seconds that one network may take: none of the paper's takes a tenth of it with the default images.
_LONGEST_S = 12 * 3600.0
# The share of the way from guessing to no error that the lower end of the accuracy's interval must have come.
_LEARNED = 0.1


@dataclass(frozen=True, kw_only=True)
class PretrainingPlan:
    """How networks are trained.

    Attributes:
        dataset: that they are trained on.
        size: height and width of the images, pixels.
        epochs: passes over the training images.
        images: of the data in all, as many of each class; None for all.
        batch: images in a step.
        seed: of the initial weights and the order of training.
    """

    dataset: str
    size: int = 32
    epochs: int = 3
    images: int | None = None
    batch: int = 64
    seed: int = 0

    def case(self, network: str) -> Case:
        """Return the case that trains a network from scratch.

        Raises:
            CaseDefinitionError: it cannot exist.
        """
        return Case(
            model=network,
            dataset=self.dataset,
            weights="none",
            unfreeze="all",
            size=self.size,
            epochs=self.epochs,
            subset=self.images,
            batch=self.batch,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Pretrainer:
    """Trains networks one by one, each in a process of its own, and stores their weights in the cache.

    Attributes:
        launcher: that runs the processes.
        options: what building a model is told.
        paths: of the cache, in which the weights are stored, and the data.
        limits: what one process may take.
    """

    launcher: Launcher
    options: BuildOptions
    paths: LocalPaths
    limits: ProcessLimits

    def run(
        self, case: Case, on_progress: Callable[[Progress], None], *, is_anew: bool
    ) -> tuple[PretrainedWeights, bool]:
        """Return the weights of a case's network, and whether they were trained now.

        Args:
            case: as ``PretrainingPlan.case`` returns it.
            on_progress: is told how far training has come, and that another process trains the same network.
            is_anew: whether weights that are there are trained anew.

        Raises:
            WorkerFailed: training failed, or the network has not learned; nothing was stored, and what was there stays.
            StorageError: the cache cannot be written.
            ModelFileError: what is said of weights that are there cannot be read.
        """
        cache_dir = self.paths.cache_dir
        before = None if is_anew else find_weights(case.model, cache_dir)
        if before is not None:
            return before, False
        folder = weights_folder(cache_dir)

        def tell() -> None:
            on_progress(Progress(f"waiting for another process, which trains {case.model}", is_waiting=True))

        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(folder / f".{case.model}.lock", tell), temporary_folder() as work:
                # whoever was waited for has trained it
                if not is_anew and (before := find_weights(case.model, cache_dir)):
                    return before, False
                arguments = (case, self.options, self.paths, Path(work))
                weights = self.launcher.run(train_weights, arguments, self.limits, on_progress)
                store_weights(Path(work) / _FILE, weights, cache_dir)
                return weights, True
        except OSError as error:
            raise StorageError(f"{folder}: cannot be written: {error.strerror}; set --cache-dir") from error


def open_pretrainer(settings: Settings, cases: Sequence[Case]) -> Pretrainer:
    """Return what trains networks on this machine.

    Args:
        settings: of the command, which name the cache, the data folder and the device.
        cases: to be trained; what they name is looked for now.

    Raises:
        UsageError: data or the device are not there, or the cache cannot be written.
    """
    from ..measure.device import detect
    from ..measure.tensorflow_info import confirm
    from .launchers.process import ProcessLauncher, probe, start_server

    settings.require_one_gpu("training networks")
    check_file()
    start_server()
    for case in cases:
        check_files(case, settings.cache_dir)
    Cache(settings.cache_dir)
    device = detect(settings.gpu, settings.threads)
    use_threads(device.threads)
    if device.gpu:
        device = confirm(settings.gpu, device, probe(device))
    options = RunOptions(settings=settings, device=device, plan=NOTHING_COLLECTED)
    return Pretrainer(
        launcher=ProcessLauncher(device.gpu),
        options=options.build,
        paths=options.paths,
        limits=options.limits(NO_OVERRIDES)._replace(seconds=_LONGEST_S),
    )


def train_weights(case: Case, options: BuildOptions, paths: LocalPaths, folder: Path) -> PretrainedWeights:
    """Train the network of a case from scratch, and leave its weights without the classifier in a folder.

    A network without normalisation starts from weights that its data give (see ``models/initial_weights.py``), and is
    trained at a lower rate.

    Raises:
        UsageError: the data or the definition are at fault.
        TrainingError: it answers the test images hardly better than guessing.
    """
    from ..models.training import train

    limit_process(options.device.threads)
    registry.adopt(options.registrations)
    data = load_data(case, paths.data_dir)
    if data.task != "classification":
        raise DatasetError(f"data set {case.dataset}: networks are pretrained on classes, and its task is {data.task}")
    configure()
    model, training = train(_with_start(case, data, folder / "start.weights.h5"), data)
    accuracy, chance = training.epochs[-1].test_accuracy, 1 / len(data.classes)
    right = proportion(round(accuracy * len(data.y_test)), len(data.y_test))
    if right.low < chance + _LEARNED * (1 - chance):
        raise TrainingError(
            f"{case.model} has not learned: it answers {accuracy:.1%} of {len(data.y_test):,} test images right, where "
            f"guessing gives {chance:.1%}; its weights are not stored: give it more --epochs or --images"
        )
    file = folder / _FILE
    write_backbone(model, case.model, _size_of(case), file)
    return PretrainedWeights(
        network=case.model,
        sha256=digest_file(file),
        dataset=case.dataset,
        classes=len(data.classes),
        size=_size_of(case),
        examples=len(data.y_train),
        test_examples=len(data.y_test),
        epochs=case.epochs,
        seed=case.seed,
        accuracy=accuracy,
        training_s=training.training_s,
        created=datetime.now(timezone.utc),
        versions=installed_versions(),
    )


def _with_start(case: Case, data: Split, file: Path) -> Case:
    """The case with weights to start from, written to a file, where its network cannot be trained from Keras' own."""
    import keras

    from ..models.initial_weights import initialise_by_data, needs_data

    keras.utils.set_random_seed(case.seed)
    backbone: keras.Model = registry.get("model", case.model)(keras, _size_of(case), 3, weights="none")
    if not needs_data(backbone):
        return case
    report_progress("working out the weights to start from")
    rows = np.arange(min(_IMAGES, len(data.x_train)))
    (images,) = arrays(data.x_train.take(rows))
    initialise_by_data(backbone, images, case.seed)
    write_backbone(backbone, case.model, _size_of(case), file)
    changed = {"weights": str(file), "learning_rate": _RATE_WITHOUT_NORMALISATION, "layer_decay": 1.0, "head_epochs": 0}
    return case.model_copy(update=changed)


def _size_of(case: Case) -> int:
    if not isinstance(case.size, int):
        raise TypeError(f"networks are trained on square images, not on {case.size}")
    return case.size
