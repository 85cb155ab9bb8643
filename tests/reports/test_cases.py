from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.records.run import Check
from pytest_opml.reports.cases import check_name, groups_of, short_names
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run

CASES = st.builds(
    make_case,
    st.sampled_from(["baseline", "int8"]),
    dataset=st.sampled_from(["digits", "mnist"]),
    model=st.sampled_from(["efficientnet_lite0", "small_cnn"]),
    unfreeze=st.sampled_from([1, "all"]),
    size=st.sampled_from([32, 96]),
    seed=st.sampled_from([0, 1]),
    name=st.sampled_from([None, "prod", "baseline"]),
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
    record = make_run([make_result(case=case) for case in cases], reference_only=[cases[0].id])
    assert list(short_names(record).values()) == ["(digits/baseline)", "digits/int8/seed=1", "mnist/int8"]
    assert [list(group.names.values()) for group in groups_of(record)] == [["(baseline)"], ["int8"], ["int8"]]


def test_a_case_with_a_name_is_called_by_it_and_the_others_by_all_but_the_data_set() -> None:
    cases = [make_case(name="prod"), make_case("int8", name="prod"), make_case("int8", seed=1)]
    record = make_run([make_result(case=case) for case in cases], reference_only=["prod"])
    assert list(short_names(record).values()) == ["(prod)", "prod/int8", "efficientnet_lite0/top1/int8/seed=1"]
    alone = make_run([make_result(case=case) for case in cases[:2]])
    (group,) = groups_of(alone)
    assert (group.title, list(group.names.values())) == ("digits", ["prod", "prod/int8"])


def test_a_run_without_cases_has_no_names() -> None:
    assert short_names(make_run([])) == {}


def test_a_run_of_several_devices_has_a_group_for_each() -> None:
    fallen = make_failure("float16").model_copy(update={"device": make_device("t4")})
    record = make_run([make_result(device=make_device("t4")), make_result(device=make_device("cpu"))], [fallen])
    groups = groups_of(record)
    assert [(len(group.results), len(group.failures)) for group in groups] == [(1, 1), (1, 0)]
    assert [group.title.partition(", on ")[2] for group in groups] == [
        "t4 (Tesla T4, Example CPU 3 GHz, 8 cores, 8 threads)",
        "cpu (Example CPU 3 GHz, 8 cores, 8 threads)",
    ]


def test_a_check_names_its_device_where_there_are_several() -> None:
    several = make_run([make_result(device=make_device("t4")), make_result(device=make_device("cpu"))])
    about = {"metric": "size_mb", "rule": "max", "limit": 1.0, "budget": "max = 1", "source": "gate", "value": 1.0}
    check = Check(case_id=make_case().id, profile="t4", verdict="pass", blocking=False, **about)
    assert check_name(check, short_names(several), several).endswith("baseline on t4")
    one = make_run([make_result()])
    assert check_name(check, short_names(one), one).endswith("baseline")
