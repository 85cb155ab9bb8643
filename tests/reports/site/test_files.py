from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_opml.errors import StorageError
from pytest_opml.reports.site.files import (
    DamagedSite,
    Segments,
    mapped_errors,
    number_text,
    read_script,
    run_number,
    write_file,
    write_script,
)

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)


def segments(folder: Path, count: int = 0, gone: frozenset[int] = frozenset()) -> Segments:
    return Segments(folder, "list", count, lambda number: number not in gone, 3)


def lines(*numbers: int) -> list[str]:
    return [f'[{number},"row {number}"]' for number in numbers]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PLAIN)
def test_a_value_comes_back_and_is_nothing_but_data(tmp_path: Path, value: Any) -> None:
    write_script(tmp_path, "a/b", value)
    text = (tmp_path / "a/b.js").read_text("utf-8")
    assert not set("<>&\u2028\u2029") & set(text)
    assert read_script(tmp_path, "a/b") == value


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "new/file.js", "first")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="No space left"):
            write_file(tmp_path / "new/file.js", "second")
    assert (tmp_path / "new/file.js").read_text() == "first"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.js"]  # on a full disk no half of a file stays


@pytest.mark.parametrize(
    "text", ["", "opmlSite.put(", 'opmlSite.put("b",1);\n', 'opmlSite.put("a",{);\n', 'opmlSite.put("a",1)']
)
def test_what_is_no_script_of_ours_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.js").write_text(text)
    with pytest.raises(DamagedSite):
        read_script(tmp_path, "a")


def test_a_file_that_is_missing_or_no_text_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"\xff\xfe")
    for name in ("a", "gone"):
        with pytest.raises(DamagedSite):
            read_script(tmp_path, name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (1.0, "1"),
        (0.123456789, "0.123457"),
        (float("nan"), "null"),
        (float("inf"), "null"),
        (-0.0, "-0"),
    ],
)
def test_a_figure_has_six_digits(value: float | None, text: str) -> None:
    assert number_text(value) == text
    json.loads(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_figure_is_json_and_close_to_itself(value: float) -> None:
    assert json.loads(number_text(value, 9)) == pytest.approx(value, rel=1e-8)


def test_rows_fill_one_file_after_the_other(tmp_path: Path) -> None:
    rows = segments(tmp_path)
    for number in range(7):
        rows.append(lines(number))
    assert rows.count == 3
    assert sorted(path.name for path in (tmp_path / "list").iterdir()) == ["0.js", "1.js", "2.js"]
    assert [row[0] for row in rows.newest()] == list(range(7))
    assert [row[0] for row in rows.newest(2)] == [3, 4, 5, 6]
    assert [rows.first_number(segment) for segment in range(3)] == [0, 3, 6]
    assert read_script(tmp_path, "list/1")[0] == [3, "row 3"]


def test_rows_that_come_together_are_those_that_come_one_by_one(tmp_path: Path) -> None:
    together, single = segments(tmp_path / "a"), segments(tmp_path / "b")
    together.append(lines(*range(8)))
    for number in range(8):
        single.append(lines(number))
    for segment in range(3):
        name = f"list/{segment}.js"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_rows_of_a_build_that_was_killed_are_not_taken(tmp_path: Path) -> None:
    segments(tmp_path).append(lines(0, 1, 7))
    again = segments(tmp_path, 1, frozenset({7}))
    assert [row[0] for row in again.newest()] == [0, 1]
    again.append(lines(2, 3))
    assert [row[0] for row in again.newest()] == [0, 1, 2, 3]


def test_rows_are_dropped_from_the_file_that_they_are_in(tmp_path: Path) -> None:
    rows = segments(tmp_path)
    rows.append(lines(*range(7)))
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "list").iterdir()}
    rows.drop({4})
    assert [row[0] for row in rows.newest()] == [0, 1, 2, 3, 5, 6]
    assert {path.name for path in (tmp_path / "list").iterdir() if path.stat().st_mtime_ns != stamps[path.name]} == {
        "1.js"
    }
    rows.drop(set(range(3)))
    assert [row[0] for row in rows.newest()] == [3, 5, 6]


def test_a_row_that_has_no_run_is_damaged() -> None:
    assert run_number("[12,3]") == 12
    for line in ("[x,1]", "[12]", ""):
        with pytest.raises(DamagedSite):
            run_number(line)


def test_what_the_system_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"site/x: cannot be written: Is a directory"), mapped_errors(tmp_path):
        raise OSError(21, "Is a directory", "site/x")
