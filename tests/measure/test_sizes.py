from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from pytest_opml.measure.sizes import measure_file, optimizer_bytes


def test_a_file_is_measured_as_it_is_and_deflated(tmp_path: Path) -> None:
    content = b"a line that repeats\n" * 200_000
    file = tmp_path / "file"
    file.write_bytes(content)
    size = measure_file(file)
    assert size.size_bytes == len(content)
    assert abs(size.deflated_bytes - len(zlib.compress(content))) < 100
    assert size.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_state_of_an_optimizer_is_told_from_the_weights(tmp_path: Path, method: int) -> None:
    noise, content = np.random.default_rng(0).normal(size=25_000).astype(np.float32), io.BytesIO()
    with h5py.File(content, "w") as weights:
        weights["layers/dense/vars/0"] = noise
    assert_share(tmp_path / "lean.keras", content, method, 0)
    with h5py.File(content, "a") as weights:
        weights["optimizer/vars/0"] = noise
        weights["optimizer/vars/1"] = noise[::-1]
    assert_share(tmp_path / "mine.keras", content, method, 2 / 3)


def assert_share(path: Path, weights: io.BytesIO, method: int, share: float) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.weights.h5", weights.getvalue())
    assert optimizer_bytes(path) / path.stat().st_size == pytest.approx(share, abs=0.02)
