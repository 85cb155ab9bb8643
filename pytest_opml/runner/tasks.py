"""The functions of a case that a launcher runs, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .. import registry
from ..case import Case
from ..datasets.held_out import read_held_out, write_held_out
from ..errors import CaseFailed, ModelFileError
from ..measure.quiet_machine import wait_until_quiet
from ..models import pretrained
from ..progress import report_progress
from ..records.result import Result
from ..runtimes.keras_configuration import configure
from ..runtimes.threads import limit_process
from ..stats.sequential import NO_SAMPLING
from ..storage import releases
from ..storage.cache import Cache
from .builder import UNTRAINED, ArtifactBuilder, BuiltArtifact, find_artifact
from .case_data import load_data
from .exported_models import exported
from .measurement import measure
from .options import BuildOptions, LocalPaths, MeasurementPlan


@dataclass(frozen=True, kw_only=True)
class BuiltCase:
    """What the process that builds a case hands to the one that measures, besides the test part in ``case_dir``.

    Attributes:
        artifact: the key of the case's artifact in the cache.
        reference: that of its reference's artifact, whether or not the cache holds it; None for a reference.
        arithmetic: what this hardware does for the number formats, where the artifact was made on another; or None.
    """

    artifact: str
    reference: str | None = None
    arithmetic: dict[str, float] | None = None


def train_model(case: Case, options: BuildOptions, paths: LocalPaths) -> Path:
    """Train the model of a case, unless the cache holds it; return its file.

    Raises:
        UsageError: data, weights or the definition are at fault.
    """
    return _prepared(case, options, paths).trained()


def make_artifact(case: Case, options: BuildOptions, paths: LocalPaths) -> BuiltCase:
    """Make the artifact of a case, unless the cache holds it: train its model and put it through its techniques.

    The data are loaded here, once for the case: their digest is part of the artifact's key, so that changed data are
    noticed whatever the cache holds, and their test part is left in ``case_dir`` for the processes that measure.

    Raises:
        UsageError: data, weights or the definition are at fault.
        TechniqueError: a technique cannot be applied, or changed nothing.
    """
    prepared = _prepared(case, options, paths)
    builder = _builder(prepared.case, prepared, options)
    builder.make()
    if paths.case_dir:
        write_held_out(builder.data, paths.case_dir)
    is_candidate, reference = case.reference != case, builder.case.reference
    return BuiltCase(
        artifact=builder.keys.artifact,
        reference=_builder(reference, builder, options).keys.artifact if is_candidate else None,
        arithmetic=prepared.arithmetic() if builder.device != options.device else None,
    )


def _builder(case: Case, prepared: ArtifactBuilder, options: BuildOptions) -> ArtifactBuilder:
    """Return what builds a case on its device, or as another one has done where the cache holds what came of that."""
    if options.made_on and case.is_made_anywhere:
        elsewhere = ArtifactBuilder(case, prepared.data, options.made_on, prepared.cache)
        if elsewhere.find():
            return elsewhere
    return ArtifactBuilder(case, prepared.data, options.device, prepared.cache)


def _prepared(case: Case, options: BuildOptions, paths: LocalPaths) -> ArtifactBuilder:
    """Load the data of a case; return what builds it, under our configuration of Keras."""
    limit_process(options.device.threads)  # before the modules of the user, which may run TensorFlow at once
    registry.adopt(options.registrations)
    cache = paths.open_cache()
    case = pretrained.localised(exported(case, paths.data_dir, cache), paths.cache_dir)
    data = load_data(case, paths.data_dir, cache, trusted=options.trusted)
    builder = ArtifactBuilder(case, data, options.device, cache)
    if not case.is_finished:
        configure()  # behind the modules of the user, which may set their own when they are imported
    return builder


def measure_artifact(case: Case, built: BuiltCase, plan: MeasurementPlan, paths: LocalPaths) -> Result:
    """Measure the artifact of a case from its file alone, on the test part in ``case_dir``.

    Args:
        case: the case.
        built: what ``make_artifact`` returned.
        plan: how to measure; the reference's artifact is timed beside the case's if the plan has seconds for it.
        paths: with the ``case_dir`` that ``make_artifact`` was given.

    Raises:
        ModelFileError: the file is no model.
        CaseFailed: the artifact, or that of the release, is not there any more.
    """
    limit_process(plan.device.threads)
    cache = paths.open_cache()
    artifact = _find(cache, built)
    if built.arithmetic is not None:
        artifact = artifact._replace(arithmetic=built.arithmetic)
    reference = find_artifact(cache, built.reference) if built.reference and plan.vs_reference.seconds else None
    release = _release_file(plan.release.stored, paths) if plan.release and plan.release.sampling.seconds else None
    with _called({artifact.path: case.model if case.is_finished else f"the artifact of {case.id}"}):
        return measure(
            case,
            artifact,
            read_held_out(_case_dir(paths)),
            plan,
            reference=reference.path if reference else None,
            release=release,
        )


@contextmanager
def _called(names: Mapping[Path, str]) -> Iterator[None]:
    """Around what opens files of the cache, whose names say nothing to a user.

    Raises:
        ModelFileError: as raised inside, with the name that the user knows.
    """
    try:
        yield
    except ModelFileError as error:
        text = str(error)
        for path, name in names.items():
            text = text.replace(str(path), name)
        raise ModelFileError(text) from error


def measure_when_quiet(
    case: Case, built: BuiltCase, plan: MeasurementPlan, paths: LocalPaths, longest_s: float
) -> Result | None:
    """Measure the artifact of a case alone, as soon as nothing disturbs the device; None where that does not come.

    Args:
        case: the case.
        built: what ``make_artifact`` returned.
        plan: how to measure; the artifact is timed beside nothing.
        paths: with the ``case_dir`` that ``make_artifact`` was given.
        longest_s: seconds to wait at the most.

    Raises:
        ModelFileError: the file is no model.
        CaseFailed: the artifact is not there any more.
    """
    report_progress("waiting for the machine to be quiet")
    if not wait_until_quiet(plan.device, longest_s):
        return None
    return measure_artifact(case, built, replace(plan, vs_reference=NO_SAMPLING, release=None), paths)


def artifact_file(built: BuiltCase, paths: LocalPaths) -> Path:
    """Return the file of an artifact that was made, which this process holds from now on.

    Raises:
        CaseFailed: it is not in the cache any more.
    """
    return _find(paths.open_cache(), built).path


def _find(cache: Cache, built: BuiltCase) -> BuiltArtifact:
    artifact = find_artifact(cache, built.artifact)
    if artifact is None:
        raise CaseFailed("error", f"cache {cache.root}: the artifact was removed before it was measured")
    return artifact


def measure_release(case: Case, stored: Result, plan: MeasurementPlan, paths: LocalPaths) -> Result:
    """Measure the artifact of a released run as that of a case is measured, on today's machine and test examples.

    How it was made is what was stored of it.

    Args:
        case: the case, whose test part is in ``case_dir``.
        stored: what was measured of the artifact then.
        plan: how to measure; it is compared with nothing.
        paths: with the ``case_dir`` that ``make_artifact`` was given.

    Raises:
        ModelFileError: the file is no model.
        CaseFailed: the artifact is not there any more.
    """
    limit_process(plan.device.threads)
    path = _release_file(stored, paths)
    disturbed = stored.conditions.disturbed.get("preparation", "")
    artifact = BuiltArtifact(path, stored.training, stored.artifact.changes, stored.preparation_s, disturbed)
    artifact = artifact._replace(arithmetic=stored.artifact.arithmetic)
    return measure(case, artifact, read_held_out(_case_dir(paths)), plan)


def measure_fetched(case: Case, model: str, plan: MeasurementPlan, paths: LocalPaths) -> Result:
    """Measure a model that lies in MLflow as that of a case is measured, on the test examples of the case.

    Args:
        case: the case, whose test part is in ``case_dir``.
        model: the path of the model's file in the cache.
        plan: how to measure; it is compared with nothing.
        paths: with the ``case_dir`` that ``make_artifact`` was given.

    Raises:
        ModelFileError: the file is no model, or takes other inputs than that of the case.
    """
    limit_process(plan.device.threads)
    return measure(case, BuiltArtifact(Path(model), UNTRAINED, {}, 0.0), read_held_out(_case_dir(paths)), plan)


def _release_file(stored: Result, paths: LocalPaths) -> Path:
    path = releases.find_artifact(stored.artifact, paths.release_dir) if paths.release_dir else None
    if path is None and stored.artifact.source:
        path = releases.find_cached(stored.artifact, paths.cache_dir)
    if path is None:
        raise CaseFailed("error", f"the artifact of the release is not in {paths.release_dir}")
    return path


def _case_dir(paths: LocalPaths) -> Path:
    if paths.case_dir is None:
        raise ValueError("nothing can be measured without the folder that the case's test part is in")
    return paths.case_dir
