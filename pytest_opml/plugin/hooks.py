"""The pytest plugin: its hooks delegate to the session.

pytest imports this module in every run of every project that has it installed, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .. import registry
from ..errors import CaseFailed, OpmlError
from . import benchmark, collection, hookspecs, options, xdist
from .collection import BenchModule, is_benchmark_file
from .fixtures import gpu_timer, opml, opml_artifact, opml_dataset, opml_device, opml_model
from .markers import test_overrides
from .progress_line import make_progress_line
from .stash import CASES, ENDING, STATE, USAGE_ERRORS, Ending, State, uses_opml

if TYPE_CHECKING:
    from ..records.run import RunRecord

# pytest finds fixtures by the names in this module.
__all__ = ["gpu_timer", "opml", "opml_artifact", "opml_dataset", "opml_device", "opml_model"]

_OPTIONS = (
    ("gpu", "PROFILE", "device to run on: auto, cpu, or the kind that must be there: v100, t4, a100, h100, ..."),
    ("json", "PATH", "write the record of the run to PATH"),
    ("store", "URL", "SQLAlchemy URL of the history, or none (default: sqlite:///.opml/history.db)"),
    (
        "baseline",
        "WHAT",
        "what to compare each case with: last, best, release, a branch, a commit, a run or the file of a record",
    ),
    ("mlflow", "URI", "log the run to the MLflow tracking store at URI, such as sqlite:///mlflow.db; or none"),
    ("cache-dir", "DIR", "where trained models and artifacts are kept (default: the user's cache folder)"),
    ("data-dir", "DIR", "where data sets lie that are not shipped with a package"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("opml", "benchmark and gate deep-learning models (pytest-opml)")
    for name, metavar, text in _OPTIONS:
        group.addoption(f"--opml-{name}", metavar=metavar, default=None, help=text)
    group.addoption(
        "--opml-gate",
        metavar="METRIC.RULE=VALUE",
        action="append",
        help="a budget for this run (op_score.max=1.5) or a term of the gate (confidence=0.99); repeatable",
    )
    group.addoption("--opml-threads", metavar="N", type=int, help="threads that a runtime may use (default: all cores)")
    group.addoption(
        "--opml-compare-seconds",
        metavar="S",
        type=float,
        help="seconds to time a case beside its reference, in each scenario (default: 3; 0: not at all)",
    )
    group.addoption("--opml-timeout", metavar="S", type=float, help="seconds that one case may take (default: 1800)")
    group.addoption("--opml-memory-mb", metavar="MB", type=float, help="resident memory that one case may take")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and let others register what they have."""
    config.addinivalue_line(
        "markers",
        "opml(case=..., gate={...}, timeout=S): the case that a test's fixtures are about, budgets and a time limit; "
        "set on each test that uses a fixture of pytest-opml, so `-m opml` selects them",
    )
    config.stash[USAGE_ERRORS] = []
    try:
        config.hook.pytest_opml_register(register=registry.register)
    except ValueError as error:
        raise pytest.UsageError(f"pytest_opml_register: {error}") from None


# --- collection: bench_*.py and bench_* functions, where their file or folder is named on the command line


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect ``bench_*.py`` files that pytest would pass over."""
    return BenchModule.from_parent(parent, path=file_path) if is_benchmark_file(file_path, parent) else None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Make ours of those that pytest collects itself."""
    if module_path.name.startswith("bench_"):
        return BenchModule.from_parent(parent, path=module_path)
    return None


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
) -> None:
    """Show our own errors in a module's body as one line, and remember that they are usage errors."""
    error = call.excinfo.value if call.excinfo else None
    if isinstance(report, pytest.CollectReport) and isinstance(error, OpmlError):
        report.longrepr = f"{node.nodeid}: {error}"
        node.config.stash[USAGE_ERRORS].append(str(error))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that uses a fixture of ours, before `-m` selects."""
    if uses_opml(item):
        item.add_marker("opml")
        benchmark.make_benchmark(item)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember the cases that the command line left out: a budget that names one of them has not lost it."""
    for item in items:
        collection.leave_out(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Get ready if any of the selected tests uses a fixture of ours."""
    ours = [item for item in items if uses_opml(item)]
    if not ours or config.option.collectonly or session.testsfailed:
        return
    from ..runner.session import Session

    live = make_progress_line(config, len(ours))
    try:
        settings = options.settings_of(config)
        plan = collection.plan(config, ours)
        opened = Session(settings, config.rootpath, live, shared=xdist.shared_folder(config), plan=plan)
        config.stash[STATE] = State(opened, live, any("opml" in getattr(item, "fixturenames", ()) for item in ours), [])
    except OpmlError as error:
        if not xdist.is_worker(config):
            raise pytest.UsageError(str(error)) from None
        # Raised in a worker of pytest-xdist it would only be seen to have died.
        config.stash[USAGE_ERRORS].append(str(error))
        items.clear()


# --- running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Check the budgets of the cases that a test measured, also where the test itself fails."""
    __tracebackhide__ = True
    try:
        yield
    finally:
        broken = _broken_budgets(item)
        benchmark.mark_unused(item)
        if STATE in item.config.stash and uses_opml(item):
            item.config.stash[STATE].live.finished()
    if broken:
        pytest.fail("\n".join(["budget broken", *broken]), pytrace=False)


def _broken_budgets(item: pytest.Item) -> list[str]:
    if CASES not in item.stash:
        return []
    from ..reports.terminal.verdicts import breach_line

    session = item.config.stash[STATE].session
    checks = [check for case in item.stash[CASES] for check in session.judge(case, test_overrides(item))]
    return [breach_line(check) for check in checks if check.verdict == "fail"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show our own errors as one line; tell the failures of tests from cases that have no result."""
    report = yield
    if report.failed and STATE in item.config.stash:
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, CaseFailed):
            report.longrepr = f"{error.kind}: {error}"
        elif isinstance(error, OpmlError):
            report.longrepr = f"{item.nodeid}: {error}"
            item.config.stash[USAGE_ERRORS].append(str(error))
        else:
            item.config.stash[STATE].other_failures.append(report.nodeid)
    return report


# --- other plugins


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Have pytest-benchmark warn where two runs were on machines with different GPUs or drivers."""
    machine_info["gpus"] = benchmark.describe_machine()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take over what a worker of pytest-xdist has measured."""
    xdist.take_over(node, error)


# --- the end


def _interrupted(exitstatus: int) -> bool:
    return exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the record and settle the exit code."""
    config = session.config
    state = config.stash.get(STATE, None)
    broken = bool(state and state.other_failures)
    if xdist.is_worker(config):
        xdist.hand_over(config)
    elif state and state.runs_cases:
        broken = _end(session, exitstatus, state.session.record(), broken=broken)
    elif taken := xdist.taken_over(config):
        broken = _end(session, exitstatus, taken.record, broken=taken.broken, problems=taken.problems)
    if config.stash[USAGE_ERRORS] and not broken:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def _end(
    session: pytest.Session, exitstatus: int, record: RunRecord, *, broken: bool, problems: tuple[str, ...] = ()
) -> bool:
    """Write the record and settle the exit code; whether the run is broken."""
    from ..gate.run_verdicts import drop_unreached_cases, judge_run
    from ..runner.outcome import BROKEN, exit_code, write

    config = session.config
    settings = options.settings_of(config)
    if session.shouldstop or session.shouldfail or _interrupted(exitstatus):
        record = drop_unreached_cases(record)
    record = record.model_copy(update={"checks": judge_run(record, settings.gate)})
    config.hook.pytest_opml_record(config=config, record=record)
    lines = [*problems]
    if record.results or record.failures:
        lines += write(record, settings)
    config.stash[ENDING] = Ending(record, lines)
    code = BROKEN if broken else exit_code(record, lines)
    if not _interrupted(exitstatus):
        session.exitstatus = code
    return code == BROKEN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the ranking and the checks."""
    for text in xdist.usage_errors(config):
        terminalreporter.write_line(f"ERROR: {text}", red=True)
    if ENDING not in config.stash:
        return
    from ..reports.terminal.comparison import comparison_lines
    from ..reports.terminal.ranking import device_lines, ranking_lines
    from ..reports.terminal.verdicts import best_lines, verdict_lines

    record, problems = config.stash[ENDING]
    if not (record.results or record.failures or record.checks or problems):
        return
    line, width = terminalreporter.write_line, terminalreporter._tw.fullwidth
    terminalreporter.section("opml")
    gate = options.settings_of(config).gate
    blocks = (
        device_lines(record, width),
        ranking_lines(record, width),
        best_lines(record, width),
        comparison_lines(record, width),
        verdict_lines(record, gate, width),
    )
    for number, block in enumerate(filter(None, blocks)):
        for text in [""] * (number > 0) + block:
            line(text)
    for problem in problems:
        line(f"not written: {problem}", red=True)
