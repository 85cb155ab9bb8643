from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.formatting import amount, shortened, signed, signed_sum, three_digits, wrapped


@pytest.mark.parametrize(
    ("number", "names", "said"),
    [
        (0, ("run",), "0 runs"),
        (1, ("run",), "1 run"),
        (2_000, ("run",), "2,000 runs"),
        (1, ("entry", "entries"), "1 entry"),
        (3, ("entry", "entries"), "3 entries"),
    ],
)
def test_things_are_counted_in_words(number: int, names: tuple[str, ...], said: str) -> None:
    assert amount(number, *names) == said


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.0341, "0.0341"),
        (0.00001, "0.0000"),
        (0.342, "0.342"),
        (1.0, "1.00"),
        (99.96, "100.0"),
        (-12.34, "-12.3"),
        (12_345.6, "12346"),
    ],
)
def test_a_value_has_three_digits(value: float, shown: str) -> None:
    assert three_digits(value) == shown


@given(st.text(), st.integers(5, 100))
def test_lines_keep_every_character_and_the_width(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


_SIZES = "epochs=2,size=16,weights=none"


@pytest.mark.parametrize(
    ("names", "length", "expected"),
    [
        (["a/short", "b/short"], 10, ["a/short", "b/short"]),
        (["first/of/all/int8", "other/of/all/int8"], 12, ["fir…all/int8", "oth…all/int8"]),
        ([f"digits/own:build/all/{name}/{_SIZES}" for name in ("int8", "prune")], 20, ["…/int8/…", "…/prune/…"]),
        ([f"digits/tests.support.small:build/{name}/int8/{_SIZES}" for name in ("all", "1")], 20, ["…/all/…", "…/1/…"]),
        ([f"digits/own:build/{'q' * 40}{name}{'r' * 40}" for name in "ab"], 20, ["…/qqqq…rrrrrrrrrrrrr"] * 2),
        (["digits/own:build/all/int8"] * 2, 14, ["digi…/all/int8"] * 2),
    ],
)
def test_names_that_are_too_long_stay_distinct(names: list[str], length: int, expected: list[str]) -> None:
    assert shortened(names, length) == expected


@pytest.mark.parametrize(
    ("parts", "text", "texts"),
    [
        ((0.041, 0.146, 0.030), "+0.22", ("+0.04", "+0.15", "+0.03")),
        ((0.0845, -0.5719, -0.5523), "-1.04", ("+0.08", "-0.57", "-0.55")),
        ((0.004, 0.004, 0.004), "+0.01", ("+0.00", "+0.00", "+0.01")),
        ((0.0, 0.0, -0.0), "+0.00", ("+0.00", "+0.00", "+0.00")),
    ],
)
def test_parts_are_rounded_so_that_they_add_up(parts: tuple[float, ...], text: str, texts: tuple[str, ...]) -> None:
    shown, shown_parts = signed_sum(parts, 2)
    assert shown == text
    assert sum(round(float(part) * 100) for part in shown_parts) == round(float(text) * 100)
    assert sorted(shown_parts) == sorted(texts)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=4), st.integers(1, 4))
def test_rounded_parts_always_add_up_and_are_off_by_less_than_a_digit(parts: list[float], decimals: int) -> None:
    text, texts = signed_sum(parts, decimals)
    assert text == signed(sum(parts), decimals)
    assert sum(round(float(part) * 10**decimals) for part in texts) == round(float(text) * 10**decimals)
    for part, shown in zip(parts, texts, strict=True):
        assert abs(float(shown) - part) <= 1.0001 * 10**-decimals
