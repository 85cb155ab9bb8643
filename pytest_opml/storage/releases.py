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
from ..records.result import Artifact
from ..records.run import RunRecord
from .digests import copy_path, digest_path


class Promotion(NamedTuple):
    """What became of the artifacts of a run.

    Attributes:
        stored: ids of the cases whose artifacts are in the folder now.
        lost: ids of the others, and for each why it could not be stored.
    """

    stored: tuple[str, ...]
    lost: dict[str, str]


def lost_artifacts(run: RunRecord, cache_dir: Path, folder: Path) -> dict[str, str]:
    """Return ids of the cases of a run whose artifacts cannot be stored, and why; nothing is written.

    Args:
        run: whose results name their entries of the cache.
        cache_dir: of the run.
        folder: of the released artifacts, where some may be already.
    """
    reasons = {result.case.id: _reason_against(result.artifact, cache_dir, folder) for result in run.results}
    return {case: reason for case, reason in reasons.items() if reason}


def store_artifacts(run: RunRecord, cache_dir: Path, folder: Path) -> Promotion:
    """Copy the artifacts of a run out of the cache, and say which could be.

    Args:
        run: whose results name their entries of the cache.
        cache_dir: of the run; it is not made where it is missing.
        folder: that they are stored in; made where it is missing.

    Raises:
        StorageError: the folder cannot be written; what was stored of the run by then is removed again.
    """
    lost = lost_artifacts(run, cache_dir, folder)
    artifacts = {result.case.id: result.artifact for result in run.results if result.case.id not in lost}
    places: list[Path] = []
    try:
        for artifact in artifacts.values():
            places += _store(artifact, cache_dir, folder)
    except OSError as error:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return Promotion(tuple(artifacts), lost)


def _source(artifact: Artifact, cache_dir: Path) -> Path:
    return cache_dir / "entries" / (artifact.entry or "") / artifact.file


def _reason_against(artifact: Artifact, cache_dir: Path, folder: Path) -> str:
    """Say why an artifact cannot be stored; empty where it can, or is there already."""
    if _place(artifact.sha256, folder) is None or not (_is_name(artifact.file) and _is_name(artifact.entry or "-")):
        return "its record names no file that a cache can hold"
    if find_artifact(artifact, folder):
        return ""
    source = _source(artifact, cache_dir)
    if artifact.entry is None or not source.exists():
        return f"no longer in the cache {cache_dir}"
    return "" if digest_path(source) == artifact.sha256 else f"the cache {cache_dir} holds another file by now"


def _store(artifact: Artifact, cache_dir: Path, folder: Path) -> list[Path]:
    """Store one artifact that can be; return the folder that it was put into, none where it was there already."""
    source, target = _source(artifact, cache_dir), folder / artifact.sha256
    if find_artifact(artifact, folder):
        return []
    with _building(folder) as building:
        if find_artifact(artifact, folder):  # another promotion was faster
            return []
        copy_path(source, building / artifact.file)
        shutil.rmtree(target, ignore_errors=True)  # one that was damaged
        building.rename(target)
    return [target]


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


def find_cached(artifact: Artifact, cache_dir: Path) -> Path | None:
    """Return the file or folder of an artifact in the cache; None where it is not there, or not as it was."""
    if not (_is_name(artifact.file) and artifact.entry and _is_name(artifact.entry)):
        return None
    path = _source(artifact, cache_dir)
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
