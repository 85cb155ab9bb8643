from __future__ import annotations

import numpy as np

from pytest_opml.measure.slices import coded_columns
from pytest_opml.stats.predictions import unpack_codes


def test_values_are_texts_in_their_order() -> None:
    column = coded_columns({"age": np.array([10.0, 9.0, 10.0, 2.0])})["age"]
    assert column.values == ("2", "9", "10")
    codes = unpack_codes(column.codes)
    assert codes is not None
    assert codes.tolist() == [2, 1, 2, 0]


def test_values_of_any_kind_are_written_in_one_line() -> None:
    coded = coded_columns({"a": np.array([b"x", b"y"]), "b": np.array([0.5, np.nan]), "c": np.array(["a\nb", "c"])})
    assert {name: column.values for name, column in coded.items()} == {
        "a": ("x", "y"),
        "b": ("0.5", "nan"),
        "c": ("a b", "c"),
    }


def test_a_column_of_many_values_makes_no_slices() -> None:
    assert coded_columns({"id": np.arange(21), "fold": np.arange(20)}).keys() == {"fold"}


def test_the_classes_are_no_column() -> None:
    assert coded_columns({"class": np.zeros(3)}) == {}
