"""What a user may name as baseline, and the result of a case that it stands for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from ..domain.records import Baseline
from ..errors import SettingsError
from .base import History, Order, Query
from .git import resolve
from .memory import MemoryHistory

Kind = Literal["last", "best", "release", "branch", "commit", "file"]
_KEYWORDS: tuple[Kind, ...] = ("last", "best", "release")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 200  # of the newest runs, whose branches are listed where a name is unknown


class Selector(NamedTuple):
    """What stands for a baseline.

    Attributes:
        text: as the user wrote it; of a commit, what it was taken for.
        record: of a file, the history of its one run.
    """

    kind: Kind
    text: str
    record: History | None = None

    def __str__(self) -> str:
        return self.text if self.kind in (*_KEYWORDS, "file") else f"{self.kind} {self.text}"

    @property
    def query(self) -> Query:
        """The runs that it means."""
        return Query(
            branch=self.text if self.kind == "branch" else None,
            commit=self.text if self.kind == "commit" else None,
            released=self.kind == "release",
        )

    @property
    def order(self) -> Order:
        """Which of their results."""
        return "best" if self.kind == "best" else "newest"


LAST = Selector("last", "last")


def select(text: str, history: History | None, root: Path) -> Selector:
    """What a user's text stands for: a keyword, a file, a branch of the history, a commit, in this order.

    Args:
        text: ``last``, ``best``, ``release``, the path of a record, a branch, or what git or the history takes for a
            commit: a hash or its beginning, a tag, ``HEAD~2``.
        history: None for none.
        root: a folder of the user's repository.

    Raises:
        SettingsError: it is none of these.
        StorageError: the file is no record, or the history cannot be read.
    """
    if text in _KEYWORDS:
        return Selector(text, text)
    path = Path(text).expanduser()
    if path.suffix == ".json" or path.is_file():
        from .files import read_record

        return Selector("file", text, MemoryHistory([read_record(path)], str(path)))
    if history is None:
        raise SettingsError(f"baseline {text!r}: no history (store = none); give the file of a record")
    if history.summaries(Query(branch=text), 1) or not history.summaries(Query(), 1):
        return Selector("branch", text)
    if commit := resolve(root, text):
        return Selector("commit", commit)
    if _HASH.fullmatch(text):
        found = sorted({run.commit for run in history.summaries(Query(commit=text), _LISTED) if run.commit})
        if len(found) > 1:
            raise SettingsError(f"baseline {text!r}: begins more than one commit: {', '.join(found)}")
        if found:
            return Selector("commit", found[0])
    newest = history.summaries(Query(), _LISTED)
    branches = sorted({run.branch for run in newest if run.branch})
    raise SettingsError(
        f"baseline {text!r}: no branch or commit of the history, no commit of this repository, no file; "
        f"known: {', '.join([*_KEYWORDS, *branches])}"
    )


def baseline_of(selector: Selector, history: History | None, case_id: str, profile: str) -> Baseline | None:
    """The result of a case on a kind of hardware that a selector stands for, as it was stored; None for none.

    Raises:
        StorageError: the history cannot be read, or what it holds is no valid record.
    """
    source = selector.record or history
    found = source and source.find(selector.query._replace(cases=(case_id,), profile=profile), selector.order)
    if not found:
        return None
    (result,) = found.run.results
    return Baseline(
        name=str(selector),
        run_id=found.run.run_id,
        started=found.run.started,
        commit=found.run.commit,
        device=found.run.device,
        result=result,
    )
