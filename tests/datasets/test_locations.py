from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.datasets.locations import find_copy, keras_home

DOWNLOADED = ("cifar10", "cifar100", "mnist", "fashion_mnist")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def test_keras_own_variable_is_heard(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keras_home() == home
    monkeypatch.delenv("KERAS_HOME")
    assert keras_home() == Path.home() / ".keras"


@pytest.mark.parametrize("name", DOWNLOADED)
@pytest.mark.parametrize("folder", [True, False])
def test_what_lies_nowhere_is_told_with_what_could(tmp_path: Path, name: str, folder: bool) -> None:
    copy = find_copy(name, tmp_path if folder else None)
    assert copy.path is None
    assert copy.wanted


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-batches-py"),
        ("cifar100", "cifar-100-python"),
        ("mnist", "mnist.npz"),
        ("mnist", "mnist"),
        ("fashion_mnist", "fashion_mnist"),
    ],
)
def test_the_data_folder_comes_first(tmp_path: Path, home: Path, name: str, file: str) -> None:
    (tmp_path / file).mkdir()
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "mnist.npz").touch()
    assert find_copy(name, tmp_path).path == tmp_path / file


@pytest.mark.parametrize(
    ("name", "files", "found"),
    [
        ("cifar10", ("cifar-10-batches-py-target_archive",), "cifar-10-batches-py-target_archive"),
        ("mnist", ("mnist.npz",), "mnist.npz"),
        (
            "fashion_mnist",
            tuple(
                f"fashion-mnist/{part}-idx{rank}-ubyte.gz"
                for part, rank in (("train-labels", 1), ("train-images", 3), ("t10k-labels", 1), ("t10k-images", 3))
            ),
            "fashion-mnist",
        ),
    ],
)
def test_what_keras_downloaded_before_is_found_whole(home: Path, name: str, files: tuple[str, ...], found: str) -> None:
    for number, file in enumerate(files, start=1):
        path = home / "datasets" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert (find_copy(name, None).path is not None) == (number == len(files))
    assert find_copy(name, None).path == home / "datasets" / found


def test_what_needs_no_copy() -> None:
    assert (find_copy("digits", None).wanted, find_copy("shapes", None).wanted) == ("", "")
    assert "scikit-learn" in find_copy("digits", None).origin
