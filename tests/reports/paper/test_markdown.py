from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.history.record_files import read_record
from pytest_opml.paper.assessment import assess
from pytest_opml.paper.claims import CLAIMS
from pytest_opml.reports.paper.markdown import BEGIN, END, paper_markdown, surroundings, write_markdown
from tests.support.builders import make_run
from tests.support.paper_results import paper_result
from tests.support.processes import ROOT

WHOLE = assess([make_run([paper_result("float16"), paper_result()])])


def test_each_claim_has_a_row_and_each_measured_one_a_table() -> None:
    text = paper_markdown(WHOLE)
    for claim in CLAIMS:
        assert f"| {claim.id} |" in text or f"| [{claim.id}](#{claim.id}) |" in text
    measured = [checked.claim.id for checked in WHOLE.claims if checked.findings]
    assert measured
    assert all(f"\n### {name}\n" in text for name in measured)
    assert all(f"\n### Table {number}: " in text for number in range(1, 8))


def test_every_table_has_as_many_cells_in_each_row() -> None:
    tables = [block.splitlines() for block in paper_markdown(WHOLE).split("\n\n") if block.startswith("|")]
    assert len(tables) > 9
    for header, *rows in tables:
        assert {line.replace("\\|", "").count("|") for line in rows} == {header.count("|")}


def test_names_of_others_are_no_structure() -> None:
    result = paper_result(name="a|b*c<d").model_copy(update={"notes": ()})
    device = result.device.model_copy(update={"cpu": "CPU <b>|*x*"})
    text = paper_markdown(assess([make_run([result]).model_copy(update={"device": device})], [1]))
    assert "<b>" not in text.replace("\\<b>", "")


def test_a_new_file_has_a_title_and_an_own_one_what_was_around(tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    write_markdown(WHOLE, path, surroundings(path))
    first = path.read_text("utf-8")
    assert first.startswith(f"# The paper beside what was measured\n\n{BEGIN}\n")
    path.write_text(f"Ours\n{BEGIN}\nold\n{END}\nEnd\n", "utf-8")
    write_markdown(WHOLE, path, surroundings(path))
    assert path.read_text("utf-8") == f"Ours\n{BEGIN}\n{paper_markdown(WHOLE)}{END}\nEnd\n"
    write_markdown(WHOLE, path, surroundings(path))
    assert path.read_text("utf-8").count(BEGIN) == 1


@pytest.mark.parametrize("text", ["", "notes\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_file_that_has_not_the_two_lines_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(text, "utf-8")
    with pytest.raises(StorageError, match="has not the lines"):
        surroundings(path)
    assert path.read_text("utf-8") == text


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match="cannot be read"):
        surroundings(path)


def test_the_page_of_the_docs_is_that_of_the_stored_records() -> None:
    records = sorted((ROOT / "docs" / "records").glob("paper-*.json"))
    page = ROOT / "docs" / "paper.md"
    before, after = surroundings(page)
    fresh = f"{before}{paper_markdown(assess([read_record(record) for record in records]))}{after}"
    runs = " ".join(f"--run {record.relative_to(ROOT).as_posix()}" for record in records)
    assert page.read_text("utf-8") == fresh, f"docs/paper.md is stale; renew it: opml paper {runs} -o docs/paper.md"
    assert all(record.stat().st_size < 1_000_000 for record in records)
