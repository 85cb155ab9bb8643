"""The pytest plugin: its hooks delegate to the session.

pytest imports this module in every run of every project that has it installed, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from . import hookspecs, registry
from .errors import CaseFailed, OpmlError

if TYPE_CHECKING:
    from .domain.case import Case
    from .domain.gate import Budget
    from .domain.records import Result, RunRecord
    from .session import Limits, Session


class _State(NamedTuple):
    """What the hooks hand to one another during a run."""

    session: Session
    other_failures: list[str]


class _Ending(NamedTuple):
    """The record of the run, and one line for each place that it could not be written to."""

    record: RunRecord
    problems: list[str]


_STATE = pytest.StashKey[_State]()
_ENDING = pytest.StashKey[_Ending]()
_CASES = pytest.StashKey["list[Case]"]()
_USAGE_ERRORS = pytest.StashKey["list[str]"]()

_OPTIONS = (
    ("gpu", "PROFILE", "device to run on: auto, cpu, or the kind that must be there: v100, t4, a100, h100, ..."),
    ("json", "PATH", "write the record of the run to PATH"),
    ("store", "URL", "SQLAlchemy URL of the history, or none (default: sqlite:///.opml/history.db)"),
    ("cache-dir", "DIR", "where trained models and artifacts are kept (default: the user's cache folder)"),
    ("data-dir", "DIR", "where data sets lie that are not shipped with a package"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("opml", "benchmark and gate deep-learning models (pytest-opml)")
    for name, metavar, text in _OPTIONS:
        group.addoption(f"--opml-{name}", metavar=metavar, default=None, help=text)
    group.addoption("--opml-timeout", metavar="S", type=float, help="seconds that one case may take (default: 1800)")
    group.addoption("--opml-memory-mb", metavar="MB", type=float, help="resident memory that one case may take")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and let others register what they have."""
    config.addinivalue_line(
        "markers",
        "opml(gate={...}, timeout=S): budgets and a time limit for the cases of this test; set on each test that uses "
        "the fixture `opml`, so `-m opml` selects them",
    )
    config.stash[_USAGE_ERRORS] = []
    try:
        config.hook.pytest_opml_register(register=registry.register)
    except ValueError as error:
        raise pytest.UsageError(f"pytest_opml_register: {error}") from None


# --- collection: bench_*.py and bench_* functions, where their file or folder is named on the command line


class BenchModule(pytest.Module):
    """A ``bench_*.py`` file: ``bench_*`` functions are collected beside what pytest collects anyway."""

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a test."""
        return name.startswith("bench_") or super().funcnamefilter(name)


def _is_named(config: pytest.Config, path: Path) -> bool:
    """Whether the command line names the file or a folder above it, other than the project as a whole."""
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return False
    named = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    return any(
        path == name or (name in path.parents and name not in (config.rootpath, *config.rootpath.parents))
        for name in named
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect ``bench_*.py`` files that pytest would pass over."""
    if file_path.suffix != ".py" or not file_path.name.startswith("bench_"):
        return None
    by_pytest = parent.session.isinitpath(file_path) or any(
        file_path.match(pattern) for pattern in parent.config.getini("python_files")
    )
    if by_pytest or not _is_named(parent.config, file_path):
        return None
    return BenchModule.from_parent(parent, path=file_path)


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
        node.config.stash[_USAGE_ERRORS].append(str(error))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that uses the fixture, before `-m` selects."""
    if "opml" in getattr(item, "fixturenames", ()):
        item.add_marker("opml")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Get ready if any of the selected tests uses the fixture."""
    ours = [item for item in items if "opml" in getattr(item, "fixturenames", ())]
    if not ours or config.option.collectonly or session.testsfailed:
        return
    if hasattr(config, "workerinput"):
        raise pytest.UsageError("pytest-opml times models and cannot share the machine with itself: run without xdist")
    from .session import Session
    from .settings import build_settings, read_pyproject

    names = ("gpu", "json", "store", "cache_dir", "data_dir", "timeout", "memory_mb")
    options = {name: getattr(config.option, f"opml_{name}") for name in names}
    try:
        settings = build_settings(read_pyproject(config.rootpath / "pyproject.toml"), options, config.rootpath)
        config.stash[_STATE] = _State(Session(settings, config.rootpath), [])
        for item in ours:
            _limits(item)
    except OpmlError as error:
        raise pytest.UsageError(str(error)) from None


# --- running


def _limits(item: pytest.Item) -> Limits:
    """What the markers of a test say; the closest marker wins."""
    from .domain.gate import parse_budgets
    from .errors import SettingsError
    from .session import Limits

    budgets: list[Budget] = []
    timeout = None
    for marker in reversed(list(item.iter_markers("opml"))):
        where = f"marker opml on {item.name}"
        unknown = set(marker.kwargs) - {"gate", "timeout"}
        if marker.args or unknown:
            shown = ", ".join(sorted(unknown)) or "a positional argument"
            raise SettingsError(f"{where}: unknown {shown}; known: gate, timeout")
        budgets += parse_budgets(marker.kwargs.get("gate", {}), f"{where}: gate")
        timeout = marker.kwargs.get("timeout", timeout)
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0):
            raise SettingsError(f"{where}: timeout must be a positive number of seconds, not {timeout!r}")
    return Limits(tuple(budgets), timeout)


@pytest.fixture
def opml(request: pytest.FixtureRequest) -> Callable[[Case], Result]:
    """Call it with a case to train or load, optimise and measure it; its budgets are checked after the test's body."""
    item, config = request.node, request.config
    session = config.stash[_STATE].session
    cases = item.stash.setdefault(_CASES, [])

    def run(case: Case) -> Result:
        cases.append(case)
        result = session.run(case, _limits(item))
        config.hook.pytest_opml_result(config=config, result=result)
        return result

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Check the budgets of the cases that a test measured, also where the test itself fails."""
    __tracebackhide__ = True
    try:
        yield
    finally:
        broken = _broken_budgets(item)
    if broken:
        pytest.fail("\n".join(["budget broken", *broken]), pytrace=False)


def _broken_budgets(item: pytest.Item) -> list[str]:
    if _CASES not in item.stash:
        return []
    from .domain.gate import breach_line

    session = item.config.stash[_STATE].session
    checks = [check for case in item.stash[_CASES] for check in session.judge(case, _limits(item))]
    return [breach_line(check) for check in checks if check.verdict == "fail"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show our own errors as one line; tell the failures of tests from cases that have no result."""
    report = yield
    if report.failed and _STATE in item.config.stash:
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, CaseFailed):
            report.longrepr = f"{error.kind}: {error}"
        else:
            item.config.stash[_STATE].other_failures.append(report.nodeid)
    return report


# --- the end


def _interrupted(exitstatus: int) -> bool:
    return exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the record and settle the exit code."""
    config = session.config
    if config.stash[_USAGE_ERRORS]:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    if _STATE not in config.stash:
        return
    from .session import BROKEN, exit_code

    state = config.stash[_STATE]
    record = state.session.record()
    config.hook.pytest_opml_record(config=config, record=record)
    problems = state.session.write(record) if record.results or record.failures else []
    state.session.close()
    config.stash[_ENDING] = _Ending(record, problems)
    if not _interrupted(exitstatus) and not config.stash[_USAGE_ERRORS]:
        session.exitstatus = BROKEN if state.other_failures else exit_code(record, problems)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the ranking and the checks."""
    if _ENDING not in config.stash:
        return
    from .reports.terminal import check_lines, ranking_lines

    record, problems = config.stash[_ENDING]
    if not (record.results or record.failures):
        return
    write, width = terminalreporter.write_line, terminalreporter._tw.fullwidth
    terminalreporter.section("opml")
    for line in [*ranking_lines(record, width), *check_lines(record)]:
        write(line)
    for problem in problems:
        write(f"not written: {problem}", red=True)
