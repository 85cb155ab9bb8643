from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.grouping import groups_of, short_names
from tests.builders import make_case, make_result, make_run

CASES = st.builds(
    make_case,
    st.sampled_from(["baseline", "int8"]),
    dataset=st.sampled_from(["digits", "mnist"]),
    model=st.sampled_from(["efficientnet_lite0", "small_cnn"]),
    unfreeze=st.sampled_from([1, "all"]),
    size=st.sampled_from([32, 96]),
    seed=st.sampled_from([0, 1]),
)


@given(st.lists(CASES, min_size=1, max_size=8, unique_by=lambda case: case.id))
def test_no_two_cases_of_a_run_have_one_name(cases: list[object]) -> None:
    record = make_run([make_result(case=case) for case in cases])
    names = short_names(record)
    assert len(set(names.values())) == len(names) == len(cases)
    for group in groups_of(record):
        assert len(set(group.names.values())) == len(group.names)


def test_a_name_is_what_a_case_has_for_itself() -> None:
    cases = [make_case(), make_case("int8", seed=1), make_case("int8", dataset="mnist")]
    record = make_run([make_result(case=case) for case in cases], uncollected=[cases[0].id])
    assert list(short_names(record).values()) == ["(digits/baseline)", "digits/int8/seed=1", "mnist/int8"]
    assert [list(group.names.values()) for group in groups_of(record)] == [["(baseline)"], ["int8"], ["int8"]]


def test_a_run_without_cases_has_no_names() -> None:
    assert short_names(make_run([])) == {}
