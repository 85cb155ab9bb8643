"""What a case names on this machine, looked for before anything costs: files, folders and modules."""

from __future__ import annotations

from pathlib import Path

from .. import registry
from ..case import Case
from ..errors import DatasetError, ModelFileError
from ..models.missing_weights import missing_weights
from ..models.pretrained import OPML, check_network, missing_text
from ..storage.similar_paths import no_such

_NO_WEIGHTS_FILE = ("imagenet", "none", OPML)


def check_files(case: Case, cache_dir: Path) -> None:
    """Check that what a case names by a path or a module is there; no model or data are opened, no module is imported.

    Args:
        case: that names it.
        cache_dir: of the cache, in which weights lie that were trained here.

    Raises:
        ModelFileError: the file of the model or of its weights is not there; near names are offered. Weights that Keras
            can download are not looked for.
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
    if case.weights == OPML:
        check_network(case.model)
        if missing := [one.network for one in missing_weights([case], cache_dir) if one.weights == OPML]:
            raise ModelFileError(missing_text(*missing))
    if case.weights not in _NO_WEIGHTS_FILE:
        more = f"; known besides a path: {', '.join(_NO_WEIGHTS_FILE)}"
        _check(f"weights {case.weights}", Path(case.weights).expanduser(), ModelFileError, more)


def _check(what: str, path: Path, error: type[ModelFileError] | type[DatasetError], more: str = "") -> None:
    if not path.exists():
        raise error(f"{what}: {no_such(path)}{more}")
