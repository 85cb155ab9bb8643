from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.printable import shows
from pytest_opml.reports.charts.labels import LONGEST, distinct_labels, series_names
from tests.support.builders import make_case, make_result


@given(st.lists(st.text(max_size=80), max_size=30))
def test_labels_are_short_printable_and_distinct(names: list[str]) -> None:
    labels = distinct_labels(names)
    assert set(labels) == set(names)
    assert len(set(labels.values())) == len(labels)
    assert all(len(label) <= LONGEST + 6 for label in labels.values())
    assert all(shows(label) for label in labels.values() if label.isprintable())
    assert all(label.isprintable() for label in labels.values())


def test_names_that_differ_beyond_what_is_read_are_numbered() -> None:
    names = [f"{'a' * 5_000}{number}{'b' * 5_000}" for number in range(3)]
    labels = list(distinct_labels(names).values())
    assert [label[-4:] for label in labels[1:]] == [" (2)", " (3)"]
    assert max(map(len, labels)) < LONGEST + 5


def test_a_series_is_named_by_what_differs_besides_the_technique() -> None:
    cases = [make_case(), make_case("int8", unfreeze=10), make_case("int8", unfreeze=10, epochs=5)]
    names = series_names([make_result(case=case) for case in cases])
    assert list(names.values()) == ["top1", "top10", "top10/epochs=5"]
    assert list(series_names([make_result(), make_result("int8")]).values()) == ["efficientnet_lite0"] * 2
