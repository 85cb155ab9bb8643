"""The artifacts of released runs, stored so that later sessions can measure them again.

A folder holds one folder for each artifact, named by the digest of its content; two releases with the same artifact
share it. The cache may be emptied, and these stay.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import StorageError
from ..records.result import Artifact, Result
from ..records.run import RunRecord
from .digests import digest_path


class Promotion(NamedTuple):
    """What became of the artifacts of a run.

    Attributes:
        stored: ids of the cases whose artifacts are in the folder now.
        lost: ids of the others, and for each why it could not be stored.
    """

    stored: tuple[str, ...]
    lost: dict[str, str]


def store_artifacts(run: RunRecord, cache_dir: Path, folder: Path) -> Promotion:
    """Copy the artifacts of a run out of the cache, and say which could be.

    Args:
        run: whose results name their entries of the cache.
        cache_dir: of the run; it is not made where it is missing.
        folder: that they are stored in; made where it is missing.

    Raises:
        StorageError: the folder cannot be written; what was complete by then stays.
    """
    stored, lost = [], {}
    for result in run.results:
        reason = _store(result, cache_dir, folder)
        if reason:
            lost[result.case.id] = reason
        else:
            stored.append(result.case.id)
    return Promotion(tuple(stored), lost)


def _store(result: Result, cache_dir: Path, folder: Path) -> str:
    """Store one artifact; return why it cannot be, or nothing."""
    artifact = result.artifact
    target = _place(artifact.sha256, folder)
    if target is None or not (_is_name(artifact.file) and _is_name(artifact.entry or "-")):
        return "its record names no file that a cache can hold"
    if find_artifact(artifact, folder):
        return ""
    source = cache_dir / "entries" / (artifact.entry or "") / artifact.file
    if artifact.entry is None or not source.exists():
        return f"no longer in the cache {cache_dir}"
    if digest_path(source) != artifact.sha256:
        return f"the cache {cache_dir} holds another file by now"
    try:
        with _building(folder) as building:
            if not find_artifact(artifact, folder):  # another promotion may have been faster
                copy = shutil.copytree if source.is_dir() else shutil.copyfile
                copy(source, building / artifact.file)
                shutil.rmtree(target, ignore_errors=True)  # one that was damaged
                building.rename(target)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return ""


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside the stored ones, to one process at a time; what a killed one left in it is gone."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    building = folder / "building"
    with FileLock(folder / "lock"):
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _is_name(text: str) -> bool:
    """Tell whether a text names something in a folder, and nothing outside it: a record may come from anywhere."""
    return Path(text).name == text and text not in ("", "..")


def _place(digest: str, folder: Path) -> Path | None:
    """Return the folder of an artifact; None for what is no digest, and could lead anywhere."""
    return folder / digest if re.fullmatch("[0-9a-f]{64}", digest) else None


def find_artifact(artifact: Artifact, folder: Path) -> Path | None:
    """Return the file or folder of a stored artifact; None where it is not there, or not as it was."""
    place = _place(artifact.sha256, folder)
    if place is None or not _is_name(artifact.file):
        return None
    path = place / artifact.file
    return path if path.exists() and digest_path(path) == artifact.sha256 else None


def remove_artifacts(run: RunRecord, still_released: Collection[RunRecord], folder: Path) -> int:
    """Remove the artifacts of a run that no other released run shares, and return how many there were.

    Raises:
        StorageError: one cannot be removed.
    """
    shared = {result.artifact.sha256 for release in still_released for result in release.results}
    gone = 0
    for digest in {result.artifact.sha256 for result in run.results} - shared:
        place = _place(digest, folder)
        if place is None:
            continue
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"{place}: cannot be removed: {error.strerror}") from error
        gone += 1
    return gone
