"""The comments of a merge request on GitLab, which it calls notes: docs.gitlab.com/api/notes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from ..errors import SettingsError
from ..history.ci import value_at
from .comments import Comment
from .rest import Answer, Method, RestClient, Uncertain

SERVICE = "GitLab CI"
LONGEST = 1_000_000
TOKENS = ("OPML_COMMENT_TOKEN", "GITLAB_TOKEN")

PUBLIC = "https://gitlab.com/api/v4"
_PROJECT = re.compile(r"[0-9]{1,18}|[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+")


class GitLab:
    """The comments of one merge request.

    Args:
        project: that it is to be merged into: its number or its path.
        number: of the merge request within the project.
        token: that may write notes: a personal, group or project access token with the scope ``api``.
        address: of the server's REST interface.
        sleep: waits so many seconds.
        page: address of the project's pages, for links; may be empty.

    Raises:
        SettingsError: the project has no such name, or the token cannot be one.
    """

    longest = LONGEST

    def __init__(
        self,
        project: str,
        number: int,
        token: str,
        address: str = PUBLIC,
        sleep: Callable[[float], None] = time.sleep,
        page: str = "",
    ) -> None:
        if not _PROJECT.fullmatch(project):
            raise SettingsError(
                f"--gitlab: {project[:100]!r} is no project: write its path, such as group/name, or its number"
            )
        self.described = f"merge request {number} of {project}"
        headers = {"PRIVATE-TOKEN": token, "Accept": "application/json", "User-Agent": "pytest-opml"}
        self._client = RestClient(address, headers, token, sleep)
        self._list = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
        self._page = f"{page}/-/merge_requests/{number}#note_" if page else ""

    def author(self) -> str:
        """Return the name of the user that the token is of.

        Raises:
            SettingsError: the server refuses.
            StorageError: it does not answer.
        """
        answer = self._client.send("GET", "/user")
        name = value_at(answer.document, "username")
        if answer.status != 200 or not name:
            self._refuse(answer)
        return name

    def comments(self) -> list[Comment]:
        """Return all notes that people and tokens wrote; raises as ``author``."""
        comments = []
        first = f"{self._list}?per_page=100&sort=asc&order_by=created_at"
        for page in self._client.pages(first, lambda answer: _next_page(first, answer)):
            if page.status != 200 or not isinstance(page.document, list):
                self._refuse(page)
            comments += [self._comment(entry) for entry in page.document if not _is_system(entry)]
        return comments

    def create(self, body: str) -> Comment:
        """Write a note; raises as ``author``, and ``Uncertain``."""
        return self._comment(self._write("POST", self._list, body).document)

    def update(self, number: int, body: str) -> None:
        """Change the text of a note; raises as ``author``, and ``Uncertain`` where it is gone."""
        self._write("PUT", f"{self._list}/{number}", body)

    def delete(self, number: int) -> None:
        """Delete a note, which may be gone already; raises as ``author``."""
        answer = self._client.send("DELETE", f"{self._list}/{number}")
        if answer.status not in (200, 202, 204, 404):
            self._refuse(answer)

    def _write(self, method: Method, path: str, body: str) -> Answer:
        answer = self._client.send(method, path, {"body": body})
        if method == "PUT" and answer.status == 404:
            raise Uncertain(f"{self.described}: the note is gone, or the token may not change it")
        if answer.status not in (200, 201):
            self._refuse(answer)
        return answer

    def _refuse(self, answer: Answer) -> NoReturn:
        advice = {
            401: f"the token is wrong or expired: give a valid one in {TOKENS[1]} (CI_JOB_TOKEN cannot write notes)",
            403: "the token may not write notes: it needs the scope api, and the role Reporter or a higher one; in a "
            "locked discussion only members of the project write, and in an archived project nobody does",
            404: "there is no such merge request, or the token may not see it",
            400: "it takes no such text",
            422: "it takes no such text",
        }.get(answer.status, "the server at this address may not be GitLab's REST interface")
        raise SettingsError(f"{self.described}: GitLab refuses ({self._client.said_of(answer)}): {advice}")

    def _comment(self, entry: Any) -> Comment:
        number = value_at(entry, "id") or ""
        if not number.isdecimal():
            raise SettingsError("the answer holds no note: the server may not be GitLab's REST interface")
        author, body = value_at(entry, "author", "username") or "", value_at(entry, "body") or ""
        return Comment(int(number), author, body, f"{self._page}{number}" if self._page else "")


def request_number(job: Mapping[str, str]) -> int | None:
    """Return the number of the merge request that a job is for; None where it is for none.

    Args:
        job: its environment.
    """
    number = job.get("CI_MERGE_REQUEST_IID", "")
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else None


def _is_system(entry: Any) -> bool:
    """Tell whether a note is one that GitLab wrote itself, such as of a label that was added."""
    return isinstance(entry, dict) and entry.get("system") is True


def _next_page(first: str, answer: Answer) -> str:
    """Return the path of the next page: by its number, or by the link where the server gives no numbers."""
    number = answer.headers.get("x-next-page")
    if number is None:
        return answer.next_url
    return f"{first}&page={number}" if re.fullmatch("[0-9]{1,9}", number) else ""
