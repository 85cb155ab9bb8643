from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.reports.figures.folder import check_folder, write_figures
from tests.support.builders import make_case, make_result, make_run
from tests.support.charted_runs import make_charted
from tests.support.pages import BROKEN, make_baselines, make_eight, make_hostile


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures without content, for tests of tables: drawing takes most of the time."""
    monkeypatch.setattr("pytest_opml.reports.figures.folder.drawn", lambda chart, form: b"")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_is_written_as_pictures_and_tables(tmp_path: Path) -> None:
    record = make_eight(BROKEN)
    written = write_figures(record, tmp_path / "a" / "b", make_baselines(record))
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert names >= {"bubbles-1.svg", "bubbles-1.png", "bubbles-1.pdf", "score-axes-1.svg", "ranking-1.csv"}
    assert names >= {"ranking-1.tex", "budgets.csv", "budgets.tex", "baseline.csv", "epochs-1.csv"}
    assert written.files == len(names)
    assert written.text.startswith(f"wrote 4 charts (SVG, PNG, PDF) and {written.tables} tables (CSV, LaTeX) to ")


@pytest.mark.usefixtures("undrawn")
def test_the_tables_have_the_figures_of_the_run(tmp_path: Path) -> None:
    record = make_eight(BROKEN)
    write_figures(record, tmp_path, make_baselines(record))
    ranking = rows_of(tmp_path / "ranking-1.csv")
    first, second, *_, last = (row["case"] for row in ranking)
    assert (first, second, last) == ("best values", "top10/int8", "worst values")
    best = next(result for result in record.results if result.case.id.endswith("top10/int8"))
    assert float(ranking[1]["OpScore"]) == best.op_score.value
    assert float(ranking[1]["quality low"]) == best.quality.low
    budgets = rows_of(tmp_path / "budgets.csv")
    assert len(budgets) == len(record.checks)
    assert {row["verdict"] for row in budgets} >= {"pass", "fail"}
    assert len(rows_of(tmp_path / "baseline.csv")) == 7


@pytest.mark.usefixtures("undrawn")
def test_a_table_of_clusters_devices_and_splits_is_that_of_the_paper(tmp_path: Path) -> None:
    record = make_charted(("v100", "p100"), ("50-50",))
    few = [result for result in record.results if result.case.unfreeze == 1 and result.case.model != "resnet50"]
    splits = [
        result.model_copy(update={"case": result.case.model_copy(update={"split": "90-10"})})
        for result in few
        if result.case.technique == "baseline"
    ]
    write_figures(record.model_copy(update={"results": (*few, *splits)}), tmp_path)
    clusters = [row for row in rows_of(tmp_path / "clusters-1.csv") if row["cases"] == "cluster"]
    assert [row["clusters"] for row in clusters] == ["16", "64", "256"]
    assert [float(row["size MB"]) for row in clusters] == [2.6, 3.4, 4.7]
    devices = rows_of(tmp_path / "devices.csv")
    assert {row["device"] for row in devices} == {"v100", "p100"}
    assert [row["split"] for row in rows_of(tmp_path / "splits.csv")] == ["50-50", "50-50", "90-10", "90-10"]
    assert {path.name for path in tmp_path.glob("*.svg")} >= {"devices.svg", "splits.svg", "bubbles-4.svg"}


@pytest.mark.usefixtures("undrawn")
def test_files_of_before_are_replaced_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "ranking-1.csv").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    write_figures(make_run(make_eight().results[:1]), tmp_path)
    assert (tmp_path / "ranking-1.csv").read_text() != "old"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_run_without_a_result_has_no_figures(tmp_path: Path) -> None:
    assert write_figures(make_run(), tmp_path / "figures").files == 0


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "\\input{/etc/passwd}", "<script>", "\u202e\x1b[31m"])
@pytest.mark.usefixtures("undrawn")
def test_hostile_texts_are_plain_ones(tmp_path: Path, text: str) -> None:
    write_figures(make_hostile(text), tmp_path)
    for path in tmp_path.glob("*.csv"):
        cells = [cell for row in rows_of(path) for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+")) or "\x1b" in cell or "\u202e" in cell]
    for path in tmp_path.glob("*.tex"):
        assert "\\input" not in path.read_text("utf-8")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match=r"file: is a file, and the figures need a folder; name another one$"):
            check_folder(folder)
    check_folder(tmp_path / "new" / "one")


@pytest.mark.usefixtures("undrawn")
def test_the_times_by_split_are_those_of_one_data_set_each(tmp_path: Path) -> None:
    cases = [make_case(dataset=dataset, split=split) for dataset in ("digits", "mnist") for split in ("own", "50-50")]
    write_figures(make_run([make_result(case=case) for case in cases]), tmp_path)
    rows = rows_of(tmp_path / "splits.csv")
    assert len({(row["split"], row["model"]) for row in rows}) == len(rows) == 4
