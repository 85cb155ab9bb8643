"""What a case names on this machine, looked for before anything costs: files, folders and modules."""

from __future__ import annotations

from pathlib import Path

from .. import registry
from ..case import Case
from ..errors import DatasetError, ModelFileError
from ..storage.similar_paths import no_such

_NO_WEIGHTS_FILE = ("imagenet", "none")


def check_files(case: Case) -> None:
    """Check that what a case names by a path or a module is there; nothing is opened or imported.

    Raises:
        ModelFileError: the file of the model or of its weights is not there; near names are offered.
        DatasetError: the file or folder of the data is not there.
        CaseDefinitionError: a module is not there, or is hidden by one that is installed.
    """
    for kind, name in (("dataset", case.dataset), ("model", case.model), ("quality", case.quality or "")):
        if registry.is_reference(name):
            registry.check_reference(kind, name)
    if registry.is_path("dataset", case.dataset):
        _check(f"data set {case.dataset}", Path(case.dataset).expanduser(), DatasetError)
    if registry.is_path("model", case.model) and not registry.is_address(case.model):
        _check(f"model {case.model}", Path(case.model), ModelFileError)
    if case.weights not in _NO_WEIGHTS_FILE:
        more = f"; known besides a path: {', '.join(_NO_WEIGHTS_FILE)}"
        _check(f"weights {case.weights}", Path(case.weights).expanduser(), ModelFileError, more)


def _check(what: str, path: Path, error: type[ModelFileError] | type[DatasetError], more: str = "") -> None:
    if not path.exists():
        raise error(f"{what}: {no_such(path)}{more}")
