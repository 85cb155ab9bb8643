"""A finding of the examination of a machine and a project."""

from __future__ import annotations

from typing import Literal, NamedTuple

# A note is about what a run does without; a problem stops a run, or makes it something else than was wanted.
State = Literal["ok", "note", "problem"]


class Finding(NamedTuple):
    """One thing that was looked at, and its state.

    Attributes:
        topic: what it belongs to, such as ``devices``.
        name: what was looked at.
        text: what it is like, in one line.
        remedy: what to do about it; of a problem always, of a note where there is something to do.
    """

    topic: str
    name: str
    state: State
    text: str
    remedy: str = ""
