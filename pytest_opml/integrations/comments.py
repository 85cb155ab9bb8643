"""One comment on a request to merge, which each later run changes: never a second one.

A comment is ours where its text begins with our marker, and its author is who the token is of. A quotation of it begins
with ``>``, and a comment of somebody else has another author.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, Protocol

from ..errors import SettingsError
from .rest import Uncertain

Change = Literal["created", "updated", "unchanged"]

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]|-(?!-))*")
_LONGEST_NAME = 64
_PAUSES_S = (2.0, 4.0)  # before the second and the third try


class Comment(NamedTuple):
    """A comment on a request.

    Attributes:
        number: its id; a later one has a greater number.
        author: who wrote it; empty where the account is gone.
        url: of its place on the page of the request; may be empty.
    """

    number: int
    author: str
    body: str
    url: str = ""


class Forge(Protocol):
    """The comments of one request, as a server such as GitHub has them."""

    def author(self) -> str | None:
        """Return who the token is of; None where the server does not tell."""

    def comments(self) -> list[Comment]:
        """Return all comments, in any order."""

    def create(self, body: str) -> Comment:
        """Write a comment."""

    def update(self, number: int, body: str) -> None:
        """Change the text of a comment."""

    def delete(self, number: int) -> None:
        """Delete a comment; one that is gone already counts as deleted."""


class Outcome(NamedTuple):
    """What became of the comment.

    Attributes:
        change: to the one that is there now.
        url: of it; empty where the server does not tell.
        deleted: how many further ones of ours there were.
    """

    change: Change
    url: str
    deleted: int


def marker_of(name: str) -> str:
    """Return the line, hidden in what people see, that a comment of this name begins with.

    Raises:
        SettingsError: the name has letters that could end the line.
    """
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or name.endswith("-"):
        raise SettingsError(
            f"--name: {name[:100]!r} is no name of a comment: write up to {_LONGEST_NAME} letters, digits, dots, "
            "underscores and single hyphens"
        )
    return f"<!-- pytest-opml:{name} -->"


def name_of(text: str | None) -> str:
    """Return a name that ``marker_of`` takes for any text, such as that of a job; ``default`` where nothing is left."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", text or "")[:_LONGEST_NAME].strip("-._")
    return name or "default"


def post_comment(
    forge: Forge, marker: str, text: str, author: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> Outcome:
    """Leave exactly one comment of ours with this text: write it, or change the oldest and delete the others.

    Args:
        forge: has the comments.
        marker: of ours, as ``marker_of`` returns it.
        text: below the marker.
        author: of our comments; None for who the token is of.
        sleep: waits so many seconds.

    Raises:
        StorageError: the server does not answer.
        SettingsError: it refuses.
    """
    body, writer = f"{marker}\n{text}", author or forge.author()
    for pause in _PAUSES_S:
        with suppress(Uncertain):  # it may have been carried out all the same: look before the next try
            return _post_once(forge, marker, body, writer)
        sleep(pause)
    return _post_once(forge, marker, body, writer)


def _post_once(forge: Forge, marker: str, body: str, writer: str | None) -> Outcome:
    before = forge.comments()
    ours = _ours(before, marker, writer)
    if ours:
        return _united(forge, ours, body)
    created = forge.create(body)
    # Another job may have done the same at the same time; and the answer says for certain who we are.
    ours = _ours(forge.comments(), marker, created.author or writer)
    if all(comment.number != created.number for comment in ours):
        ours = sorted([*ours, created])
    oldest, *newer = ours
    if oldest.number == created.number:
        return _united(forge, ours, body)._replace(change="created")
    # Each job deletes its own: were it to delete those of all, 20 jobs would send hundreds of requests in a moment,
    # and servers limit them. Those that were there before are of jobs that have ended without doing so.
    ended = {comment.number for comment in before}
    return _united(forge, [oldest, *(one for one in newer if one.number in {created.number, *ended})], body)


def _ours(comments: Sequence[Comment], marker: str, writer: str | None) -> list[Comment]:
    """Return those of the comments that are ours, the oldest first."""
    return sorted(
        comment
        for comment in comments
        if writer and comment.author.lower() == writer.lower() and _begins_with(comment.body, marker)
    )


def _begins_with(body: str, marker: str) -> bool:
    return body.partition("\n")[0].rstrip() == marker


def _united(forge: Forge, ours: list[Comment], body: str) -> Outcome:
    """Give the oldest of our comments the text, and delete the others."""
    oldest, *others = ours
    is_same = _normal(oldest.body) == _normal(body)
    if not is_same:
        forge.update(oldest.number, body)
    for comment in others:
        forge.delete(comment.number)
    return Outcome("unchanged" if is_same else "updated", oldest.url, len(others))


def _normal(text: str) -> str:
    """Return a text without what servers change on their own: the ends of lines, and blanks at both ends."""
    return text.replace("\r\n", "\n").strip()
