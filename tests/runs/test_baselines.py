"""Whole runs that are compared with earlier ones."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_opml.history.base import History, Query, Release
from pytest_opml.history.record_files import read_record
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from pytest_opml.storage.releases import store_artifacts
from tests.support.projects import BENCH, ONE, TWO, Bench, output
from tests.support.repositories import run_git

LIMITS = """
    [tool.opml.gate]
    inference_s = { max_regression = "900%", optional = true }
    size_mb = { max_regression = "1%" }
"""


def store(bench: Bench) -> History:
    return open_store(f"sqlite:///{bench.pytester.path}/.opml/history.db", create=False)


def newest(bench: Bench) -> RunRecord:
    with store(bench) as history:
        return history.newest(Query(), 1)[0]


def promote(bench: Bench) -> RunRecord:
    """The newest run becomes the release, and its artifacts are kept."""
    run = newest(bench)
    assert store_artifacts(run, bench.cache, bench.pytester.path / ".opml" / "releases").lost == {}
    with store(bench) as history:
        history.promote(Release(run.run_id, datetime.now(timezone.utc), "v1"))
    return run


def test_a_release_is_measured_again_beside_each_case_and_other_runs_are_not(bench: Bench) -> None:
    bench.file(BENCH % TWO)
    bench.settings(LIMITS)
    first = bench.run("--opml-gate=size_mb.max=1")
    assert first.ret == 11, output(first)  # nothing to compare with yet
    released = promote(bench)

    last = bench.run("--opml-baseline=last")
    assert last.ret == 0, output(last)
    stored = newest(bench)
    assert [(found.name, found.remeasured, found.run_id) for found in stored.baselines] == [
        ("last", False, released.run_id)
    ] * 2
    assert [result.vs_baseline for result in stored.results] == [None, None]
    assert "Against the baseline last" in output(last)
    assert f"all: run {released.run_id[:12]} of " in output(last)
    assert "as it was stored" in output(last)

    again = bench.run("--opml-baseline=release")
    assert again.ret == 0, output(again)
    run = newest(bench)
    for baseline, result, then in zip(run.baselines, run.results, released.results, strict=True):
        assert (baseline.name, baseline.remeasured, baseline.run_id, baseline.remeasure_error) == (
            "release",
            True,
            released.run_id,
            "",
        )
        assert baseline.result.artifact.sha256 == then.artifact.sha256 == result.artifact.sha256
        assert baseline.result.passes_s != then.passes_s
        assert baseline.result.training == then.training
        assert baseline.result.accuracy == then.accuracy
        assert result.vs_baseline is not None
        assert 0.2 < result.vs_baseline.offline.value < 5
    assert "its artifact measured again in this session" in " ".join(output(again).split())
    times = [check for check in run.checks if check.metric == "inference_s"]
    assert [check.verdict for check in times] == ["pass", "pass"]
    assert all("measured again" in (check.reference or "") for check in times)


def test_a_release_without_its_artifacts_is_compared_as_it_was_stored(bench: Bench) -> None:
    bench.file(BENCH % ONE)
    assert bench.run().ret == 0
    promote(bench)
    folder = bench.pytester.path / ".opml" / "releases"
    (path,) = folder.glob("*/model.keras")
    path.write_bytes(b"damaged")
    found = bench.run("--opml-baseline=release", "--opml-gate=size_mb.max_regression=1%")
    assert found.ret == 0, output(found)
    (baseline,) = newest(bench).baselines
    assert (baseline.remeasured, baseline.remeasure_error) == (False, f"its artifact is not in {folder}")
    assert "as it was stored; its artifact is not in" in " ".join(output(found).split())


def test_a_history_that_fails_in_the_middle_of_a_run_leaves_not_judged_what_needs_it_and_loses_no_result(
    bench: Bench,
) -> None:
    failing = """
    def bench_before(opml_device):
        from pathlib import Path
        Path(".opml/history.db").write_bytes(b"no database " * 1_000)
"""
    bench.finished_files("a.onnx", more=failing)
    bench.settings("[tool.opml.gate]\nsize_mb = { max = 100, max_regression = '1%' }")
    found = bench.run("--opml-json=run.json")
    assert found.ret == 11, output(found)
    run = read_record(bench.pytester.path / "run.json")
    (result,) = run.results
    problem = f"store sqlite:///{bench.pytester.path}/.opml/history.db: file is not a database"
    assert run.baseline_errors == {result.id: problem}
    verdicts = {check.rule: (check.verdict, check.reason) for check in run.checks}
    assert verdicts["max"] == ("pass", "")
    assert verdicts["max_regression"] == ("not_judged", f"the baseline could not be read: {problem}")
    assert f"not written: {problem}" in output(found)


def test_a_run_is_of_the_commit_that_it_began_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    root = bench.pytester.path
    committing = """
    def bench_commit(opml_device):
        import subprocess
        subprocess.run(["git", "commit", "--quiet", "--allow-empty", "--message", "later"], check=True)
"""
    bench.finished_files("a.onnx")
    bench.file(committing, "bench_later.py")
    run_git(root, "init", "--quiet", "--initial-branch", "main")
    run_git(root, "add", "bench")
    run_git(root, "commit", "--quiet", "--message", "first")
    assert bench.run("--opml-json=run.json", "--opml-store=none").ret == 0
    first = run_git(root, "rev-parse", "HEAD~1")
    commit = read_record(root / "run.json").commit
    assert commit is not None
    assert (commit.commit, commit.branch, commit.dirty) == (first, "main", False)


def test_a_file_of_a_record_is_a_baseline_without_any_history(bench: Bench) -> None:
    bench.finished_files("a.onnx")
    assert bench.run("--opml-json=before.json", "--opml-store=none").ret == 0
    found = bench.run(
        "--opml-baseline=before.json",
        "--opml-json=now.json",
        "--opml-store=none",
        "--opml-gate=size_mb.max_regression=1%",
    )
    assert found.ret == 0, output(found)
    before, now = (read_record(bench.pytester.path / name) for name in ("before.json", "now.json"))
    assert (now.baseline, now.baselines[0].run_id) == ("before.json", before.run_id)
    assert not (bench.pytester.path / ".opml").exists()


@pytest.mark.parametrize(
    ("settings", "option", "text"),
    [
        ("", "nowhere.json", "nowhere.json: cannot be read: No such file or directory"),
        ('[tool.opml]\nbaseline = ""', None, "tool.opml.baseline: "),
        ("[tool.opml]\nbaseline = 3", None, "tool.opml.baseline: "),
    ],
)
def test_a_baseline_that_cannot_be_is_refused_before_anything_runs(
    bench: Bench, settings: str, option: str | None, text: str
) -> None:
    bench.file(BENCH % ONE)
    bench.settings(settings)
    found = bench.run(*([f"--opml-baseline={option}"] if option else []))
    assert found.ret == 4, output(found)
    assert text in output(found)


def test_with_several_processes_a_release_is_measured_again_once_for_each_case(bench: Bench) -> None:
    bench.finished_files("a.onnx", "b.onnx")
    assert bench.run().ret == 0
    promote(bench)
    found = bench.run("--opml-baseline=release", "-n2", apart=True)
    assert found.ret == 0, output(found)
    run = newest(bench)
    assert [(baseline.remeasured, baseline.name) for baseline in run.baselines] == [(True, "release")] * 2
    assert all(result.vs_baseline for result in run.results)


def test_a_stored_time_of_another_machine_is_not_judged(bench: Bench, tmp_path: Path) -> None:
    bench.finished_files("a.onnx")
    bench.settings('[tool.opml.gate]\ninference_s = { max_regression = "900%" }\nsize_mb = { max_regression = "1%" }')
    assert bench.run("--opml-store=none", "--opml-json=before.json", "--opml-gate=inconclusive=pass").ret == 11
    path = bench.pytester.path / "before.json"
    path.write_text(path.read_text().replace('"cores": ', '"cores": 9'))
    found = bench.run("--opml-baseline=before.json", "--opml-json=now.json")
    assert found.ret == 11, output(found)
    checks = {check.metric: check for check in newest(bench).checks}
    assert checks["size_mb"].verdict == "pass"
    assert checks["inference_s"].verdict == "not_judged"
    assert checks["inference_s"].reason.startswith("the baseline was measured on another machine: 9")
    assert "n/a: measured on another machine" in " ".join(output(found).split())
