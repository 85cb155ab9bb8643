"""A search for real: by the marker of a test, and by the command, which goes on from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_opml.history.record_files import read_record
from tests.support.processes import python_path
from tests.support.projects import Bench, output

MAIN = "import sys\nfrom pytest_opml.cli import main\nif __name__ == '__main__':\n    main(prog_name='opml')\n"
SETTINGS = """
[tool.opml]
threads = 2
compare_seconds = 0.1
[tool.opml.gate]
size_mb = { max = 0.1 }
[tool.opml.search.small]
stages = [["dynamic-int8"]]
"""
BENCH = """
    import pytest
    from pytest_opml import Case

    CASE = Case(dataset="digits", model="tests.support.small:build", size=16, weights="none", unfreeze="all", epochs=1)

    @pytest.mark.opml(search={"space": "small", "seconds": 600})
    def bench_best(opml):
        assert opml(CASE).case.technique == "dynamic-int8"
"""


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", python_path())  # for the workers
    return Bench(pytester, cache_dir)


def test_a_test_finds_the_best_chain_and_the_command_goes_on_from_its_results(bench: Bench) -> None:
    bench.settings(SETTINGS)
    bench.file(BENCH)
    result = bench.run("--opml-json=record.json", apart=True)
    assert result.ret == 0, output(result)
    record = read_record(bench.pytester.path / "record.json")
    techniques = {one.case.id: one.case.technique for one in record.results}
    assert sorted(techniques.values()) == ["baseline", "dynamic-int8"]
    assert sorted(techniques[name] for name in record.reference_only) == ["baseline"]
    assert [(techniques[check.case_id], check.verdict) for check in record.checks] == [("dynamic-int8", "pass")]

    fields = ("--data=digits", "--size=16", "--weights=none", "--unfreeze=all", "--epochs=1")
    command = ("search", "tests.support.small:build", *fields, "--technique-space=small", f"--cache-dir={bench.cache}")
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *command, "--json"],
        cwd=bench.pytester.path, env=os.environ | {"PYTHONPATH": python_path()}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("(from the history)") == 2, done.stderr
    found = json.loads(done.stdout)
    assert found["best"]["case"].endswith("dynamic-int8/epochs=1,size=16,weights=none")
    assert [trial["chain"] for trial in found["trials"]] == ["baseline", "dynamic-int8"]
    assert not found["is_cut"]
