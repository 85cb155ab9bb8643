"""What a header of an array promises must lie behind it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from pytest_opml.datasets.npz import read_arrays
from pytest_opml.errors import DatasetError


def archive(path: Path, shape: tuple[int, ...], dtype: str = "<f4", behind: bytes = bytes(8)) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written, written.open("x_train.npy", "w") as member:
        npy.write_array_header_2_0(member, {"shape": shape, "fortran_order": False, "descr": dtype})
        member.write(behind)
    return path


@pytest.mark.parametrize("shape", [(10**18,), (2**62, 2**62), (3,)])
def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = archive(tmp_path / "a.npz", shape, behind=b"")
    with pytest.raises(DatasetError, match=r"a.npz: x_train: its header says float32 \(.*\), [\d,]+ bytes, and it has"):
        read_arrays(path, lambda _: True)


def test_a_member_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_opml.datasets.npz._LARGE_BYTES", 2**20)
    path = archive(tmp_path / "a.npz", (2**20,), behind=bytes(2**22))
    with pytest.raises(DatasetError, match=r"x_train: 4,\d\d\d bytes unpack to 4,19\d,\d\d\d; save it anew"):
        read_arrays(path, lambda _: True)
    assert read_arrays(path, lambda name: name == "y") == {}


def test_only_the_arrays_that_are_wanted_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.arange(3), other=np.array([object()]))
    arrays = read_arrays(tmp_path / "a.npz", lambda name: name == "x_train")
    assert {name: array.tolist() for name, array in arrays.items()} == {"x_train": [0, 1, 2]}
