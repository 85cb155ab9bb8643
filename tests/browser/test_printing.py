"""The report on paper, in other windows, without scripts, and with scripts that are not its own."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_opml.history.memory import MemoryHistory
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.result import ConfusionMatrix
from pytest_opml.reports.page.histories import case_histories
from tests.browser.test_report import CASES, press, written
from tests.support.browser import Browser
from tests.support.builders import make_result, make_run
from tests.support.charted_runs import make_charted

LABELS = tuple(f"class {number}" for number in range(100))
# The rows and columns of a part of the page as it is printed.
PRINTED = """
    addEventListener('beforeprint', () => {
      const tables = [...document.querySelectorAll(`${args[0]} table`)];
      window.printed = tables.map((one) => [...one.querySelectorAll('thead th')].map((cell) => cell.textContent));
      window.ticks = document.querySelectorAll(`${args[0]} table input`).length;
    });
"""


@pytest.fixture(scope="module")
def charted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty cases on one machine."""
    return written(tmp_path_factory.mktemp("charted"), make_charted(("v100",)))


def test_a_table_of_many_columns_is_printed_in_parts(chromium: Browser, charted: Path) -> None:
    chromium.open(charted)
    chromium.wait_for_charts()
    whole = chromium.run(
        "return [...document.querySelectorAll('#set1-details1 thead th')].map((one) => one.textContent)"
    )
    chromium.run(PRINTED, "#set1-details1")
    chromium.pdf()
    parts = chromium.run("return window.printed")

    assert len(whole) > 20
    assert max(map(len, parts)) <= 9
    assert {part[0] for part in parts} == {whole[0]}
    assert [header for part in parts for header in part[1:]] == whole[1:]
    assert chromium.run("return document.querySelectorAll('#set1-details1 table').length") == 1


def test_a_turned_table_is_printed_upright_and_without_its_boxes(chromium: Browser, charted: Path) -> None:
    chromium.open(charted)
    press(chromium, "Turn")
    chromium.wait_for_charts()
    chromium.run(PRINTED, CASES)
    chromium.pdf()

    assert chromium.run("return window.printed[0].slice(0, 3)") == ["#", "case", "accuracy"]
    assert chromium.run("return window.ticks") == 0
    assert chromium.run(f"return document.querySelectorAll('{CASES} tbody tr').length") < 30  # turned again


def test_no_chart_is_wider_than_paper(chromium: Browser, tmp_path: Path) -> None:
    counts = tuple(tuple(40 if label == answer else 1 for answer in LABELS) for label in LABELS)
    matrix = ConfusionMatrix(labels=LABELS, answers=LABELS, counts=counts)
    chromium.open(written(tmp_path, make_run([make_result(confusion=matrix), make_result("int8", 0.8)])))
    chromium.wait_for_charts()
    is_wide = chromium.run("return document.getElementById('set1-confusion').closest('figure').className")
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    chromium.resize(680)
    widths = chromium.run(
        "const pictures = document.querySelectorAll('.chart svg, .chart canvas');"
        "return [...pictures].map((one) => one.getBoundingClientRect().width)"
    )
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert is_wide == "wide"
    assert len(widths) >= 4
    assert max(widths) <= 680


def test_a_script_that_was_put_into_the_page_does_not_run(chromium: Browser, charted: Path, tmp_path: Path) -> None:
    injected = (
        '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 1">'
        '<a id="bad" href="javascript:window.hacked=1">x</a>'
    )
    path = tmp_path / "injected.html"
    path.write_text(
        charted.read_text("utf-8").replace('<main id="content">', f'<main id="content">{injected}'), "utf-8"
    )
    chromium.open(path)
    chromium.wait_for_charts()
    chromium.run("document.getElementById('bad').click()")
    refusals = chromium.errors()

    assert chromium.run("return window.hacked") is None
    assert sum("Content Security Policy" in refusal for refusal in refusals) >= 3


def test_without_scripts_the_verdict_the_rows_and_the_words_of_the_charts_are_there(
    chromium: Browser, charted: Path
) -> None:
    chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.driver.get(charted.as_uri())
        text = chromium.driver.find_element("tag name", "body").text
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert "No budget is set" in text
    assert "and 7 more rows, which need JavaScript" in text
    assert "The charts need JavaScript" in text
    assert re.search(r"Filled bubbles are on the Pareto front.* The best OpScore", text)


def test_one_chart_that_cannot_be_drawn_leaves_the_others(chromium: Browser, charted: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.html"
    path.write_text(
        charted.read_text("utf-8").replace('"mark":{"type":"rect"}', '"mark":{"type":"no such mark"}'), "utf-8"
    )
    chromium.open(path)
    chromium.wait_for_charts()
    texts = chromium.run(
        "return [...document.querySelectorAll('.chart')].map((one) => one.querySelector('svg') ? '' : one.textContent)"
    )

    assert [text for text in texts if text] == [
        "This chart cannot be drawn in this browser. The tables have its figures."
    ]
    assert len(texts) > 6


def test_a_window_that_becomes_narrow_has_its_legends_below(chromium: Browser, charted: Path) -> None:
    chromium.open(charted, width=1600)
    chromium.wait_for_charts()
    chromium.run("document.querySelectorAll('.chart').forEach((one) => { delete one.dataset.drawn })")
    chromium.resize(600)
    chromium.wait("document.querySelector('#set1-score-axes').dataset.drawn")
    widths = chromium.run(
        "const places = ['#set1-score-axes', '#set1-score-axes .role-frame'];"
        "return places.map((one) => document.querySelector(one).getBoundingClientRect().width)"
    )

    assert widths[1] > 0.5 * widths[0]
    assert chromium.run("return document.documentElement.scrollWidth") <= 600


@pytest.mark.parametrize("width", [400, 1200])
def test_a_long_name_in_the_list_of_histories_does_not_widen_the_page(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    record = make_run([make_result(case=CaseRecord(dataset="digits", model="x" * 10_000)), make_result("int8")])
    with MemoryHistory() as history:
        for number in (1, 2):
            earlier = {"run_id": f"earlier-{number}", "started": record.started - timedelta(days=number)}
            history.append(record.model_copy(update=earlier))
        histories = case_histories(history, record)
    chromium.open(written(tmp_path, record, histories=histories), width=width)
    chromium.wait("document.querySelector('#histories svg')")

    assert chromium.run("return document.querySelector('#histories select').options.length") == 2
    assert chromium.run("return document.documentElement.scrollWidth") <= width


def test_nothing_moves_for_who_wants_no_motion(chromium: Browser, charted: Path) -> None:
    chromium.open(charted)
    chromium.wait_for_charts()
    moving = """
        const styles = [...document.querySelectorAll('*')].map((one) => getComputedStyle(one));
        return styles.filter((one) => one.animationName !== 'none' || parseFloat(one.transitionDuration) > 0).length;
    """
    before = chromium.run(moving)
    media = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    assert before > 0  # those of the menus beside the charts
    assert chromium.run(moving) == 0
