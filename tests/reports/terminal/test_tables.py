from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.formatting import columns_of
from pytest_opml.reports.terminal.styles import Span, Style, parts, styled
from pytest_opml.reports.terminal.tables import Lines, fitted

ROWS = [
    {"case": "digits/some_model/top1/int8", "time\ns": "1.5", "note": "", "size": "4"},
    {"case": "digits/some_model/top1/baseline", "time\ns": "12.25", "note": "", "size": "14"},
]


def test_columns_without_a_cell_are_left_out_and_the_others_are_set_as_asked() -> None:
    table = fitted(ROWS, 80, left=("case",), decimal=("time\ns",))
    assert table.headers == ("case", "time\ns", "size")
    assert table.lines[0].split() == ["case", "time", "size"]
    assert table.lines[3:] == [
        "digits/some_model/top1/int8        1.5        4",
        "digits/some_model/top1/baseline   12.25      14",
    ]


def test_columns_give_way_in_their_order_then_names_are_cut_and_stay_distinct() -> None:
    def headers(width: int) -> tuple[str, ...]:
        return fitted(ROWS, width, left=("case",), yielding=("size", "time\ns"), names="case").headers

    assert [headers(width) for width in (49, 41, 31, 20)] == [
        ("case", "time\ns", "size"),
        ("case", "time\ns"),
        ("case",),
        ("case",),
    ]
    lines = fitted(ROWS, 20, left=("case",), yielding=("size", "time\ns"), names="case").lines
    assert max(map(len, lines)) == 20
    assert len(set(lines[2:])) == 2


def test_where_names_cannot_be_cut_enough_they_go_and_texts_are_wrapped() -> None:
    rows = [{"budget": "accuracy max_drop = 0.05", "closest": "top1/cluster-256", "verdict": "inconclusive"}]
    table = fitted(rows, 30, left=rows[0], names="closest", wrapping="budget")
    assert table.headers == ("budget", "verdict")
    assert max(map(len, table.lines)) <= 30
    assert "accuracy" in table.lines[2]
    assert "= 0.05" in " ".join(table.lines[3:])


def test_a_header_may_stand_for_a_part_of_a_cell_that_gives_way() -> None:
    def rows(hidden: Collection[str]) -> list[dict[str, str]]:
        return [{"accuracy": "0.95" if "±" in hidden else "0.95 ±.03"}]

    assert fitted(rows, 10, yielding=("±",)).lines[2].split() == ["0.95", "±.03"]
    assert fitted(rows, 8, yielding=("±",)).lines[2].split() == ["0.95"]


def test_letters_of_two_columns_and_marks_of_none_are_counted_as_they_are_shown() -> None:
    names = ("\u6a21\u578b", "cafe\u0301", "plain", "a\x1b[1m\nb")
    lines = fitted([{"case": name, "size": "1"} for name in names], 80, left=("case",)).lines[2:]
    shown = ("\u6a21\u578b", "cafe\u0301", "plain", r"a\x1b[1m\nb")
    assert [line.split()[0] for line in lines] == list(shown)
    assert len({columns_of(line) for line in lines}) == 1


def test_a_name_of_wide_letters_is_cut_to_the_width() -> None:
    rows = [{"case": "\u6a21" * 20 + technique, "size": "1"} for technique in ("int8", "baseline")]
    lines = fitted(rows, 30, left=("case",), names="case").lines
    assert max(map(columns_of, lines)) <= 30
    assert len(set(lines)) == 4


@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.text(max_size=12), st.sampled_from([None, *Style])), min_size=1, max_size=5
    )
)
def test_styles_of_cells_move_no_letter(texts: list[tuple[str, str, Style | None]]) -> None:
    plain = [{"case": name, "verdict": text, "end": "1"} for name, text, _ in texts]
    rows = [
        row | {"verdict": styled(text, style) if style else text}
        for row, (_, text, style) in zip(plain, texts, strict=True)
    ]
    lines = fitted(rows, 80, left=("case", "verdict")).lines
    assert lines == fitted(plain, 80, left=("case", "verdict")).lines
    for line in lines:
        assert "".join(part for part, _ in parts(line)) == line


def test_a_cell_of_several_lines_and_words_has_one_style_in_each() -> None:
    text = "not judged,\n漢 counted as fail"
    cell = Lines(text, [Span(0, len(text), Style.DOUBT)])
    rows: list[dict[str, str]] = [{"case": "not judged", "verdict": cell, "more": "not judged"}]
    lines = fitted(rows, 80, left=("case", "verdict")).lines
    assert [part for line in lines for part, style in parts(line) if style is Style.DOUBT] == text.split("\n")
