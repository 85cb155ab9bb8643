"""``opml search``: what it refuses before it costs anything; what it does is in tests/runs/test_search.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.cli.init import bench_text, budgets_text
from pytest_opml.runner.first_budgets import first_budgets
from tests.support.builders import make_case, make_result


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "which model? give one, as MODEL or by --model"),
        (["small_cnn", "--model=small_cnn"], "which model? give one, as MODEL or by --model"),
        (["small_cnn"], "small_cnn: no data: name them with --data, or in [tool.opml.model]"),
        (["small_cnn", "--data=digits", "--technique-space=mine"], "no space is called 'mine'; there are: default"),
        (
            ["small_cnn", "--data=digits", "--chain=int8+int8"],
            "--chain: technique 'int8+int8': nothing can follow int8",
        ),
        (["small_cnn", "--data=digits", "--seconds=0"], "Invalid value for '--seconds'"),
        (["small_cnn", "--data=digits", "--gpu=v100,cpu"], "gpu: v100, cpu: a search runs on one device"),
        (["small_cnn", "--data=digits", "--fleet=auto"], "fleet: auto: a search runs on this machine"),
    ],
)
def test_a_wrong_input_ends_it_at_once(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli.main, ["search", *arguments])
    assert ended.exit_code == 4
    assert text in ended.output
    assert list(tmp_path.iterdir()) == []


def test_a_bench_file_has_all_that_its_case_is_made_of() -> None:
    case = make_case("prune-0.5+int8", epochs=3, size=32, weights="none", classes=("a", "b"), seed=7)
    text = bench_text(case)
    scope: dict[str, object] = {}
    exec(compile(text, "bench", "exec"), scope)
    assert scope["CASES"] == [case]
    result = make_result(case=case)
    assert "# As `opml search` measured it" in budgets_text(case, first_budgets(result), result, "opml search")
