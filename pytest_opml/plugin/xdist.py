"""pytest-xdist: its workers measure, one at a time on each device, and the controller reports.

A worker hands its part of the record to the controller when it ends. What one of them has measured lies in a folder of
the run, where the others find it: a reference is measured once, although many cases need it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .. import registry
from ..errors import CaseDefinitionError
from ..registry import Registration
from .settings_file import SettingsFile, adopt, chosen
from .stash import BENCH_FILES, STATE, USAGE_ERRORS, Measured


class _Inbox:
    """What has come from workers so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[str] = []
        self.failed_tests = 0
        self.problems: list[str] = []
        self.usage: list[str] = []
        self.metrics: set[Registration] = set()


_INBOX = pytest.StashKey[_Inbox]()


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for a controller."""
    return hasattr(config, "workerinput")


def shared_folder(config: pytest.Config) -> Path | None:
    """Where the workers of one run leave results for one another; None for a run of one process."""
    return _folder(config.workerinput) if is_worker(config) else None  # type: ignore[attr-defined]


def _folder(worker: Mapping[str, Any]) -> Path:
    from ..storage.locks import runtime_folder

    return runtime_folder() / f"run-{worker['testrunuid']}"


def hand_over(config: pytest.Config) -> None:
    """In a worker: give the controller what was measured."""
    # the controller reads no benchmarks, and needs the metrics of their files for its verdicts
    metrics = [tuple(entry) for entry in registry.registrations() if entry.kind == "metric"]
    files = list(map(str, config.stash.get(BENCH_FILES, ())))
    output: dict[str, Any] = {"usage": config.stash[USAGE_ERRORS], "metrics": metrics, "files": files}
    output["settings_file"] = None
    if STATE in config.stash:
        file = chosen(config)
        output["settings_file"] = (str(file.path) if file.path else None, str(file.root))
    if (state := config.stash.get(STATE, None)) and state.runs_cases:
        output |= {"record": state.session.record().model_dump_json(), "failed_tests": len(state.failed_tests)}
    config.workeroutput["opml"] = output  # type: ignore[attr-defined]


def take_over(node: Any, error: object) -> None:
    """In the controller: keep what a worker gives."""
    config: pytest.Config = node.config
    inbox = config.stash.setdefault(_INBOX, _Inbox(_folder(node.workerinput)))
    output = getattr(node, "workeroutput", {}).get("opml")
    if output is None:
        if error:
            inbox.problems.append(f"what the worker {node.gateway.id} of pytest-xdist measured: it died ({error})")
        return
    unheard = [text for text in output["usage"] if text not in inbox.usage]
    inbox.usage += unheard
    config.stash[USAGE_ERRORS] += unheard
    config.stash.setdefault(BENCH_FILES, []).extend(map(Path, output["files"]))
    inbox.metrics |= {Registration(*entry) for entry in output["metrics"]}
    if output["settings_file"] is not None:
        path, root = output["settings_file"]
        adopt(config, SettingsFile(Path(path) if path else None, Path(root)))
    if "record" in output:
        inbox.records.append(output["record"])
        inbox.failed_tests += output["failed_tests"]


def usage_errors(config: pytest.Config) -> list[str]:
    """In the controller: what workers found wrong with the input, once each."""
    inbox = config.stash.get(_INBOX, None)
    return inbox.usage if inbox else []


def taken_over(config: pytest.Config) -> Measured | None:
    """In the controller: all that workers gave; None where they had nothing of ours."""
    inbox = config.stash.get(_INBOX, None)
    if inbox is None:
        return None
    shutil.rmtree(inbox.folder, ignore_errors=True)
    if not inbox.records:
        return None
    from ..records.run import RunRecord, merge

    record = merge([RunRecord.model_validate_json(text) for text in inbox.records])
    return Measured(record, inbox.failed_tests, (*inbox.problems, *_adopted(inbox.metrics)))


def _adopted(metrics: Iterable[Registration]) -> Iterator[str]:
    """Make known what the workers have registered; a line for each metric whose budgets cannot be judged here."""
    for entry in sorted(metrics, key=lambda entry: entry.name):
        if reason := _reason_against(entry):
            yield f"the verdicts on the metric {entry.name}: {reason}"


def _reason_against(entry: Registration) -> str:
    """Why a metric cannot be made known here; empty where it now is."""
    try:
        registry.adopt([entry])
        registry.get(entry.kind, entry.name)
    except CaseDefinitionError as error:
        return str(error)
    return ""
