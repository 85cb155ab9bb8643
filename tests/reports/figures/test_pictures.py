from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.all_charts import charts_of
from pytest_opml.reports.charts.chart import Chart
from pytest_opml.reports.figures.pictures import FORMATS, WIDTH, drawn, fixed_width, picture_format, write_picture
from tests.support.pages import make_eight

ROOT = Path(__file__).parents[3]
# Two processes, whose sets and hash tables differ in their order.
PROGRAM = """
import hashlib
from pytest_opml.reports.figures.pictures import FORMATS, drawn
from tests.reports.figures.test_pictures import charts
for chart in charts():
    print(chart.name, *(hashlib.sha256(drawn(chart, form)).hexdigest() for form in FORMATS))
"""


def charts() -> list[Chart]:
    return charts_of(groups_of(make_eight())[0])


def test_the_same_chart_has_the_same_bytes_in_another_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(outputs[0].splitlines()) == len(charts())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_is_of_its_format_in_either_case(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"bubbles.{form.upper()}"
    write_picture(path, charts()[0])
    assert path.read_bytes().startswith({"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}[form])


def test_the_objects_of_a_pdf_lie_where_its_table_says() -> None:
    content = drawn(charts()[0], "pdf")
    start = int(content.rpartition(b"startxref\n")[2].split()[0])
    lines = content[start:].splitlines()
    assert lines[0] == b"xref"
    offsets = [int(line.split()[0]) for line in lines[3:] if line.endswith(b" n")]
    assert len(offsets) > 10
    assert all(content[offset:].startswith(b"%d 0 obj" % number) for number, offset in enumerate(offsets, 1))
    names = set(re.findall(rb"^ +/(gs\d+|xo\d+) ", content, re.MULTILINE))
    assert {b"gs0", b"xo0"} <= names


def test_a_chart_as_wide_as_its_page_has_a_width_of_its_own_in_a_picture() -> None:
    chart = charts()[0]
    assert (chart.spec["width"], fixed_width(chart)["width"]) == ("container", WIDTH)


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"trend\.gif: a picture ends in \.png, \.svg, \.pdf; name such a file$"):
        picture_format(tmp_path / "trend.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/trend\.png: cannot be written: File exists$"):
        write_picture(tmp_path / "file" / "trend.png", charts()[0])
