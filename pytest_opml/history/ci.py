"""The job of a CI service, as its environment variables describe it.

GitHub's are described at docs.github.com/actions/reference/variables-reference, GitLab's at
docs.gitlab.com/ci/variables/predefined_variables, Jenkins' at /env-vars.html of each server; for a request it has
them in multibranch pipelines only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ..printable import shows
from ..records.run import CiRun
from ..storage.input_file import read_input

FULL_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

# What git takes for a branch, but for rare cases: a value reaches terminals and reports, and others may choose it.
_LARGEST_EVENT = 2**25  # bytes; GitHub's largest
_BRANCH = re.compile(r"(?![-/])[^ ~^:?*\[\\]{1,255}")
_NUMBER = re.compile("[0-9]{1,20}")
_URL = re.compile("https?://[A-Za-z0-9.:-]+/[A-Za-z0-9/._~%+-]+")
_RUN_URL = re.compile("https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/actions/runs/[0-9]+")


class Job(NamedTuple):
    """One job of a CI service.

    Attributes:
        run: what records hold of it.
        commit: that the service checked out; for a pull request of GitHub, one that merges it into its target.
        branches: those of the commits that the service names, by hash; that of a request is the one to be merged, of
            a tag there is none.
        authored: when the commit was made, by its committer's clock, which is the one that GitLab tells.
        folder: that the service checked out into.
        default_branch: of the repository; None where the service does not say.
    """

    run: CiRun
    commit: str | None
    branches: Mapping[str, str]
    authored: datetime | None
    folder: str | None
    default_branch: str | None = None

    def may_own(self, root: Path) -> bool:
        """Tell whether a folder can be of the job's checkout; any can, where a container has the checkout elsewhere."""
        if not self.folder:
            return True
        try:
            folder = Path(self.folder).resolve(strict=True)
        except (OSError, RuntimeError):
            return True
        return root.resolve().is_relative_to(folder)


def read_job() -> Job | None:
    """Return the job that this process is part of; None outside GitHub Actions, GitLab CI and Jenkins.

    A variable whose value cannot be what it is for counts as missing.
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return _github()
    if os.environ.get("GITLAB_CI") == "true":
        return _gitlab()
    if os.environ.get("BUILD_TAG", "").startswith("jenkins-"):
        return _jenkins()
    return None


def _matching(pattern: re.Pattern[str], *texts: str | None) -> str | None:
    return next((text for text in texts if text and shows(text) and pattern.fullmatch(text)), None)


def _variable(pattern: re.Pattern[str], *names: str) -> str | None:
    return _matching(pattern, *(os.environ.get(name) for name in names))


def _known(branches: Mapping[str | None, str | None]) -> dict[str, str]:
    return {commit: branch for commit, branch in branches.items() if commit and branch}


def _github() -> Job:
    commit, source = _variable(FULL_HASH, "GITHUB_SHA"), _variable(_BRANCH, "GITHUB_HEAD_REF")
    ref = os.environ.get("GITHUB_REF", "")
    event = event_of_job()
    number, newest = (value_at(event, "pull_request", *keys) for keys in (("number",), ("head", "sha")))
    # The ref, and not the event, says what was checked out: for pull_request_target it is the target's branch.
    request = re.match("refs/pull/([0-9]+)/", ref)
    if request:
        branch = source
    else:
        branch = _matching(_BRANCH, ref.removeprefix("refs/heads/")) if ref.startswith("refs/heads/") else None
    parts = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    run = CiRun(
        service="GitHub Actions",
        url=_matching(_RUN_URL, "{}/{}/actions/runs/{}".format(*parts)),
        pull_request=_matching(_NUMBER, number, request and request[1]),
        target=_variable(_BRANCH, "GITHUB_BASE_REF"),
    )
    branches = _known({_matching(FULL_HASH, newest): source, commit: branch})
    default = _matching(_BRANCH, value_at(event, "repository", "default_branch"))
    folder = os.environ.get("GITHUB_WORKSPACE")
    return Job(run, commit, branches, authored=None, folder=folder, default_branch=default)


def event_of_job() -> Any:
    """Return what GitHub says of the event of a job; None where it says nothing that can be read."""
    try:
        return json.loads(read_input(Path(os.environ["GITHUB_EVENT_PATH"]), _LARGEST_EVENT))
    except (KeyError, OSError, RecursionError, ValueError):
        return None


def value_at(document: Any, *keys: str) -> str | None:
    """Return the text or number at a place of a document; None where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return str(document) if isinstance(document, (str, int)) else None


def _gitlab() -> Job:
    commit = _variable(FULL_HASH, "CI_COMMIT_SHA")
    # Pipelines of merge requests and of tags have no CI_COMMIT_BRANCH.
    branch = _variable(
        _BRANCH,
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    )
    run = CiRun(
        service="GitLab CI",
        url=_variable(_URL, "CI_JOB_URL"),
        pull_request=_variable(_NUMBER, "CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"),
        target=_variable(_BRANCH, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"),
    )
    # Where the pipeline is for the merged result, the commit is the merge, and the request's newest one is named apart.
    newest = _variable(FULL_HASH, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
    authored = _moment(os.environ.get("CI_COMMIT_TIMESTAMP", ""))
    branches, folder = _known({newest: branch, commit: branch}), os.environ.get("CI_PROJECT_DIR")
    return Job(run, commit, branches, authored, folder, default_branch=_variable(_BRANCH, "CI_DEFAULT_BRANCH"))


def _jenkins() -> Job:
    commit, request = _variable(FULL_HASH, "GIT_COMMIT"), _variable(_NUMBER, "CHANGE_ID")
    # Of a request, BRANCH_NAME is its name within Jenkins, such as PR-7, and CHANGE_BRANCH the branch to be merged.
    branch = _variable(_BRANCH, "CHANGE_BRANCH" if request else "BRANCH_NAME")
    run = CiRun(
        service="Jenkins",
        url=_variable(_URL, "BUILD_URL"),
        pull_request=request,
        target=_variable(_BRANCH, "CHANGE_TARGET"),
    )
    default = branch if os.environ.get("BRANCH_IS_PRIMARY") == "true" and not request else None
    folder = os.environ.get("WORKSPACE")
    return Job(run, commit, _known({commit: branch}), authored=None, folder=folder, default_branch=default)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(re.sub("Z$", "+00:00", text))
        return moment.astimezone(timezone.utc) if moment.tzinfo else None
    except (OverflowError, ValueError):
        return None
