from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np

from pytest_opml.measure.memory import peak_bytes, reset_peak
from pytest_opml.measure.sizes import measure_file


def test_a_peak_is_seen_after_it_has_passed() -> None:
    held = reset_peak()
    block = np.ones(50_000_000 // 8)
    del block
    assert peak_bytes() - held > 45_000_000


def test_a_reset_forgets_an_earlier_peak() -> None:
    block = np.ones(200_000_000 // 8)
    del block
    held = reset_peak()
    assert peak_bytes() - held < 50_000_000


def test_a_file_is_measured_as_it_is_and_deflated(tmp_path: Path) -> None:
    content = b"a line that repeats\n" * 200_000
    file = tmp_path / "file"
    file.write_bytes(content)
    size = measure_file(file)
    assert size.size_bytes == len(content)
    assert abs(size.deflated_bytes - len(zlib.compress(content))) < 100
    assert size.sha256 == hashlib.sha256(content).hexdigest()
