"""Sites for tests: runs to build them from, and what a reader sees of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.base import History
from pytest_opml.records.result import Result
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.site.build import Built, SiteOptions, build_site
from pytest_opml.reports.site.files import read_script
from tests.support.builders import make_result, make_run
from tests.support.history_runs import START, commit_of
from tests.support.pages import gate_of

GATE = gate_of({"accuracy": {"min": 0.88}, "size_mb": {"max": 5}})


def site_run(number: int, results: Sequence[Result] | None = None, **fields: Any) -> RunRecord:
    """A run of two cases, hours after the one before, of which the first is too large."""
    results = results or [make_result(inference_s=10 + number % 3), make_result("int8", size_mb=4.0)]
    own = {
        "run_id": f"run-{number:03d}",
        "started": START + timedelta(hours=number),
        "commit": commit_of(f"{number % 16:x}", "main" if number % 4 else "topic"),
        "profile": "cpu",
    }
    run = make_run(results, **own | fields)
    return run.model_copy(update={"checks": judge_run(run, GATE)})


def build(folder: Path, history: History, **options: Any) -> Built:
    return build_site(folder, history, SiteOptions(**options))


def data_files(folder: Path) -> dict[str, bytes]:
    """The data of a site by the path below its generation, and the index."""
    files = {}
    for path in (folder / "data").rglob("*.js"):
        name = path.relative_to(folder / "data").as_posix()
        files[name.partition("/")[2] or name] = path.read_bytes()
    return files


def read_index(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = read_script(folder / "data", "index")
    return index


def read_rows(folder: Path, series: int) -> list[list[Any]]:
    """The rows of a series that a page shows, from the oldest run to the newest."""
    index = read_index(folder)
    order = [number for first, last in index["order"] for number in range(first, last + 1)]
    rows: list[list[Any]] = []
    for segment in range(index["series"][series][2]):
        rows += read_script(folder / "data", f"{index['data']}/series/{series}/{segment}")
    return sorted((row for row in rows if row[0] in order), key=lambda row: order.index(row[0]))


def view(folder: Path) -> dict[str, Any]:
    """What a reader sees, with the ids of runs in the place of their numbers."""
    index = read_index(folder)
    order = [number for first, last in index["order"] for number in range(first, last + 1)]
    listed: dict[int, list[Any]] = {}
    for segment in range(len(index["lists"])):
        rows = read_script(folder / "data", f"{index['data']}/list/{segment}")
        listed |= {row[0]: row[1:] for row in rows if row[0] in order}
    ids = {number: row[0] for number, row in listed.items()}
    branches = index["branches"]
    series = {}
    for at, row in enumerate(index["series"]):
        if row is None:
            continue
        case, profile, _, badge, newest, change, spark, metric, views, step = row
        facts = read_script(folder / "data", f"{index['data']}/series/{at}/facts")
        steps = {
            name: [[*(ids.get(run) for run in one[:3]), *one[3:]] for one in all_]
            for name, all_ in facts["steps"].items()
        }
        series[index["cases"][case], profile] = {
            "badge": (folder / "badges" / badge).read_text("utf-8"),
            "newest": [ids[newest[0]], *newest[1:]],
            "change": change,
            "metric": index["metrics"][metric][0],
            "spark": spark,
            "views": {branches[branch]: [ids[one[0]], *rest] for branch, one, *rest in views},
            "step": step and [ids[step[0]], step[1]],
            "rows": [[ids[one[0]], *one[1:]] for one in read_rows(folder, at)],
            "facts": {"steps": steps, "budgets": facts["budgets"], "run": ids.get(facts["budgets_run"])},
        }
    runs = {}
    for number in order:
        document = read_script(folder / "data", f"{index['data']}/runs/{number // 1000}/{number}")
        named = {index["cases"][index["series"][row[0]][0]]: row[1:] for row in document["results"]}
        branch = branches[listed[number][3]]
        runs[ids[number]] = [
            *listed[number][:3],
            branch,
            *listed[number][4:],
            {**document, "run": None, "results": named, "failures": len(document["failures"])},
        ]
    releases = [[ids[one[0]], *one[1:]] for one in index["releases"]]
    return {"title": index["title"], "runs": runs, "order": list(runs), "series": series, "releases": releases}
