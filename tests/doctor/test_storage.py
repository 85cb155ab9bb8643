from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from pytest_opml.doctor import storage
from pytest_opml.doctor.finding import Finding
from pytest_opml.doctor.storage import cache, history, shared_cache
from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.history.store import open_store
from pytest_opml.storage.shared_cache import KEY
from tests.storage.test_cache_cleanup import stored
from tests.support.builders import make_result, make_run


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_cache_is_described(tmp_path: Path) -> None:
    stored(tmp_path, "model", "a", kilobytes=2000)
    findings = by_name(list(cache(tmp_path)))
    assert findings["cache"][2:4] == ("ok", f"{tmp_path}: 1 entry, 2.0 MB")
    assert findings["temporary files"].state == "ok"


def test_a_cache_that_is_not_there_is_no_problem_and_is_not_made(tmp_path: Path) -> None:
    assert by_name(list(cache(tmp_path / "a" / "cache")))["cache"].state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    problem = by_name(list(cache(tmp_path)))["cache"]
    assert problem.state == "problem"
    assert problem.text.endswith("; cannot be written: Permission denied")
    assert "--opml-cache-dir" in problem.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_the_cache_of_another_user_is_a_problem(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4711)
    problem = by_name(list(cache(tmp_path)))["cache"]
    assert problem.state == "problem"
    assert problem.text.endswith("; belongs to user 4711: what others have written is not believed")
    assert "--opml-cache-shared" in problem.remedy


def test_a_shared_cache_is_asked_whether_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(shared_cache(None)) == []
    monkeypatch.setenv(KEY, "sixteen letters!")
    assert [finding[2:4] for finding in shared_cache("memory://of-the-doctor")] == [("ok", "memory://of-the-doctor")]
    assert [finding[2:4] for finding in shared_cache(tmp_path)] == [("ok", str(tmp_path))]
    (finding,) = shared_cache(tmp_path / "later")
    assert finding.text == f"{tmp_path}/later: is made when it is first used"
    with pytest.raises(StorageError, match=r"^shared cache nosuch://bucket: Protocol not known: nosuch; "):
        list(shared_cache("nosuch://bucket"))
    monkeypatch.delenv(KEY)
    with pytest.raises(SettingsError, match=KEY):
        list(shared_cache(tmp_path))


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    problem = by_name(list(cache(tmp_path)))["free space"]
    assert (problem.state, problem.text) == ("problem", "2 MB on the cache's disk")
    assert "opml cache prune" in problem.remedy


def test_without_a_folder_for_temporary_files_there_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(storage.tempfile, "gettempdir", refuse)
    assert storage._temporary().remedy == "set TMPDIR to one"


def test_a_history_is_opened_and_its_runs_are_counted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    assert [finding.state for finding in history(url)] == ["ok"]
    assert list(tmp_path.iterdir()) == []
    with open_store(url) as store:
        for number in range(2):
            store.append(make_run([make_result()], run_id=str(number)))
    (finding,) = history(url)
    assert finding[2:4] == ("ok", f"{tmp_path}/history.db: 2 runs")


def test_a_history_that_is_none_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("not a database at all" * 100)
    (finding,) = history(f"sqlite:///{tmp_path}/history.db")
    assert finding.state == "problem"
    assert "file is not a database" in finding.text
    assert "--opml-store" in finding.remedy


def test_that_no_history_is_kept_is_a_note() -> None:
    (finding,) = history(None)
    assert finding.state == "note"
