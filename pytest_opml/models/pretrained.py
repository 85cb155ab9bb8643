"""Weights that ``opml paper pretrain`` trained on this machine, which a case names by ``weights="opml"``.

They lie in a folder of the cache, a ``.weights.h5`` file for each network without its classifier, and a ``.json`` file
beside it that says how they came about. Both are written whole or not at all, the ``.json`` last: weights without it
are not there.
"""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..case import Case
from ..errors import CaseDefinitionError, ModelFileError, StorageError, listed
from ..records.pretrained import PretrainedWeights
from ..storage.digests import digest_file
from ..storage.whole_files import written_whole
from .applications import APPLICATIONS

if TYPE_CHECKING:
    import keras

# What a case says in the place of a path.
OPML = "opml"
# Those of the paper.
PAPER_NETWORKS = ("resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0")
# Those whose builders take weights of their own from an HDF5 file.
NETWORKS = (*APPLICATIONS, "small_cnn")

_FOLDER, _ENDING = "paper-weights", ".weights.h5"


def weights_folder(cache_dir: Path) -> Path:
    """Return the folder of a cache in which such weights lie."""
    return cache_dir.absolute() / _FOLDER


def weights_file(network: str, cache_dir: Path) -> Path:
    """Return where the weights of a network lie, or would."""
    return weights_folder(cache_dir) / f"{network}{_ENDING}"


def check_network(network: str) -> None:
    """Refuse a network that cannot have such weights.

    Raises:
        CaseDefinitionError: it cannot; those that can are listed.
    """
    if network not in NETWORKS:
        raise CaseDefinitionError(
            f"case: weights = 'opml': {network} cannot have weights that are trained here; these can: "
            f"{listed(NETWORKS)}"
        )


def missing_text(*networks: str) -> str:
    """Return what to say and to do where the weights of networks are not there."""
    return f"weights 'opml' of {', '.join(networks)} are not here; run: opml paper pretrain {' '.join(networks)}"


def described(weights: PretrainedWeights) -> str:
    """Return what weights came to, in one line."""
    seconds = f"{weights.training_s / 60:.0f} min" if weights.training_s >= 90 else f"{weights.training_s:.0f} s"
    course = f"{weights.size} pixels, {weights.epochs} x {weights.examples:,} images in {seconds}"
    return (
        f"{weights.network}: answers {weights.accuracy:.1%} of {weights.test_examples:,} test images of "
        f"{weights.dataset} right ({weights.classes} classes, {course})"
    )


def find_weights(network: str, cache_dir: Path) -> PretrainedWeights | None:
    """Return what is said of the weights of a network; None where they are not there.

    Raises:
        ModelFileError: they are not what was trained, or what is said cannot be read.
    """
    return describe_weights(weights_file(network, cache_dir))


def describe_weights(file: Path) -> PretrainedWeights | None:
    """Return what is said beside a file of weights; None where it, or what is said, is not there.

    Raises:
        ModelFileError: the weights are not what was trained, or what is said cannot be read.
    """
    beside, network = _beside(file), _network_of(file)
    if not (file.is_file() and beside.is_file()):
        return None
    again = f"run: opml paper pretrain --force {network}"
    try:
        weights = PretrainedWeights.model_validate_json(beside.read_bytes())
        status = file.stat()
        digest = _digest(file, status.st_mtime_ns, status.st_size)
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is damaged"
        raise ModelFileError(f"{beside}: {reason}; {again}") from error
    if weights.network != network:
        raise ModelFileError(f"{beside}: says {weights.network} of the weights of {network}; {again}")
    if digest != weights.sha256:
        raise ModelFileError(f"{file}: is not what was trained: its SHA-256 is another one; {again}")
    return weights


@lru_cache(maxsize=64)
def _digest(file: Path, changed: int, size: int) -> str:  # noqa: ARG001 - a file that was changed is read again
    return digest_file(file)


def is_pretrained(weights: str) -> bool:
    """Whether the weights of a case are the path of such a file."""
    path = Path(weights)
    return path.parent.name == _FOLDER and path.name.endswith(_ENDING)


def localised(case: Case, cache_dir: Path) -> Case:
    """Return a case as it is built here: with the path of the weights in the place of ``opml``.

    Raises:
        CaseDefinitionError: the network cannot have such weights.
        ModelFileError: they are not there, or not those that were trained.
    """
    if case.weights != OPML:
        return case
    check_network(case.model)
    file = weights_file(case.model, cache_dir)
    check_weights(file)
    return case.model_copy(update={"weights": str(file)})


def weights_of_other(weights: str, network: str) -> str:
    """Return the weights that another network of a case starts from, such as a teacher.

    Args:
        weights: of the case: ``imagenet``, ``none`` or a path.
        network: the other one.

    Returns:
        Those that were trained here where the case has such and the network can; else the case's own where they are
        no path, and ``imagenet``.
    """
    if is_pretrained(weights) and network in NETWORKS:
        return str(Path(weights).with_name(f"{network}{_ENDING}"))
    return weights if weights in ("imagenet", "none") else "imagenet"


def check_weights(file: Path) -> PretrainedWeights:
    """Check that a file of weights that were trained here is there and whole.

    Raises:
        ModelFileError: it is not.
    """
    network = _network_of(file)
    weights = describe_weights(file)
    if weights is None:
        raise ModelFileError(missing_text(network))
    return weights


def write_backbone(trained: keras.Model, network: str, size: int, file: Path) -> None:
    """Write the weights of a trained network without its classifier, as its builder reads them.

    Args:
        trained: the network with a classifier.
        network: its name.
        size: of the images that it takes, pixels.
        file: to write; its name ends in ``.weights.h5``.
    """
    import keras

    from .. import registry

    backbone = registry.get("model", network)(keras, size, 3, weights="none")
    # by their order, for Keras numbers those anew in each process that a network does not name
    pairs = zip(_with_weights(backbone), _with_weights(trained), strict=False)  # behind these comes the classifier
    for layer, source in pairs:
        layer.set_weights(source.get_weights())
    if network in APPLICATIONS:
        APPLICATIONS[network].restore_channel_order(backbone)
    backbone.save_weights(file)


def _with_weights(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def store_weights(file: Path, description: PretrainedWeights, cache_dir: Path) -> Path:
    """Put weights into their place, in that of earlier ones, with what is said of them.

    Args:
        file: with the weights, which are copied.
        description: of them.
        cache_dir: of the cache.

    Returns:
        The path of the weights.

    Raises:
        StorageError: the folder cannot be written.
    """
    target = weights_file(description.network, cache_dir)
    beside = _beside(target)
    try:
        with written_whole(target) as new, file.open("rb") as old:
            shutil.copyfileobj(old, new)
        with written_whole(beside) as new:
            new.write(description.model_dump_json(indent=1).encode())
    except StorageError as error:
        raise StorageError(f"{error}; set --cache-dir") from error
    return target


def _beside(file: Path) -> Path:
    return file.with_name(f"{_network_of(file)}.json")


def _network_of(file: Path) -> str:
    return file.name.removesuffix(_ENDING)
