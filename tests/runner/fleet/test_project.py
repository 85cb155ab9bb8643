"""The user's project on a node: what is sent, and what a process there finds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pytest_opml import registry
from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.runner.fleet import project
from pytest_opml.runner.fleet.project import ProjectArchive, enter_project, pack_project


def names_of(archive: ProjectArchive) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        return set(tar.getnames())


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, "utf-8")


def test_models_that_git_ignores_are_sent_and_what_can_be_made_again_is_not(tmp_path: Path) -> None:
    write(tmp_path, "bench/bench_it.py", "models/m.onnx", "pyproject.toml", ".env")
    write(tmp_path, ".git/config", ".opml/history.db", "own.db", "own.sqlite3-wal", "bench/__pycache__/bench_it.pyc")
    write(tmp_path, "env/pyvenv.cfg", "env/lib/python3/site.py", ".tox/CACHEDIR.TAG", ".tox/a/b.py")
    (tmp_path / ".gitignore").write_text("*.onnx\n", "utf-8")
    assert names_of(pack_project(tmp_path)) == {
        "bench/bench_it.py",
        "models/m.onnx",
        "pyproject.toml",
        ".env",
        ".gitignore",
    }


def test_links_are_followed_also_in_a_circle_and_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(tmp_path, "elsewhere/rows.npz")
    write(root, "a.py")
    (root / "data").symlink_to(tmp_path / "elsewhere")
    (root / "data" / "up").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "missing")
    os.mkfifo(root / "pipe")
    assert names_of(pack_project(root)) == {"a.py", "data/rows.npz"}


@pytest.mark.parametrize(("link", "folder"), [("a", "b"), ("b", "a")])
def test_a_folder_and_a_link_to_it_are_both_there(tmp_path: Path, link: str, folder: str) -> None:
    write(tmp_path, f"models/{folder}/m.onnx")
    (tmp_path / "models" / link).symlink_to(folder)
    assert names_of(pack_project(tmp_path)) == {"models/a/m.onnx", "models/b/m.onnx"}


def test_a_copy_that_fails_is_tried_again_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "project", "a.py")
    archive = pack_project(tmp_path / "project")
    monkeypatch.setattr(project, "work_folder", lambda: tmp_path)
    monkeypatch.setattr(project, "_entered", [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "make_importable", lambda _: None)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(tarfile.TarFile, "extractall", fail)
        with pytest.raises(OSError, match="No space left"):
            enter_project(lambda: archive)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
    enter_project(lambda: archive)
    assert Path("a.py").read_text("utf-8") == "a.py"
    enter_project(lambda: pytest.fail("it is there"))


def test_one_too_large_is_refused_by_the_name_of_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.py", "data/rows.npz")
    (tmp_path / "data" / "rows.npz").write_bytes(bytes(2000))
    monkeypatch.setattr(project, "MOST_BYTES", 1000)
    with pytest.raises(SettingsError, match=r"data has .* GB of them: move it out of the project"):
        pack_project(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "locked/a.py")

    def scandir(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(StorageError, match="cannot be sent to the fleet: Permission denied"):
        pack_project(tmp_path)


ENTER = """
import sys
from pathlib import Path
from pytest_opml.runner.fleet.project import ProjectArchive, enter_project
fetched = []
def fetch():
    fetched.append(1)
    return ProjectArchive(Path(sys.argv[1]).read_bytes(), ("src",))
enter_project(fetch)
enter_project(fetch)
import of_the_project, of_its_source
print(len(fetched), Path.cwd().name, Path("bench/bench_it.py").read_text(), Path.cwd())
"""


def test_a_process_works_in_a_copy_of_its_own_which_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    write(root, "bench/bench_it.py")
    for module in ("of_the_project.py", "src/of_its_source.py"):
        (root / module).parent.mkdir(exist_ok=True)
        (root / module).write_text("", "utf-8")
    monkeypatch.syspath_prepend(root / "src")
    archive = pack_project(root)
    assert "src" in archive.module_paths
    (tmp_path / "archive").write_bytes(archive.content)
    where = tmp_path / "node"
    where.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", ENTER, tmp_path / "archive"],
        env=os.environ | {"TMPDIR": str(where), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=where,
        capture_output=True,
        text=True,
        check=True,
    )
    count, folder, text, copy = result.stdout.split()
    assert (count, folder.startswith("project-"), text) == ("1", True, "bench/bench_it.py")
    assert where in Path(copy).parents
    assert not Path(copy).exists()
