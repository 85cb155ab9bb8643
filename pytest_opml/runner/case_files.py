"""What a case names on this machine, looked for before anything costs: files, folders and modules."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from .. import registry
from ..case import Case
from ..errors import DatasetError, ModelFileError

_NO_WEIGHTS_FILE = ("imagenet", "none")
_OFFERED = 3


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
    if path.exists():
        return
    near = near_paths(path)
    nearest = f"; nearest: {', '.join(map(str, near))}" if near else ""
    raise error(f"{what}: no such file or folder{nearest}{more}")


def near_paths(path: Path) -> list[Path]:
    """Return what a path that is not there may have meant, nearest first: what lies where its first lacking part would.

    Names that differ in the ending alone come first.
    """
    missing = path
    while not missing.parent.is_dir() and missing != missing.parent:
        missing = missing.parent
    try:
        names = sorted(entry.name for entry in missing.parent.iterdir())
    except OSError:
        return []
    alike = [name for name in names if Path(name).stem == missing.stem and not name.startswith(".")]
    alike += [name for name in get_close_matches(missing.name, names, _OFFERED) if name not in alike]
    return [missing.parent / name for name in alike[:_OFFERED]]
