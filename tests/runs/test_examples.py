"""The examples, each in a copy, by the commands of its README, whose last lines must be what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt

from tests.support.processes import ROOT

EXAMPLES = ROOT / "examples"
SAMPLE, LARGER = ["monorepo"], ["fleet", "keras_model", "onnx_file", "tabular", "two_devices"]
WITH_TENSORFLOW = {"keras_model", "tabular"}


class Passage(NamedTuple):
    """Commands of a README, and the lines that it shows of what they print."""

    commands: str
    shown: list[str]


def passages(name: str) -> list[Passage]:
    blocks = [token for token in MarkdownIt().parse((EXAMPLES / name / "README.md").read_text("utf-8")) if token.info]
    kinds = [block.info for block in blocks]
    assert kinds == ["sh", "text"] * (len(blocks) // 2), kinds
    return [
        Passage(one.content, other.content.splitlines()) for one, other in zip(blocks[::2], blocks[1::2], strict=True)
    ]


def as_param(name: str, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(name, marks=[*marks, *([pytest.mark.tensorflow] if name in WITH_TENSORFLOW else [])])


def test_each_example_is_in_the_list_and_is_run() -> None:
    folders = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
    assert folders == sorted([*SAMPLE, *LARGER])
    text = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"[{name}]({name})" in text for name in folders)
    for name in folders:
        assert (EXAMPLES / name / "pyproject.toml").is_file()
        assert list((EXAMPLES / name).rglob("bench_*.py"))


def test_one_of_them_shows_the_gate_saying_no() -> None:
    assert passages("onnx_file")[0].shown[-1] == "opml: exit code 1: 1 budget failed"


@pytest.mark.parametrize("name", [*map(as_param, SAMPLE), *(as_param(name, pytest.mark.docs) for name in LARGER)])
def test_an_example_does_what_its_page_says(name: str, tmp_path: Path) -> None:
    project = tmp_path / name
    shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns("__pycache__", ".opml", "*.json", "*.npz"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OPML_", "PYTEST_XDIST_"))}
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTEST_ADDOPTS": "-p no:randomly -p no:cacheprovider",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "COLUMNS": "80",
        "PYTHONUNBUFFERED": "1",  # so that what goes to a file stands in the order of a terminal
    }
    for passage in passages(name):
        lines = passage.commands.splitlines()
        done = [
            subprocess.run(
                ["bash", "-c", line],
                cwd=project,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            for line in lines
        ]
        output = "".join(one.stdout for one in done)
        written = [line for line in output.splitlines() if line.strip()]
        assert written[-1] == passage.shown[-1], output
        said = [line for line in passage.shown if line.startswith("opml: exit code")]
        assert [f"opml: exit code {done[-1].returncode}:"] * len(said) == [line[:18] for line in said]
