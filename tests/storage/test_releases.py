from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.measure.sizes import measure_file
from pytest_opml.records.result import Result
from pytest_opml.records.run import RunRecord
from pytest_opml.storage.releases import find_artifact, remove_artifacts, store_artifacts
from tests.support.builders import make_result, make_run
from tests.support.databases import SPAWN


def in_cache(cache: Path, technique: str, content: bytes | dict[str, bytes]) -> Result:
    """A result whose artifact lies in the cache, as a file or as a folder of files."""
    entry = cache / "entries" / f"artifact-{technique}"
    path = entry / "model"
    entry.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        for name, part in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(part)
    result = make_result(technique)
    about: dict[str, Any] = {"file": "model", "entry": entry.name, "sha256": measure_file(path).sha256}
    return result.model_copy(update={"artifact": result.artifact.model_copy(update=about)})


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    folder = {"saved_model.pb": b"graph", "variables/data": b"weights"}
    return make_run([in_cache(tmp_path / "cache", "baseline", b"file"), in_cache(tmp_path / "cache", "int8", folder)])


def test_artifacts_are_kept_whatever_becomes_of_the_cache(run: RunRecord, tmp_path: Path) -> None:
    kept = store_artifacts(run, tmp_path / "cache", tmp_path / "kept")
    assert kept == (tuple(result.case.id for result in run.results), {})
    for entry in (tmp_path / "cache" / "entries").rglob("*"):
        if entry.is_file():
            entry.unlink()
    file, folder = (find_artifact(result.artifact, tmp_path / "kept") for result in run.results)
    assert file is not None
    assert file.read_bytes() == b"file"
    assert folder is not None
    assert (folder / "variables" / "data").read_bytes() == b"weights"
    assert store_artifacts(run, tmp_path / "cache", tmp_path / "kept").lost == {}


def test_what_the_cache_has_lost_or_changed_is_said(run: RunRecord, tmp_path: Path) -> None:
    first, second = run.results
    (tmp_path / "cache" / "entries" / "artifact-baseline" / "model").write_bytes(b"changed")
    second = second.model_copy(update={"artifact": second.artifact.model_copy(update={"entry": None})})
    found = store_artifacts(make_run([first, second]), tmp_path / "cache", tmp_path / "kept")
    assert found.stored == ()
    assert list(found.lost.values()) == [
        f"the cache {tmp_path}/cache holds another file by now",
        f"no longer in the cache {tmp_path}/cache",
    ]


def test_a_damaged_artifact_is_not_found_and_is_kept_anew(run: RunRecord, tmp_path: Path) -> None:
    store_artifacts(run, tmp_path / "cache", tmp_path / "kept")
    path = find_artifact(run.results[0].artifact, tmp_path / "kept")
    assert path is not None
    path.write_bytes(b"damaged")
    assert find_artifact(run.results[0].artifact, tmp_path / "kept") is None
    assert store_artifacts(run, tmp_path / "cache", tmp_path / "kept").lost == {}
    assert find_artifact(run.results[0].artifact, tmp_path / "kept") == path


def _keep_one(run: RunRecord, folder: Path) -> None:
    assert store_artifacts(run, folder / "cache", folder / "kept").lost == {}


def test_a_run_that_is_promoted_many_times_at_once_is_kept_whole(run: RunRecord, tmp_path: Path) -> None:
    processes = [SPAWN.Process(target=_keep_one, args=(run, tmp_path)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert all(find_artifact(result.artifact, tmp_path / "kept") for result in run.results)


def test_what_a_killed_promotion_left_is_removed_by_the_next(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "kept" / "building").mkdir(parents=True)
    (tmp_path / "kept" / "building" / "half").touch()
    store_artifacts(run, tmp_path / "cache", tmp_path / "kept")
    digests = {result.artifact.sha256 for result in run.results}
    assert {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()} == digests
    modes = {path.stat().st_mode for path in (tmp_path / "kept").iterdir() if path.is_dir()}
    assert modes == {(tmp_path / "cache").stat().st_mode}  # as readable for others as any other folder


@pytest.mark.parametrize("change", [{"sha256": "../outside"}, {"sha256": ""}, {"file": "../../outside/model"}])
def test_a_record_that_points_elsewhere_copies_and_removes_nothing(
    run: RunRecord, change: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    store_artifacts(run, tmp_path / "cache", tmp_path / "kept")
    before = sorted(tmp_path.rglob("*"))
    result = run.results[0]
    result = result.model_copy(update={"artifact": result.artifact.model_copy(update=change)})
    other = make_run([result])
    assert find_artifact(result.artifact, tmp_path / "kept") is None
    assert store_artifacts(other, tmp_path / "cache", tmp_path / "kept").lost == {
        result.case.id: "its record names no file that a cache can hold"
    }
    if "sha256" in change:
        assert remove_artifacts(other, [], tmp_path / "kept") == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_artifacts_that_another_release_shares_stay(run: RunRecord, tmp_path: Path) -> None:
    store_artifacts(run, tmp_path / "cache", tmp_path / "kept")
    other = make_run(run.results[:1], run_id="other")
    assert remove_artifacts(run, [other], tmp_path / "kept") == 1
    assert find_artifact(run.results[0].artifact, tmp_path / "kept") is not None
    assert find_artifact(run.results[1].artifact, tmp_path / "kept") is None
    assert remove_artifacts(other, [], tmp_path / "kept") == 1
    assert remove_artifacts(other, [], tmp_path / "kept") == 0


def test_a_folder_that_cannot_be_made_is_one_line(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/kept: cannot be written: Not a directory$"):
        store_artifacts(run, tmp_path / "cache", tmp_path / "file" / "kept")
