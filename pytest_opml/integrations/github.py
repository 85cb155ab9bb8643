"""The comments of a pull request on GitHub.

A pull request is an issue there, and its comments are those of the issue: docs.github.com/rest/issues/comments.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote

from ..errors import SettingsError
from ..history.ci import event_of_job, read_job, value_at
from .comments import Comment
from .rest import Answer, Method, RestClient, Uncertain

SERVICE = "GitHub Actions"
LONGEST = 65_536
TOKENS = ("OPML_COMMENT_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")

# Whose comments those of a job's own token are; such a token may not ask for its user.
ACTIONS_AUTHOR = "github-actions[bot]"
PUBLIC = "https://api.github.com"
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_OF_REQUESTS = ("pull_request", "pull_request_target")


class Head(NamedTuple):
    """What a pull request is to merge: a branch of somebody's repository, at a commit."""

    owner: str
    branch: str
    commit: str


class GitHub:
    """The comments of one pull request.

    Args:
        repository: its ``owner/name``.
        number: of the pull request.
        token: that may write comments on pull requests.
        address: of the server's REST interface.
        sleep: waits so many seconds.

    Raises:
        SettingsError: the repository has no such name, or the token cannot be one.
    """

    longest = LONGEST

    def __init__(
        self,
        repository: str,
        number: int,
        token: str,
        address: str = PUBLIC,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise SettingsError(f"--github: {repository[:100]!r} is no repository: write OWNER/NAME")
        self.described = f"pull request {number} of {repository}"
        self._client = client_of(token, address, sleep)
        self._repository = f"/repos/{repository}"
        self._list = f"{self._repository}/issues/{number}/comments"

    def author(self) -> str:
        """Return who the token is of; where it may not ask, who a job's own token is of."""
        answer = self._client.send("GET", "/user")
        if answer.status == 200:
            return value_at(answer.document, "login") or ACTIONS_AUTHOR
        if answer.status == 401:
            self._refuse(answer)
        return ACTIONS_AUTHOR

    def comments(self) -> list[Comment]:
        """Return all comments.

        Raises:
            SettingsError: the server refuses.
            StorageError: it does not answer.
        """
        comments = []
        for page in self._client.pages(f"{self._list}?per_page=100", lambda answer: answer.next_url):
            if page.status != 200 or not isinstance(page.document, list):
                self._refuse(page)
            comments += [_comment(entry) for entry in page.document]
        return comments

    def create(self, body: str) -> Comment:
        """Write a comment; raises as ``comments``, and ``Uncertain``."""
        return _comment(self._write("POST", self._list, body).document)

    def update(self, number: int, body: str) -> None:
        """Change the text of a comment; raises as ``comments``, and ``Uncertain`` where it is gone."""
        self._write("PATCH", f"{self._repository}/issues/comments/{number}", body)

    def delete(self, number: int) -> None:
        """Delete a comment, which may be gone already; raises as ``comments``."""
        answer = self._client.send("DELETE", f"{self._repository}/issues/comments/{number}")
        if answer.status not in (200, 204, 404):
            self._refuse(answer)

    def _write(self, method: Method, path: str, body: str) -> Answer:
        answer = self._client.send(method, path, {"body": body})
        if method == "PATCH" and answer.status == 404:
            raise Uncertain(f"{self.described}: the comment is gone, or the token may not change it")
        if answer.status not in (200, 201):
            self._refuse(answer)
        return answer

    def _refuse(self, answer: Answer) -> NoReturn:
        advice = {
            401: f"the token is wrong or has expired: give a valid one in {TOKENS[1]}",
            403: _advice_of_403(answer.message),
            404: "there is no such pull request, or the token may not see it",
            410: "the pull request was deleted, or nobody can comment on it",
            422: "it takes no such text",
        }.get(answer.status, "the server at this address may not be GitHub's REST interface")
        raise SettingsError(f"{self.described}: GitHub refuses ({self._client.said_of(answer)}): {advice}")


def _advice_of_403(message: str) -> str:
    """Return what to do where GitHub forbids: the rights of the token are the cause only where it names no other."""
    said = message.lower()
    if "locked" in said:
        return "unlock the conversation of the pull request"
    if "archived" in said:
        return "nobody can comment in an archived repository"
    return (
        "the token may not write comments: give the job `permissions: pull-requests: write`; a job for a pull request "
        "from a fork has a token that only reads"
    )


def request_number(job: Mapping[str, str]) -> int | None:
    """Return the number of the pull request that this job is for, as GitHub tells it; None where it tells none.

    Args:
        job: its environment.
    """
    run = read_job()
    if run and run.run.pull_request:
        return int(run.run.pull_request)
    event = _workflow_run(job)
    home = value_at(event, "repository", "id")
    requests = _list_at(event, "workflow_run", "pull_requests")
    numbers = [value_at(one, "number") for one in requests if value_at(one, "base", "repo", "id") == home]
    return _first_number(numbers)


def head_of(job: Mapping[str, str]) -> Head | None:
    """Return what the pull request is to merge that a finished workflow run was for; None for any other job.

    A job that runs after the workflow of a request from a fork is not told its number.

    Args:
        job: its environment.
    """
    run = "workflow_run"
    event = _workflow_run(job)
    if value_at(event, run, "event") not in _OF_REQUESTS:
        return None
    parts = (
        value_at(event, run, "head_repository", "owner", "login"),
        value_at(event, run, "head_branch"),
        value_at(event, run, "head_sha"),
    )
    owner, branch, commit = parts
    return Head(owner, branch, commit) if owner and branch and commit else None


def find_request(repository: str, head: Head, client: RestClient) -> int | None:
    """Return the number of the open pull request that is to merge this commit; None where there is none any more.

    Args:
        repository: that it is to be merged into, ``owner/name``.
        head: of the request.
        client: of the server.

    Raises:
        SettingsError: the server refuses.
        StorageError: it does not answer.
    """
    source = quote(f"{head.owner}:{head.branch}", safe="")
    answer = client.send("GET", f"/repos/{repository}/pulls?state=open&per_page=100&head={source}")
    if answer.status != 200 or not isinstance(answer.document, list):
        raise SettingsError(
            f"{repository}: GitHub does not list its pull requests ({client.said_of(answer)}): give the job "
            "`permissions: pull-requests: write`, or the number as --request N"
        )
    at_commit = (one for one in answer.document if value_at(one, "head", "sha") == head.commit)
    return _first_number(value_at(one, "number") for one in at_commit)


def client_of(token: str, address: str = PUBLIC, sleep: Callable[[float], None] = time.sleep) -> RestClient:
    """Return a client of GitHub's REST interface.

    Args:
        token: for all requests.
        address: of the server.
        sleep: waits so many seconds.
    """
    # Without X-GitHub-Api-Version: a server refuses a version that it does not have, and its own default will do.
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "User-Agent": "pytest-opml",
    }
    return RestClient(address, headers, token, sleep)


def _workflow_run(job: Mapping[str, str]) -> Any:
    """Return the event of a job that runs after a workflow; None for another job."""
    return event_of_job() if job.get("GITHUB_EVENT_NAME") == "workflow_run" else None


def _first_number(texts: Iterable[str | None]) -> int | None:
    return next((int(text) for text in texts if text and re.fullmatch("[0-9]{1,18}", text)), None)


def _list_at(document: Any, *keys: str) -> list[Any]:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, list) else []


def _comment(entry: Any) -> Comment:
    number = value_at(entry, "id") or ""
    if not number.isdecimal():
        raise SettingsError("the answer holds no comment: the server may not be GitHub's REST interface")
    return Comment(
        int(number),
        value_at(entry, "user", "login") or "",
        value_at(entry, "body") or "",
        value_at(entry, "html_url") or "",
    )
