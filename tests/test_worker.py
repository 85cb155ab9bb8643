from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml.domain.case import Case
from pytest_opml.making import Options
from pytest_opml.worker import Limits, WorkerFailed, run_case

MakeCase = Callable[..., Case]
GENEROUS = Limits(300, None)


def failure_of(case: Case, options: Options, limits: Limits = GENEROUS) -> WorkerFailed:
    with pytest.raises(WorkerFailed) as caught:
        run_case(case, options, limits)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_result_comes_back_from_the_worker(make_case: MakeCase, options: Options) -> None:
    result = run_case(make_case(), options, GENEROUS)
    assert result.case == make_case()
    assert result.accuracy.value > 0.5


def test_a_segmentation_fault_is_a_crash_and_leaves_its_trace(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:segfault"), options)
    assert (failure.kind, str(failure)) == ("crash", "the process crashed (SIGSEGV)")
    assert "about to crash" in failure.log_tail
    assert "Segmentation fault" in failure.log_tail
    assert "segfault" in failure.log_tail


def test_a_process_that_just_ends_is_a_crash(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:leave"), options)
    assert (failure.kind, str(failure)) == ("crash", "the process ended without an answer (exit code 3)")


def test_a_killed_process_is_told_from_a_crash(make_case: MakeCase, options: Options) -> None:
    assert failure_of(make_case(dataset="tests.faults:killed"), options).kind == "killed"


def test_a_hanging_case_is_ended(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:hang"), options, Limits(1.5, None))
    assert (failure.kind, str(failure)) == ("timeout", "no result after 1.5 s (--opml-timeout)")


def test_a_case_that_takes_too_much_memory_is_ended(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:hog"), options, Limits(300, 1.5e9))
    assert (failure.kind, str(failure)) == ("out_of_memory", "the process took more than 1500 MB (--opml-memory-mb)")


def test_pythons_own_memory_error_is_out_of_memory(make_case: MakeCase, options: Options) -> None:
    assert failure_of(make_case(dataset="tests.faults:memory_error"), options).kind == "out_of_memory"


def test_bad_input_is_a_usage_failure(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:single_class"), options)
    assert failure.kind == "usage"
    assert "a classifier needs at least 2" in str(failure)


def test_an_error_in_the_users_code_keeps_its_traceback(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case(dataset="tests.faults:broken_code"), options)
    assert (failure.kind, str(failure)) == ("error", "KeyError: 'no such key'")
    assert "in broken_code" in failure.log_tail


def test_a_technique_that_changes_nothing_is_an_error(make_case: MakeCase, options: Options) -> None:
    failure = failure_of(make_case("cluster-256+cluster-256"), options)
    assert failure.kind == "error"
    assert "nothing changed" in str(failure)


def test_what_an_extension_prints_does_not_reach_the_terminal(
    make_case: MakeCase, options: Options, capfd: pytest.CaptureFixture[str]
) -> None:
    failure_of(make_case(dataset="tests.faults:segfault"), options)
    assert capfd.readouterr() == ("", "")
