"""The functions of a case that run in a worker process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .. import registry
from ..case import Case
from ..measure.timing import NOTHING
from ..records.result import Result
from .builder import ArtifactBuilder, BuiltArtifact, load_data
from .measurement import _measure
from .options import Options


def train_model(case: Case, options: Options) -> Path:
    """Train the model of a case, unless the cache holds it; its file.

    Raises:
        UsageError: data, weights or the definition are at fault.
    """
    registry.adopt(options.registrations)
    return ArtifactBuilder(case, load_data(case, options), options).trained()


def make_artifact(case: Case, options: Options) -> Path:
    """Train the model of a case and put it through its techniques, so that the cache holds both; the artifact's file.

    Raises:
        UsageError: data, weights or the definition are at fault.
        TechniqueError: a technique cannot be applied, or changed nothing.
    """
    registry.adopt(options.registrations)
    return ArtifactBuilder(case, load_data(case, options), options).make()


def measure_artifact(case: Case, options: Options, vs_reference: bool = False) -> Result | None:
    """Measure the artifact of a case from its file alone; None where the cache does not hold it.

    Args:
        case: the case.
        options: of the run.
        vs_reference: whether to time it beside its reference's artifact too, if the cache holds that.

    Raises:
        ModelFileError: the file is no model.
    """
    registry.adopt(options.registrations)
    data = load_data(case, options)
    made = ArtifactBuilder(case, data, options).find()
    if made is None:
        return None
    reference = (
        ArtifactBuilder(case.reference, data, options).find() if vs_reference and options.compare.seconds else None
    )
    return _measure(case, made, reference, data, options)


def measure_kept(case: Case, options: Options) -> Result:
    """Measure the kept artifact of a released run as that of a case is measured, on today's machine and test images.

    How it was made is what was stored of it.

    Raises:
        ModelFileError: the file is no model.
        ValueError: the options hold no such artifact.
    """
    if options.kept is None:
        raise ValueError("no kept artifact to measure")
    registry.adopt(options.registrations)
    path, stored, _ = options.kept
    made = BuiltArtifact(path, stored.training, stored.artifact.changes, stored.preparation_s)
    return _measure(case, made, None, load_data(case, options), replace(options, kept=None, wanted=NOTHING))
