"""A run that the gate rejected, from commit to commit: it is no baseline and no release."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml.cli import main
from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.history.git import read_commit
from pytest_opml.runner.baselines import Baselines
from pytest_opml.runner.outcome import Outcome, finish
from pytest_opml.settings import build_settings, read_pyproject
from pytest_opml.storage.digests import digest_path
from tests.support.builders import make_result, make_run
from tests.support.repositories import run_git

GATE = """
[tool.opml]
cache_dir = "cache"
[tool.opml.gate]
inference_s = { max_regression = "20%" }
size_mb = { max_regression = "1%" }
"""


class Project:
    """A user's repository in which each run measures what it is told."""

    def __init__(self, root: Path) -> None:
        self.root, self.runs, self.commits = root, 0, 0
        (root / "pyproject.toml").write_text(GATE, "utf-8")
        run_git(root, "init", "--quiet", "--initial-branch", "main")
        run_git(root, "add", "pyproject.toml")

    def commit(self) -> None:
        self.commits += 1  # of one second, two with the same message would be the same commit
        run_git(self.root, "commit", "--quiet", "--allow-empty", "--message", f"change {self.commits}")

    def run(self, factor: float = 1.0, *, is_complete: bool = True) -> Outcome:
        """A run of one case that is so many times as large and slow as it was."""
        commit = read_commit(self.root)
        settings = build_settings(read_pyproject(self.root / "pyproject.toml"), {}, self.root)
        baselines = Baselines(settings, self.root, commit)
        self.runs += 1
        result = make_result(size_mb=14 * factor, inference_s=10 * factor)
        file = self.root / "cache" / "entries" / f"artifact-{self.runs}" / "model.keras"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"%d" % self.runs)
        about = {"file": file.name, "entry": file.parent.name, "sha256": digest_path(file)}
        result = result.model_copy(update={"artifact": result.artifact.model_copy(update=about)})
        earlier = baselines.look_up(result.case.id, result.device.profile)
        record = make_run(
            [result],
            run_id=f"{self.runs:032x}",
            commit=commit,
            baselines=(earlier,) if earlier else (),
            baseline=baselines.wanted,
            baseline_choice=baselines.choice,
        )
        record = record.model_copy(update={"started": record.started.replace(minute=self.runs)})
        return finish(record, settings, self.root, is_complete=is_complete, pytest_exit=None if is_complete else 2)

    def opml(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "GITLAB_", "CI_"))]:
        monkeypatch.delenv(name)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def test_a_rejected_commit_stays_rejected_is_no_release_and_the_next_good_one_passes(project: Project) -> None:
    project.commit()
    first = project.run()
    assert first.exit.code == 11
    assert first.exit.reason.startswith("this is the first run, and 2 budgets had nothing to be compared with")
    assert 'first_run = "pass"' in first.exit.reason
    released = project.opml("release", "promote", "last", "--label", "v1")
    assert released.exit_code == 0, released.output

    project.commit()
    for _ in range(2):  # the same commit again changes nothing
        rejected = project.run(3.0)
        assert rejected.exit.code == 1, rejected.exit
        assert [check.verdict for check in rejected.record.checks] == ["fail", "fail"]
        assert {baseline.run_id for baseline in rejected.record.baselines} == {first.record.run_id}
    assert rejected.record.baseline_choice.endswith("passed over: 1 that failed")
    promoted = project.opml("release", "promote", "last")
    assert promoted.exit_code == 1
    assert "failed 2 budgets; the release stays as it was" in promoted.output
    assert [each["label"] for each in json.loads(project.opml("release", "list", "--json").output)] == ["v1"]

    project.commit()
    good = project.run()
    assert good.exit == (0, "2 budgets passed")
    assert {baseline.run_id for baseline in good.record.baselines} == {first.record.run_id}
    assert "passed over: 2 that failed" in good.record.baseline_choice
    assert project.opml("release", "promote", "last", "--label", "v2").exit_code == 0


def test_what_is_forced_says_what_was_overridden(project: Project) -> None:
    project.commit()
    project.run()
    project.commit()
    project.run(3.0)
    forced = project.opml("release", "promote", "last", "--label", "hot fix", "--force")
    assert forced.exit_code == 0, forced.output
    assert "forced, although it failed 2 budgets" in forced.output
    (release,) = json.loads(project.opml("release", "list", "--json").output)
    assert release["overrode"] == "failed 2 budgets"
    assert "hot fix was forced, although it failed 2 budgets" in project.opml("release", "list").output


def test_a_run_whose_artifact_is_gone_is_refused_and_nothing_of_the_release_is_touched(project: Project) -> None:
    project.commit()
    project.run()
    assert project.opml("release", "promote", "last", "--label", "v1").exit_code == 0
    stored = sorted(path.name for path in (project.root / ".opml" / "releases").glob("*/model.keras"))
    project.commit()
    project.run()
    shutil.rmtree(project.root / "cache" / "entries" / "artifact-2")
    refused = project.opml("release", "promote", "last", "--label", "v2")
    assert refused.exit_code == 11
    assert "has 1 artifact that cannot be stored" in refused.output
    assert sorted(path.name for path in (project.root / ".opml" / "releases").glob("*/model.keras")) == stored
    assert [each["label"] for each in json.loads(project.opml("release", "list", "--json").output)] == ["v1"]


def test_an_interrupted_run_is_no_baseline_and_no_release_and_says_what_it_is(project: Project) -> None:
    project.commit()
    project.run()
    project.commit()
    stopped = project.run(is_complete=False)
    assert (stopped.record.interrupted, stopped.record.exit_code) == (True, 2)
    project.commit()
    later = project.run()
    assert [baseline.run_id for baseline in later.record.baselines] == [f"{1:032x}"]
    assert "passed over: 1 that was interrupted" in later.record.baseline_choice
    assert project.opml("release", "promote", f"{2:032x}").exit_code == 11
    assert "interrupted" in project.opml("history").output
    for output in (project.opml("gate", f"{2:032x}"), project.opml("report", f"{2:032x}")):
        assert "The run was interrupted" in output.output


def test_changed_files_are_compared_with_their_own_commit_and_are_no_baseline(project: Project) -> None:
    project.commit()
    project.run()
    (project.root / "pyproject.toml").write_text(GATE + "\n", "utf-8")
    changed = project.run()
    assert changed.record.commit is not None
    assert changed.record.commit.dirty
    assert [baseline.run_id for baseline in changed.record.baselines] == [f"{1:032x}"]
    run_git(project.root, "checkout", "--quiet", "pyproject.toml")
    project.commit()
    later = project.run()
    assert [baseline.run_id for baseline in later.record.baselines] == [f"{1:032x}"]
    assert "1 that had changed files" in later.record.baseline_choice


def test_a_branch_is_compared_with_the_default_branch_and_with_the_merge_base_where_that_is_named(
    project: Project,
) -> None:
    project.commit()
    project.run()
    run_git(project.root, "checkout", "--quiet", "-b", "topic")
    project.commit()
    for number in (2, 3):
        on_topic = project.run()
        assert [baseline.run_id for baseline in on_topic.record.baselines] == [f"{1:032x}"], number
    assert "the newest accepted run of main: run 0000" in on_topic.record.baseline_choice
    assert "1 that is of another branch" in on_topic.record.baseline_choice
    run_git(project.root, "checkout", "--quiet", "main")
    project.commit()
    assert project.run(1.001).record.baselines[0].run_id == f"{1:032x}"
    run_git(project.root, "checkout", "--quiet", "topic")
    budgets = parse_budgets({"size_mb": {"max_regression": 1}}, "test")
    settings = build_settings({"store": "sqlite:///.opml/history.db", "baseline": "merge-base"}, {}, project.root)
    baselines = Baselines(settings, project.root, read_commit(project.root))
    stored = baselines.look_up(make_result().case.id, "v100")
    assert baselines.is_needed(budgets)
    assert stored is not None
    assert stored.run_id == f"{1:032x}"


def test_the_first_release_can_be_made_where_each_run_is_compared_with_the_release(project: Project) -> None:
    (project.root / "pyproject.toml").write_text(GATE.replace("[tool.opml]", '[tool.opml]\nbaseline = "release"'))
    run_git(project.root, "add", "pyproject.toml")
    project.commit()
    first = project.run()
    assert first.exit == (11, "2 budgets had nothing to be compared with: no earlier result of release is known")
    assert project.opml("release", "promote", "last", "--label", "v1").exit_code == 0
    project.commit()
    assert project.run().exit.code == 0


def test_a_first_run_may_be_let_pass(project: Project) -> None:
    (project.root / "pyproject.toml").write_text(GATE + 'first_run = "pass"\n', "utf-8")
    run_git(project.root, "add", "pyproject.toml")
    project.commit()
    first = project.run()
    assert first.exit.code == 0
    assert "2 had nothing to be compared with, since this is a first run" in first.exit.reason


def test_a_waiver_lets_a_known_failure_pass_until_its_day_and_shows_it(project: Project) -> None:
    waiver = '[[tool.opml.gate.waiver]]\nmatch = "*"\nmetric = "%s"\nuntil = %s\nreason = "known since May"\n'
    future, past = waiver % ("size_mb", "2999-01-01"), waiver % ("inference_s", "2020-01-01")
    (project.root / "pyproject.toml").write_text(GATE + future + past, "utf-8")
    run_git(project.root, "add", "pyproject.toml")
    project.commit()
    project.run()
    project.commit()
    larger = project.run(3.0)
    assert larger.exit == (1, "1 budget failed")
    verdicts = {check.metric: (check.verdict, check.blocking, check.waived) for check in larger.record.checks}
    assert verdicts["size_mb"] == ("fail", False, "until 2999-01-01: known since May")
    assert verdicts["inference_s"] == ("fail", True, "")
    shown = " ".join(project.opml("gate", "last").output.split())
    assert "waived until 2999-01-01: known since May" in shown
    assert "ended on 2020-01-01: known since May" in shown
    assert "1 of the failed waived" in shown
