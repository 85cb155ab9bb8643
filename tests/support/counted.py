"""A data set that counts how often it is loaded; workers find it as ``tests.support.counted:load``."""

from __future__ import annotations

from pathlib import Path

from pytest_opml.datasets import digits
from pytest_opml.datasets.splits import RawData

NAME = "tests.support.counted:load"


def load(data_dir: Path | None) -> RawData:
    """The digits; adds a line to ``loads`` in the data folder; one pixel of each is what ``pixel`` there says."""
    assert data_dir
    with (data_dir / "loads").open("a") as stream:
        stream.write("loaded\n")
    raw = digits.load(None)
    if (data_dir / "pixel").exists():
        raw.inputs[:, 0, 0] = int((data_dir / "pixel").read_text())
    return raw


def loads(data_dir: Path) -> int:
    """How often it was loaded since this was asked last."""
    path = data_dir / "loads"
    count = len(path.read_text().splitlines()) if path.exists() else 0
    path.write_text("")
    return count
