"""The way of a session: it is opened when its tests are collected, judges after each of them, and is ended once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from .. import registry
from ..errors import CaseFailed, OpmlError
from ..printable import printable
from . import benchmark, collection, options, xdist
from .exit_code import exit_reason, refusal
from .markers import test_overrides
from .progress_line import cache_durations, make_progress_line
from .stash import CASES, EXIT, FAILED_FOR_BUDGETS, OUTCOME, SIGNALS, STATE, USAGE_ERRORS, Measured, State, uses_opml

if TYPE_CHECKING:
    from ..runner.outcome import Exit

_HAS_RUN = pytest.StashKey[bool]()
_WRONG_INPUT = pytest.StashKey[str]()


def open_session(session: pytest.Session, items: Sequence[pytest.Item]) -> bool:
    """Get ready to run cases; returns whether it did: a worker of pytest-xdist that cannot says so at its end.

    Args:
        session: of the run, after its tests were collected.
        items: the tests that use our fixtures.

    Raises:
        pytest.UsageError: the settings, a marker or the machine refuse the run.
    """
    from ..runner.sessions import Sessions
    from .settings_file import choose

    config = session.config
    progress_line = make_progress_line(config, [item.nodeid for item in items])
    if xdist.is_worker(config):
        xdist.end_with_controller()
    else:
        heed_signals(config)
    try:
        file = choose(config, sorted({item.path for item in items}))
        settings = options.settings_of(config)
        plans = collection.plans(items, file, settings)
        registry.use_sections(lambda: settings.models)
        opened = Sessions(settings, file.root, progress_line, part=xdist.part_of_run(config), plans=plans)
    except OpmlError as error:
        if not xdist.is_worker(config):
            raise refusal(str(error)) from None
        # Raised in a worker it would only be seen to have died.
        config.stash[USAGE_ERRORS].append(str(error))
        return False
    runs_cases = any("opml" in getattr(item, "fixturenames", ()) for item in items)
    # files that could not be collected, where the run goes on without them
    failed = {f"file {number}" for number in range(session.testsfailed - len(config.stash[USAGE_ERRORS]))}
    config.stash[STATE] = State(opened, progress_line, runs_cases, failed)
    if xdist.is_worker(config):
        xdist.announce(config)
    return True


def heed_signals(config: pytest.Config) -> None:
    """End the session with what it has when SIGTERM or SIGHUP asks for it, as by Ctrl-C; a second call does nothing."""
    from ..runner.signals import EndSignals

    if SIGNALS not in config.stash:
        config.stash[SIGNALS] = signals = EndSignals()
        signals.end_late_by(lambda: _end_late(config))


def _end_late(config: pytest.Config) -> None:
    """In a thread, while a test does not come back: end the session, and print its last line."""
    session = config.pluginmanager.getplugin("session")
    session.exitstatus = pytest.ExitCode.INTERRUPTED
    _end(session, session.exitstatus)
    if (capture := config.pluginmanager.getplugin("capturemanager")) is not None:
        capture.suspend_global_capture()
    print_exit(session)


def finish_test(item: pytest.Item) -> list[str]:
    """Judge the cases that a test measured; a line for each budget that failed, and which cases those were."""
    from ..reports.terminal.verdicts import breach_lines

    benchmark.mark_unused(item)
    state = item.config.stash.get(STATE, None)
    if state is None:
        return []
    try:
        cases, overrides = item.stash.get(CASES, []), test_overrides(item)
        checks = [check for case in cases for check in state.session_of(item).judge(case, overrides)]
    finally:
        state.progress_line.finished()
        item.stash[_HAS_RUN] = True
    return breach_lines([check for check in checks if check.verdict == "fail" and check.blocking])


def fail_for_budgets(item: pytest.Item, failed: Sequence[str]) -> None:
    """Fail a test that did not fail by itself, where a budget of its cases did."""
    __tracebackhide__ = True
    if failed:
        item.stash[FAILED_FOR_BUDGETS] = True
        pytest.fail("\n".join(map(printable, failed)), pytrace=False)


def forget_attempt(item: pytest.Item, *, is_over: bool) -> None:
    """Forget how a test failed that another plugin begins anew: the last attempt counts.

    Args:
        item: whose set-up has ended.
        is_over: whether it ended in a way after which the test is not called.
    """
    state = item.config.stash[STATE]
    state.failed_tests.discard(item.nodeid)
    if item.stash.get(_HAS_RUN, False):
        state.progress_line.restarted()
    if is_over and uses_opml(item):
        state.progress_line.finished()
        item.stash[_HAS_RUN] = True
    if text := item.stash.get(_WRONG_INPUT, ""):
        item.config.stash[USAGE_ERRORS].remove(text)
        item.stash[_WRONG_INPUT] = ""


def explain_failure(item: pytest.Item, error: BaseException | None, report: pytest.TestReport) -> None:
    """Show our own errors as one line, and remember which of the others failed a test."""
    state = item.config.stash[STATE]
    if isinstance(error, CaseFailed):
        report.longrepr = _explained(item, printable(f"{error.kind}: {error}"))
    elif isinstance(error, OpmlError):
        report.longrepr = _explained(item, printable(f"{item.nodeid}: {error}"), printable(str(error)))
        item.stash[_WRONG_INPUT] = str(error)
        item.config.stash[USAGE_ERRORS].append(str(error))
    elif report.when != "call" or not item.stash.get(FAILED_FOR_BUDGETS, False):
        state.failed_tests.add(item.nodeid)
    else:
        report.longrepr = _explained(item, str(error))


def _explained(item: pytest.Item, text: str, message: str = "") -> Any:
    """What pytest shows of a failure: the text, and its message in the short summary and in JUnit's XML."""
    try:
        pytest.fail(text, pytrace=False)
    except pytest.fail.Exception:
        shown = item.repr_failure(pytest.ExceptionInfo.from_current())
    if (crash := getattr(shown, "reprcrash", None)) is not None:
        file, line, _ = item.location
        crash.path, crash.lineno, crash.message = file, (line or 0) + 1, message or text
    return shown


def end_session(session: pytest.Session, exitstatus: int) -> None:
    """Hand what was measured to the controller of pytest-xdist; where there is none, finish the run.

    Raises:
        OpmlError: the run cannot be judged.
    """
    config = session.config
    if xdist.is_worker(config):
        xdist.hand_over(config)
        return
    with config.stash[SIGNALS].ending() if SIGNALS in config.stash else nullcontext():
        try:
            _end(session, exitstatus)
        finally:
            if STATE in config.stash:
                config.stash[STATE].sessions.close()


def _end(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        xdist.end_workers(config)
    state = config.stash.get(STATE, None)
    if state:
        cache_durations(config, state.progress_line)
    if state and state.runs_cases:
        benchmark.hide_table(config)
        _finish(session, exitstatus, _measured(state))
    elif measured := xdist.taken_over(config):
        # the workers have refused what nobody registers; what cannot be made known here is not judged
        options.settings_of(config, unregistered="anywhere")
        _finish(session, exitstatus, measured)
    failed_tests = state.failed_tests if state else ()
    if EXIT not in config.stash and config.stash[USAGE_ERRORS] and not failed_tests:
        from ..runner.outcome import refused

        _exit_with(session, refused(len(config.stash[USAGE_ERRORS])))


def _measured(state: State) -> Measured:
    sessions = state.sessions
    return Measured(sessions.record(), len(state.failed_tests), sessions.forget, sessions.journal_notes)


def _finish(session: pytest.Session, exitstatus: int, measured: Measured) -> None:
    from ..runner.outcome import USAGE, finish
    from .settings_file import chosen

    config = session.config
    is_interrupted = exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
    outcome = finish(
        measured.record,
        options.settings_of(config),
        chosen(config).root,
        is_complete=not (session.shouldstop or session.shouldfail or is_interrupted),
        pytest_exit=int(exitstatus) if is_interrupted else None,
        failed_tests=measured.failed_tests,
        usage_errors=len(config.stash[USAGE_ERRORS]),
        problems=measured.problems,
        notes=measured.notes,
        on_safe=measured.on_safe,
        on_record=lambda record: config.hook.pytest_opml_record(config=config, record=record),
    )
    config.stash[OUTCOME] = outcome
    if not is_interrupted or outcome.exit.code == USAGE:
        _exit_with(session, outcome.exit)


def _exit_with(session: pytest.Session, exit_: Exit) -> None:
    session.config.stash[EXIT] = exit_
    session.exitstatus = exit_.code


def print_summary(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the run measured, and how its budgets came out."""
    for text in xdist.usage_errors(config):
        reporter.write_line(printable(f"ERROR: {text}"), red=True)
    outcome = config.stash.get(OUTCOME, None)
    if outcome is None or not (outcome.has_content or outcome.problems or outcome.notes):
        return
    from ..reports.terminal.run import problem_lines, run_lines
    from ..runner.trusted_models import idle_patterns

    reporter.section("opml")
    settings = options.settings_of(config)
    with_front = config.get_verbosity() >= 0
    lines = run_lines(outcome.record, settings.gate, reporter._tw.fullwidth, outcome.fresh, with_front=with_front)
    patterns = () if outcome.record.partial_selection else settings.trust
    for line in (*lines, *idle_patterns(outcome.record, patterns), *problem_lines(outcome.problems)):
        write_line(reporter, line)
    for line in outcome.notes:
        reporter.write_line(printable(line), purple=True)


def print_exit(session: pytest.Session) -> None:
    """Print the exit code and its reason, where the run was one of ours."""
    code = int(session.exitstatus)
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or (reason := exit_reason(session)) is None:
        return
    from ..reports.terminal.run import exit_line

    write_line(reporter, exit_line(code, reason))


def write_line(reporter: pytest.TerminalReporter, line: str) -> None:
    """Write a line below what pytest says, in its colours where pytest has any."""
    from ..reports.terminal.styles import can_show, painted

    # pytest writes a line that the encoding has no letters for with escapes, which would show the codes of colours
    is_coloured = reporter.hasmarkup and can_show(reporter._tw._file, line)
    reporter.write_line(painted(line, is_coloured=is_coloured))
