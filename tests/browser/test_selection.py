"""What is selected in a report stays what it is, whatever else its reader does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.test_report import BUBBLES, CASES, bubble, cells, mouse, press, type_filter, written
from tests.support.browser import Browser
from tests.support.builders import make_case, make_device, make_result, make_run
from tests.support.pages import BROKEN, make_eight

SECONDS = (1e-4, 1e-2, 1.0, 1e3)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the README."""
    return written(tmp_path_factory.mktemp("selection"), make_eight(BROKEN))


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases whose times span seven powers of ten."""
    results = [
        make_result(f"cluster-{2**place}" if place else "baseline", 0.6 + place / 10, seconds, 1.0)
        for place, seconds in enumerate(SECONDS, 1)
    ]
    return written(tmp_path_factory.mktemp("spread"), make_run(results))


def drag(browser: Browser, start: tuple[float, float], end: tuple[float, float]) -> None:
    pointer = mouse(browser)
    actions = pointer.w3c_actions.pointer_action
    actions.move_to_location(int(start[0]), int(start[1]))
    actions.pointer_down()
    actions.move_to_location(int((start[0] + end[0]) / 2), int((start[1] + end[1]) / 2))
    actions.move_to_location(int(end[0]), int(end[1]))
    actions.pointer_up()
    pointer.perform()


def click(browser: Browser, x: float, y: float) -> None:
    pointer = mouse(browser)
    pointer.w3c_actions.pointer_action.move_to_location(int(x), int(y))
    pointer.w3c_actions.pointer_action.click()
    pointer.perform()


def shown(browser: Browser, number: int) -> None:
    """Wait until the chart shows so many cases in full."""
    browser.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '{number}'")


def full_bubbles(browser: Browser) -> int:
    """How many bubbles are drawn in full just now."""
    script = """
        const marks = document.querySelectorAll("#set1-bubbles [class*=bubbles_] path");
        return [...marks].filter((one) => Number(one.getAttribute("opacity") ?? 1) === 1).length;
    """
    return int(browser.run(script))


def test_a_range_outlives_a_filter_an_order_and_another_theme(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    chromium.wait_for_charts()
    x, y = bubble(chromium, "top10/float16")
    drag(chromium, (x - 20, y - 20), (x + 45, y + 240))
    chromium.wait(f"document.querySelector('{CASES} .count').textContent === '2 of 8 rows'")
    type_filter(chromium, "top1/")
    shown(chromium, 1)
    press(chromium, "accuracy")
    press(chromium, "accuracy")
    chromium.run("const t = document.getElementById('theme'); t.value = 'dark'; t.dispatchEvent(new Event('change'))")
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.drawn === 'dark'")

    assert cells(chromium, "case") == ["top1/float16 ¹"]
    assert full_bubbles(chromium) == 1
    type_filter(chromium, "")
    shown(chromium, 2)
    assert cells(chromium, "case") == ["top10/float16 ¹", "top1/float16 ¹"]
    press(chromium, "Clear selection (2)")
    shown(chromium, 8)
    chromium.run("localStorage.clear()")


def test_a_range_on_the_logarithmic_axis_is_of_what_lies_in_it(chromium: Browser, spread: Path) -> None:
    chromium.open(spread)
    chromium.wait_for_charts()
    chromium.driver.find_element("css selector", "label.switch input").click()
    chromium.wait("document.querySelectorAll('#set1-bubbles .role-axis-label').length > 0")
    chromium.run("await new Promise((done) => setTimeout(done, 500))")
    x, y = bubble(chromium, "cluster-4")
    drag(chromium, (x - 30, y + 30), (x + 30, y - 30))
    shown(chromium, 1)

    assert cells(chromium, "case") == ["cluster-4"]


def test_a_line_is_no_case(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    chromium.wait_for_charts()
    x, y = chromium.run("""
        const line = document.querySelector("#set1-accuracy-by-unfrozen-layers .mark-line path");
        line.scrollIntoView({block: "center"});
        await new Promise((done) => setTimeout(done, 100));
        const box = line.getBoundingClientRect(), at = line.getPointAtLength(line.getTotalLength() / 2);
        const on = new DOMPoint(at.x, at.y).matrixTransform(line.getScreenCTM());
        return [on.x, on.y];
    """)
    click(chromium, x, y)
    # of an interval that is not seen, beside its bubble
    x, y = bubble(chromium, "top10/baseline")
    click(chromium, x, y + 60)

    assert chromium.run(f"return document.querySelector('{CASES} .count').textContent") == "8 rows"


def test_a_bar_is_clicked_for_its_case(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    chromium.wait_for_charts()
    x, y = chromium.run("""
        const bar = document.querySelector("#set1-score-axes .mark-rect path");
        bar.scrollIntoView({block: "center"});
        await new Promise((done) => setTimeout(done, 100));
        const box = bar.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    """)
    click(chromium, x, y)
    shown(chromium, 1)

    assert cells(chromium, "case") == ["top10/int8"]


def test_after_clearing_a_tick_hides_no_row(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    chromium.wait_for_charts()
    tick = f"{CASES} input[aria-label='Select top1/int8']"
    chromium.driver.find_element("css selector", tick).click()
    press(chromium, "Selected only")
    alone = cells(chromium, "case")
    press(chromium, "Clear selection (1)")
    chromium.driver.find_element("css selector", tick).click()

    assert alone == ["top1/int8"]
    assert len(cells(chromium, "case")) == 8


def test_a_tap_on_a_bubble_after_a_range_selects_it(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    chromium.wait_for_charts()
    x, y = bubble(chromium, "top10/float16")
    drag(chromium, (x + 40, y - 30), (x - 40, y + 30))
    shown(chromium, 1)
    x, y = bubble(chromium, "top1/int8")
    # all in one turn of the browser, as a finger does it
    chromium.run(
        """
        const at = {clientX: args[0], clientY: args[1], bubbles: true, cancelable: true, view: window};
        const mark = document.elementFromPoint(args[0], args[1]);
        for (const kind of ["pointerdown", "pointerup"]) mark.dispatchEvent(new PointerEvent(kind, at));
        mark.dispatchEvent(new MouseEvent("click", at));
        """,
        x,
        y,
    )
    chromium.wait(f"document.querySelector('{CASES} tbody tr:not(.bound) th').textContent === 'top1/int8'")

    assert cells(chromium, "case") == ["top1/int8"]


def test_the_test_sets_of_a_run_do_not_share_a_selection(chromium: Browser, tmp_path: Path) -> None:
    results = [
        make_result(
            case=make_case(technique), device=make_device(profile), accuracy=0.8 + place / 20, inference_s=1 + place
        )
        for profile in ("v100", "p100")
        for place, technique in enumerate(("baseline", "int8", "float16"))
    ]
    chromium.open(written(tmp_path, make_run(results)))
    chromium.wait_for_charts()
    x, y = bubble(chromium, "int8")
    click(chromium, x, y)
    shown(chromium, 1)
    counts = chromium.run("return [1, 2].map((n) => document.querySelector(`#set${n}-ranking .count`).textContent)")

    assert counts == ["1 of 3 rows", "3 rows"]


def test_numbers_stand_in_their_order_and_what_is_none_last(chromium: Browser, tmp_path: Path) -> None:
    figures = [(0.9, 1.0, 0.01), (0.5, 1_234.0, 9.0), (0.7, 20_000.0, 1_500.0), (0.99, 0.001, 0.02)]
    results = [
        make_result(
            f"cluster-{place}", accuracy, seconds, size, p50=None if place == 3 else 1.0 + place, training_s=seconds
        )
        for place, (accuracy, seconds, size) in enumerate(figures, 2)
    ]
    chromium.open(written(tmp_path, make_run(results)))
    for header in ("OpScore", "train, s", "p50, ms"):
        press(chromium, header)
        up = cells(chromium, header)
        press(chromium, header)
        down = cells(chromium, header)
        press(chromium, header)
        numbers = [float(text.split()[0].replace(",", "")) for text in up if text != "n/a"]

        assert numbers == sorted(numbers)
        assert down == [text for text in up if text != "n/a"][::-1] + [text for text in up if text == "n/a"]
    assert "n/a" in up


def test_filters_are_words_and_no_expressions(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    for words in (".*", "[", "(", "top1(", "\\", "^", "$"):
        type_filter(chromium, words)
        chromium.wait(f"document.querySelector('{CASES} .count').textContent === '0 of 8 rows'")
    type_filter(chromium, "TOP10 INT8")
    chromium.wait(f"document.querySelector('{CASES} .count').textContent === '1 of 8 rows'")

    assert chromium.errors() == []
