from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from pytest_opml.measure.sizes import measure_file


def test_a_file_is_measured_as_it_is_and_deflated(tmp_path: Path) -> None:
    content = b"a line that repeats\n" * 200_000
    file = tmp_path / "file"
    file.write_bytes(content)
    size = measure_file(file)
    assert size.size_bytes == len(content)
    assert abs(size.deflated_bytes - len(zlib.compress(content))) < 100
    assert size.sha256 == hashlib.sha256(content).hexdigest()
