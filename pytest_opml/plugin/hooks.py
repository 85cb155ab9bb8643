"""The hooks of pytest and of other plugins that are called here; each delegates.

pytest imports this module in every run of every project that has it installed, so it imports nothing heavy, and what
only benchmarks need where they need it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from .. import registry
from ..errors import OpmlError
from ..printable import printable
from . import collection, hookspecs
from .fixtures import gpu_timer, opml, opml_artifact, opml_dataset, opml_device, opml_gpu, opml_model
from .settings_file import let_import_near, use_sections_near
from .stash import BENCH_FILES, FIXTURES, SIGNALS, STATE, USAGE_ERRORS, is_concerned, uses_opml

# pytest finds fixtures by the names in this module.
__all__ = ["gpu_timer", "opml", "opml_artifact", "opml_dataset", "opml_device", "opml_gpu", "opml_model"]

_MARKER = (
    "opml(case=..., gate={...}, timeout=S, search={...}): the case that a test's fixtures are about, budgets, a time "
    "limit, and chains of techniques to find the best of; "
    "set on each test that uses a fixture of pytest-opml, so `-m opml` selects them"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    from .options import add_options

    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Let the cases that a ``conftest.py`` builds take from the settings what these say of their models."""
    folder = early_config.invocation_params.dir
    named = (folder / text.partition("::")[0] for text in early_config.known_args_namespace.file_or_dir)
    use_sections_near(early_config, next((path for path in named if path.exists()), folder))


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and let others register what they have."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[USAGE_ERRORS] = []
    try:
        config.hook.pytest_opml_register(register=registry.register)
    except ValueError as error:
        from .exit_code import refusal

        raise refusal(f"pytest_opml_register: {error}") from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Forget what the settings of the run say of models, and handle signals as before."""
    registry.use_sections(dict)
    if SIGNALS in config.stash:
        config.stash[SIGNALS].restore()


@pytest.hookimpl(tryfirst=True)  # which puts it last, below the folder that pytest takes for the root
def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the file of the settings, where the command line names benchmarks."""
    if config.args_source != pytest.Config.ArgsSource.ARGS:
        return None
    from .settings_file import header

    return header(config)


# --- collection: bench_*.py and bench_* functions, where their file or folder is named on the command line


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect ``bench_*.py`` files that pytest would pass over."""
    if not collection.is_benchmark_file(file_path, parent):
        return None
    return collection.BenchModule.from_parent(parent, path=file_path)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Make ours of those that pytest collects itself."""
    if not module_path.name.startswith("bench_"):
        return None
    return collection.BenchModule.from_parent(parent, path=module_path)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Remember the files of benchmarks: where none of them gives a test, the exit code is still ours to explain.

    The cases that a file builds take from the settings nearest to it what these say of their models.
    """
    if isinstance(collector, pytest.Module):
        use_sections_near(collector.config, collector.path.parent)
    if isinstance(collector, collection.BenchModule):
        let_import_near(collector.config, collector.path.parent)
        collector.config.stash.setdefault(BENCH_FILES, []).append(collector.path)


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
) -> None:
    """Show our own errors in a module's body as one line, and remember that they are usage errors."""
    error = call.excinfo.value if call.excinfo else None
    if isinstance(report, pytest.CollectReport) and isinstance(error, OpmlError):
        report.longrepr = printable(f"{node.nodeid}: {error}")
        node.config.stash[USAGE_ERRORS].append(str(error))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of ours once on each device, where the run is on several."""
    if not set(FIXTURES).isdisjoint(metafunc.fixturenames):
        collection.spread_over_gpus(metafunc)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that uses a fixture of ours, before `-m` selects."""
    if uses_opml(item):
        from .benchmark import make_benchmark

        item.add_marker("opml")
        make_benchmark(item)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember the cases that the command line left out: a budget that names one of them has not lost it."""
    for item in items:
        collection.leave_out(item)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Get ready if any of the selected tests uses a fixture of ours; now that all plugins have selected."""
    option = session.config.option
    is_run = not option.collectonly and (not session.testsfailed or option.continue_on_collection_errors)
    if is_run and (ours := [item for item in session.items if uses_opml(item)]):
        from .session import open_session

        if not open_session(session, ours):
            session.items.clear()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Name the file of the settings, where it follows from the tests that were collected, and earlier runs taken in."""
    if STATE not in config.stash:
        return []
    from ..printable import printable
    from .settings_file import correction

    notes = (f"opml: {printable(note)}" for note in config.stash[STATE].sessions.notes)
    return [*filter(None, [correction(config)]), *notes]


# --- running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check the budgets of the cases that a test measured, also where the test itself fails."""
    __tracebackhide__ = True
    if not uses_opml(item):
        return (yield)
    from .session import fail_for_budgets, finish_test

    try:
        result = yield
    finally:
        failed = finish_test(item)
    fail_for_budgets(item, failed)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show our own errors as one line; tell the failures of tests from cases that have no result."""
    report = yield
    if STATE in item.config.stash:
        from .session import explain_failure, forget_attempt

        if report.when == "setup":
            forget_attempt(item, is_over=not report.passed)
        if report.failed:
            explain_failure(item, call.excinfo.value if call.excinfo else None, report)
    return report


# --- other plugins


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Have pytest-benchmark warn where two runs were on machines with different GPUs or drivers."""
    from .benchmark import describe_machine

    machine_info["gpus"] = describe_machine()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist which run it is a part of."""
    from .xdist import name_run

    name_run(node)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In the controller of pytest-xdist: end with what the workers have when a signal asks for it."""
    if hasattr(report, "node") and "opml" in report.keywords:
        from .session import heed_signals

        heed_signals(report.node.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take over what a worker of pytest-xdist has measured."""
    from .xdist import take_over

    take_over(node, error)


# --- the end


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
    """Write the record and settle the exit code; say it below all that pytest prints."""
    if not is_concerned(session.config):
        return (yield)
    from .session import end_session, print_exit

    end_session(session, exitstatus)
    outcome = yield
    print_exit(session)
    return outcome


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the ranking and the checks."""
    if is_concerned(config):
        from .session import print_summary

        print_summary(terminalreporter, config)
