"""Names of runs as users write them: a keyword, a file, the label of a release, a branch, a commit, an id."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import SettingsError, StorageError
from ..records.run import Baseline, Commit, RunRecord
from .base import History, Order, Query, Summary
from .git import merge_base, read_commit, resolve, target_branch
from .memory import MemoryHistory
from .record_files import read_record

Kind = Literal["accepted", "last", "best", "release", "branch", "commit", "run", "file"]
_KEYWORDS: tuple[Kind, ...] = ("last", "best", "release")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 200  # of the newest runs, whose branches are listed where a name is unknown


class Selector(NamedTuple):
    """What a user's text stands for: one run, or the runs of a keyword, a branch or a commit.

    Attributes:
        text: as the user wrote it; of a commit, what it was taken for; of the accepted runs, their branch.
        record: a history of that one run, for a file, a run or a labelled release; None for the others.
        other_than: the commit that an accepted run must not be of; None for any.
    """

    kind: Kind
    text: str
    record: History | None = None
    other_than: str | None = None

    def __str__(self) -> str:
        if self.kind == "accepted":
            return f"the newest accepted run{f' of {self.text}' if self.text else ''}"
        return self.text if self.kind in (*_KEYWORDS, "file") else f"{self.kind} {self.text}"

    @property
    def query(self) -> Query:
        """The query for its runs."""
        return Query(
            branch=(self.text or None) if self.kind in ("branch", "accepted") else None,
            commit=self.text if self.kind == "commit" else None,
            released=self.kind == "release",
            accepted=self.kind == "accepted",
            other_than=self.other_than,
        )

    @property
    def order(self) -> Order:
        """Which of the results in its runs comes first."""
        return "best" if self.kind == "best" else "newest"


MERGE_BASE = "merge-base"


def default_selector(root: Path, commit: Commit | None) -> Selector:
    """Return what a run is compared with where nobody says so: the newest accepted run of the target branch.

    It is of another commit, unless files were changed: then the commit itself may be what the changes are compared
    with. Without git it is the newest accepted run.

    Args:
        root: a folder of the user's repository.
        commit: that is checked out; None where that is not known.
    """
    same = commit.commit if commit and not commit.dirty else None
    return Selector("accepted", target_branch(root, commit) or "", other_than=same)


def explain_choice(selector: Selector, history: History | None) -> str:
    """Say which run a default selector comes to, and which newer runs were passed over and why.

    Args:
        selector: what ``default_selector`` returned.
        history: None for none.

    Raises:
        StorageError: the history cannot be read.
    """
    runs = history.summaries(Query(), _LISTED) if history else []
    chosen = next(iter(history.summaries(selector.query, 1)), None) if history else None
    if chosen:
        commit = f", commit {chosen.commit[:10]}" if chosen.commit else ""
        text = f"{selector}: run {chosen.run_id[:12]} of {chosen.started:%Y-%m-%d %H:%M}{commit}"
    else:
        text = f"no run{f' of {selector.text}' if selector.text else ''} was accepted yet"
    newer = takewhile(lambda run: run != chosen, runs)
    passed_over = Counter(reason for run in newer if (reason := _reason_against(run, selector)))
    if not passed_over:
        return text
    counts = ", ".join(f"{count} that {reason}" for reason, count in passed_over.most_common())
    return f"{text}; passed over: {counts}"


def _reason_against(run: Summary, selector: Selector) -> str:
    """Say why a run is not the baseline; empty where it may be."""
    if selector.text and run.branch != selector.text:
        return "is of another branch"
    if run.rejected_for:
        return run.rejected_for
    if run.dirty:
        return "had changed files"
    return "is of this commit" if selector.other_than and run.commit == selector.other_than else ""


def is_file(text: str) -> bool:
    """Tell whether a text is the path of a record."""
    try:
        return text.endswith(".json") or Path(text).is_file()
    except OSError:  # it is longer than a name can be
        return False


def select(text: str, history: History | None, root: Path) -> Selector:
    """Return what a user's text stands for: a keyword, a file, the label of a release, a branch, a commit, a run.

    Args:
        text: ``last``, ``best``, ``release``, ``merge-base``, the path of a record, what a release was called, a
            branch, or what git or the history takes for a commit: a hash or its beginning, a tag, ``HEAD~2``; or the
            id of a run, or its beginning. The first that it can be counts.
        history: None for none.
        root: a folder of the user's repository.

    Raises:
        SettingsError: it is none of these.
        StorageError: the file is no record, or the history cannot be read.
    """
    if text in _KEYWORDS:
        return Selector(text, text)
    if text == MERGE_BASE:
        return _select_merge_base(root)
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
        f"known: {', '.join([*_KEYWORDS, MERGE_BASE, *branches])}"
    )


def _select_merge_base(root: Path) -> Selector:
    branch = target_branch(root, read_commit(root))
    commit = merge_base(root, branch) if branch else None
    if commit is None:
        where = f"of this commit and {branch}" if branch else "without git"
        raise SettingsError(f"{MERGE_BASE!r}: none {where} is known; fetch the whole history, or name a commit")
    return Selector("commit", commit)


def run_of(text: str, history: History | None, root: Path) -> RunRecord:
    """Return the run of a user's text: that of an id or of its beginning, or the newest of those that ``select`` finds.

    ``last`` is the run of ``History.last_added``, which is the one that was just measured whatever its commit.

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
    if selector.kind == "last" and history is not None:
        last = history.last_added()
        if last is None:
            raise StorageError("the history holds no run yet: run pytest first, or give the record of a run")
        return last
    if selector.kind == "best":
        raise SettingsError("'best' is the result of a case, and no run; known: last, release, a branch, commit or id")
    source = selector.record or history
    runs = source.newest(selector.query, 1) if source else []
    if not runs:
        raise StorageError(f"the history holds no run of {selector}")
    return runs[0]


def baseline_of(
    selector: Selector, history: History | None, case_id: str, profile: str, *, before: RunRecord | None = None
) -> Baseline | None:
    """Return the stored result of a case on a kind of hardware that a selector stands for; None where there is none.

    Args:
        selector: what is asked for.
        history: None for none.
        case_id: of the case.
        profile: the kind of hardware.
        before: only runs that are older than this one, or began before it where the history does not hold it; the one
            run of a file, an id or a label is taken as it is.

    Raises:
        StorageError: the history cannot be read, or what it holds is no valid record.
    """
    source = selector.record or history
    query = selector.query._replace(cases=(case_id,), profile=profile)
    if before and source and not selector.record:
        is_there = source.known([before.run_id])
        query = query._replace(**{"older_than": before.run_id} if is_there else {"before": before.started})
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
