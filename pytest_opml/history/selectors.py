"""Names of runs as users write them: a keyword, a file, the label of a release, a branch, a commit, an id."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import SettingsError, StorageError
from ..records.run import Baseline, RunRecord
from .base import History, Order, Query
from .git import resolve
from .memory import MemoryHistory
from .record_files import read_record

Kind = Literal["last", "best", "release", "branch", "commit", "run", "file"]
_KEYWORDS: tuple[Kind, ...] = ("last", "best", "release")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 200  # of the newest runs, whose branches are listed where a name is unknown


class Selector(NamedTuple):
    """What a user's text stands for: one run, or the runs of a keyword, a branch or a commit.

    Attributes:
        text: as the user wrote it; of a commit, what it was taken for.
        record: a history of that one run, for a file, a run or a labelled release; None for the others.
    """

    kind: Kind
    text: str
    record: History | None = None

    def __str__(self) -> str:
        return self.text if self.kind in (*_KEYWORDS, "file") else f"{self.kind} {self.text}"

    @property
    def query(self) -> Query:
        """The query for its runs."""
        return Query(
            branch=self.text if self.kind == "branch" else None,
            commit=self.text if self.kind == "commit" else None,
            released=self.kind == "release",
        )

    @property
    def order(self) -> Order:
        """Which of the results in its runs comes first."""
        return "best" if self.kind == "best" else "newest"


LAST = Selector("last", "last")


def is_file(text: str) -> bool:
    """Tell whether a text is the path of a record."""
    try:
        return text.endswith(".json") or Path(text).is_file()
    except OSError:  # it is longer than a name can be
        return False


def select(text: str, history: History | None, root: Path) -> Selector:
    """Return what a user's text stands for: a keyword, a file, the label of a release, a branch, a commit, a run.

    Args:
        text: ``last``, ``best``, ``release``, the path of a record, what a release was called, a branch, or what git or
            the history takes for a commit: a hash or its beginning, a tag, ``HEAD~2``; or the id of a run, or its
            beginning. The first that it can be counts.
        history: None for none.
        root: a folder of the user's repository.

    Raises:
        SettingsError: it is none of these.
        StorageError: the file is no record, or the history cannot be read.
    """
    if text in _KEYWORDS:
        return Selector(text, text)
    if is_file(text):
        return Selector("file", text, MemoryHistory([read_record(Path(text))], text))
    if history is None:
        raise SettingsError(f"{text!r}: no history (store = none); give the file of a record")
    if labelled := [release for release in history.releases() if text and release.label == text]:
        alone = MemoryHistory([history.run(labelled[0].run_id)], text)
        alone.promote(labelled[0])
        return Selector("release", text, alone)
    if history.summaries(Query(branch=text), 1) or not history.summaries(Query(), 1):
        return Selector("branch", text)
    if commit := resolve(root, text):
        return Selector("commit", commit)
    if _HASH.fullmatch(text):
        commits = sorted({run.commit for run in history.summaries(Query(commit=text), _LISTED) if run.commit})
        if len(commits) > 1:
            raise SettingsError(f"{text!r}: begins more than one commit: {', '.join(commits)}")
        if commits:
            return Selector("commit", commits[0])
    with suppress(StorageError):  # of no run, or of many, is said below
        return Selector("run", text, MemoryHistory([history.run(text)], text))
    newest = history.summaries(Query(), _LISTED)
    branches = sorted({run.branch for run in newest if run.branch})
    raise SettingsError(
        f"{text!r}: no branch, commit or run of the history, no commit of this repository, no file; "
        f"known: {', '.join([*_KEYWORDS, *branches])}"
    )


def run_of(text: str, history: History | None, root: Path) -> RunRecord:
    """Return the run of a user's text: that of an id or of its beginning, or the newest of those that ``select`` finds.

    Args:
        text: an id or its beginning, or what ``select`` takes, but ``best``.
        history: None for none.
        root: a folder of the user's repository.

    Raises:
        SettingsError: nothing is called so.
        StorageError: there is no such run, or it cannot be read.
    """
    if not text:
        # Every id begins so: a script's empty variable would promote whatever run there is.
        raise SettingsError("'' names no run; known: last, release, a branch, a commit, an id or its beginning, a file")
    if history is not None and text not in _KEYWORDS and not is_file(text):
        try:
            return history.run(text)
        except StorageError as no_run:
            try:
                selector = select(text, history, root)
            except SettingsError:
                raise no_run from None
    else:
        selector = select(text, history, root)
    if selector.kind == "best":
        raise SettingsError("'best' is the result of a case, and no run; known: last, release, a branch, commit or id")
    source = selector.record or history
    runs = source.newest(selector.query, 1) if source else []
    if not runs:
        raise StorageError(f"the history holds no run of {selector}")
    return runs[0]


def baseline_of(
    selector: Selector, history: History | None, case_id: str, profile: str, *, before: datetime | None = None
) -> Baseline | None:
    """Return the stored result of a case on a kind of hardware that a selector stands for; None where there is none.

    Args:
        selector: what is asked for.
        history: None for none.
        case_id: of the case.
        profile: the kind of hardware.
        before: only runs that began before this moment; the one run of a file, an id or a label is taken as it is.

    Raises:
        StorageError: the history cannot be read, or what it holds is no valid record.
    """
    source = selector.record or history
    if selector.record:
        before = None
    query = selector.query._replace(cases=(case_id,), profile=profile, before=before)
    stored = source and source.find(query, selector.order)
    if not stored:
        return None
    (result,) = stored.run.results
    return Baseline(
        name=str(selector),
        run_id=stored.run.run_id,
        started=stored.run.started,
        commit=stored.run.commit,
        device=result.device,
        result=result,
    )
