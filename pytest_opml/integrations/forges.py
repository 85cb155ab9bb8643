"""Which request to merge a comment is for, by the command line and the environment of a CI job."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..errors import SettingsError
from ..history.ci import read_job
from . import github, gitlab
from .github import GitHub
from .gitlab import GitLab


def find_forge(repository: str | None, project: str | None, number: int | None) -> GitHub | GitLab | None:
    """Return the request that a comment is for; None where the CI job is not for one.

    Args:
        repository: ``owner/name`` on GitHub; None for that of the job.
        project: path or number on GitLab; None for that of the job.
        number: of the request; None for that of the job.

    Raises:
        SettingsError: it is not clear which request it is, or there is no token.
    """
    if repository and project:
        raise SettingsError("--github and --gitlab exclude each other")
    job = read_job()
    service = job.run.service if job else ""
    if repository or (service == github.SERVICE and not project):
        return _on_github(repository, number, os.environ if service == github.SERVICE else {})
    if project or service == gitlab.SERVICE:
        return _on_gitlab(project, number, os.environ if service == gitlab.SERVICE else {})
    raise SettingsError(
        "this is no job of GitHub Actions or GitLab CI: name the request by --github OWNER/NAME or --gitlab PROJECT, "
        "and --request N; or print the comment by --dry-run"
    )


def _on_github(repository: str | None, number: int | None, job: Mapping[str, str]) -> GitHub | None:
    """Return the pull request; ``job``: the environment in a job of GitHub Actions, else empty."""
    own = job.get("GITHUB_REPOSITORY", "")
    if number is None:
        if repository and repository.lower() != own.lower():
            raise SettingsError(f"--github {repository[:100]}: give the number of its pull request by --request N")
        number = github.request_number(job)
    head = github.head_of(job) if number is None else None
    if number is None and head is None:
        return None
    token = _token(github.TOKENS, "a token that may write comments on pull requests")
    address = os.environ.get("GITHUB_API_URL") or github.PUBLIC
    if head is not None:
        number = github.find_request(own, head, github.client_of(token, address))
    return None if number is None else GitHub(repository or own, number, token, address)


def _on_gitlab(project: str | None, number: int | None, job: Mapping[str, str]) -> GitLab | None:
    """Return the merge request; ``job``: the environment in a job of GitLab CI, else empty."""
    # Of a fork's request the job runs in the fork, and the request is in the project that it is to be merged into.
    own = [job[name] for name in ("CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID") if job.get(name)]
    paths = [job[name] for name in ("CI_MERGE_REQUEST_PROJECT_PATH", "CI_PROJECT_PATH") if job.get(name)]
    if number is None:
        if project and project not in (*own, *paths):
            raise SettingsError(f"--gitlab {project[:100]}: give the number of its merge request by --request N")
        number = gitlab.request_number(job)
    if number is None:
        return None
    token = _token(
        gitlab.TOKENS,
        "an access token with the scope api (CI_JOB_TOKEN cannot write notes; a protected variable is not there in a "
        "pipeline for a branch that is not protected)",
    )
    page = job.get("CI_MERGE_REQUEST_PROJECT_URL", "") if not project else ""
    address = os.environ.get("CI_API_V4_URL") or gitlab.PUBLIC
    return GitLab(project or next(iter(own), ""), number, token, address, page=page)


def _token(names: Sequence[str], what: str) -> str:
    token = next(filter(None, (os.environ.get(name, "").strip() for name in names)), "")
    if not token:
        raise SettingsError(f"no token: put {what} into {' or '.join(names)}")
    return token
