"""The report in a real browser: what its reader does with a mouse, keys, a narrow window or a printer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pytest_opml.history.memory import MemoryHistory
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.histories import case_histories
from pytest_opml.reports.page.html import HtmlReporter
from tests.support.browser import Browser
from tests.support.builders import make_case, make_result, make_run
from tests.support.charted_runs import make_charted
from tests.support.pages import BROKEN, gate_of, make_baselines, make_eight

CASES = "#set1-ranking"
BUBBLES = "#set1-bubbles"
HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>`$[1]`&amp;=1+1'


def written(folder: Path, record: RunRecord, **fields: object) -> Path:
    path = folder / "report.html"
    page = page_of(record, gate_of(BROKEN), make_baselines(record), **fields)  # type: ignore[arg-type]
    path.write_text(HtmlReporter().render(page), "utf-8")
    return path


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the README, with a history of a dozen earlier ones."""
    record = make_eight(BROKEN)
    with MemoryHistory() as history:
        for number in range(12, 0, -1):
            earlier = {"run_id": f"earlier-{number}", "started": record.started - timedelta(days=number), "checks": ()}
            history.append(record.model_copy(update=earlier))
        histories = case_histories(history, record)
    return written(tmp_path_factory.mktemp("eight"), record, histories=histories)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = [
        make_result(
            case=make_case(f"cluster-{16 + number}"),
            accuracy=0.7 + number / 1000,
            inference_s=1 + number % 7,
            size_mb=2 + number % 11,
        )
        for number in range(240)
    ]
    return written(tmp_path_factory.mktemp("many"), make_run(results))


def cells(browser: Browser, header: str) -> list[str]:
    """The texts of a column of the ranking, without the best and the worst values."""
    script = """
        const table = document.querySelector("#set1-ranking table");
        const headers = [...table.querySelectorAll("thead tr > *")].map((one) => one.textContent);
        const place = headers.findIndex((text) => text === args[0]);
        const rows = [...table.querySelectorAll("tbody tr:not(.bound)")];
        return rows.map((row) => row.children[place].textContent);
    """
    return list(browser.run(script, header))


def press(browser: Browser, text: str, within: str = CASES) -> None:
    buttons = browser.driver.find_elements(By.CSS_SELECTOR, f"{within} button")
    button = next(button for button in buttons if button.text == text and button.is_displayed())
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def type_filter(browser: Browser, words: str) -> None:
    box = browser.driver.find_element(By.CSS_SELECTOR, f"{CASES} input[type=search]")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(words or Keys.DELETE)


def shown_bubbles(browser: Browser) -> int:
    """How many bubbles are not dimmed."""
    script = """
        const marks = document.querySelectorAll("#set1-bubbles [class*=bubbles_] path");
        return [...marks].filter((one) => Number(one.getAttribute("opacity") ?? 1) === 1).length;
    """
    return int(browser.run(script))


def bubble(browser: Browser, case: str) -> tuple[float, float]:
    """Where a case lies in the window; without a name the first one."""
    script = """
        const shape = [...document.querySelectorAll("#set1-bubbles [class*=bubbles_] path")];
        const of = (one) => !args[0] || one.__data__?.datum?.name === args[0];
        const mark = shape.find(of);
        mark.scrollIntoView({block: "center"});
        await new Promise((done) => setTimeout(done, 100));
        const box = mark.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    """
    x, y = browser.run(script, case)
    return x, y


def mouse(browser: Browser) -> ActionChains:
    return ActionChains(browser.driver, duration=50)


@pytest.mark.sample
def test_it_loads_without_an_error_and_fetches_nothing(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()

    assert chromium.errors() == []
    assert chromium.requests() == [eight.as_uri()]
    assert chromium.driver.title.startswith("4 of 38 budgets failed")


@pytest.mark.sample
def test_a_header_sorts_up_then_down_then_not(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    names = cells(chromium, "case")
    press(chromium, "accuracy")
    up = [float(text.split()[0]) for text in cells(chromium, "accuracy")]
    direction = chromium.driver.find_element(By.CSS_SELECTOR, f"{CASES} th[aria-sort]").get_attribute("aria-sort")
    press(chromium, "accuracy")
    down = [float(text.split()[0]) for text in cells(chromium, "accuracy")]
    press(chromium, "accuracy")

    assert direction == "ascending"
    assert up == sorted(up)
    assert up != down == sorted(down, reverse=True)
    assert cells(chromium, "case") == names


@pytest.mark.sample
def test_words_filter_and_a_minus_leaves_out(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    type_filter(chromium, "int8")
    chromium.wait(f"document.querySelector('{CASES} .count').textContent === '2 of 8 rows'")
    both = cells(chromium, "case")
    type_filter(chromium, "int8 -top10")
    chromium.wait(f"document.querySelector('{CASES} .count').textContent === '1 of 8 rows'")
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '1'")

    assert set(both) == {"top10/int8", "top1/int8"}
    assert cells(chromium, "case") == ["top1/int8"]
    assert shown_bubbles(chromium) == 1


@pytest.mark.sample
def test_ticked_rows_are_what_the_chart_shows_and_hovering_leaves_them(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    for name in ("top10/int8", "top1/baseline"):
        chromium.driver.find_element(By.CSS_SELECTOR, f"{CASES} input[aria-label='Select {name}']").click()
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '2'")
    x, y = bubble(chromium, "top10/float16")
    pointer = mouse(chromium)
    pointer.w3c_actions.pointer_action.move_to_location(int(x), int(y))
    pointer.perform()
    chromium.wait("document.querySelector('#vg-tooltip-element.visible')")

    assert "top10/float16" in chromium.run("return document.querySelector('#vg-tooltip-element').textContent")
    assert shown_bubbles(chromium) == 2
    assert len(cells(chromium, "case")) == 8
    press(chromium, "Selected only")
    assert cells(chromium, "case") == ["top10/int8", "top1/baseline"]
    press(chromium, "Clear selection (2)")
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '8'")
    assert len(cells(chromium, "case")) == 8


def test_a_bubble_that_is_clicked_is_what_the_table_shows(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    x, y = bubble(chromium, "top1/float16")
    pointer = mouse(chromium)
    pointer.w3c_actions.pointer_action.move_to_location(int(x), int(y))
    pointer.w3c_actions.pointer_action.click()
    pointer.perform()
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '1'")

    assert cells(chromium, "case") == ["top1/float16 ¹"]


@pytest.mark.sample
def test_a_range_that_is_drawn_in_the_chart_is_what_the_table_shows(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    x, y = map(int, bubble(chromium, "top10/float16"))
    pointer = mouse(chromium)
    pointer.w3c_actions.pointer_action.move_to_location(x + 40, y - 30)
    pointer.w3c_actions.pointer_action.pointer_down()
    pointer.w3c_actions.pointer_action.move_to_location(x, y)
    pointer.w3c_actions.pointer_action.move_to_location(x - 40, y + 30)
    pointer.w3c_actions.pointer_action.pointer_up()
    pointer.perform()
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '1'")

    assert cells(chromium, "case") == ["top10/float16 ¹"]
    press(chromium, "Clear selection (1)")
    assert len(cells(chromium, "case")) == 8


def test_only_what_differs_and_turned(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    headers = f"[...document.querySelectorAll('{CASES} thead th')].map((one) => one.textContent)"
    before = chromium.run(f"return {headers}")
    press(chromium, "Only what differs")
    differing = chromium.run(f"return {headers}")
    press(chromium, "Turn")
    turned = chromium.run(f"return {headers}")
    rows = chromium.run(f"return [...document.querySelectorAll('{CASES} tbody th')].map((one) => one.textContent)")

    assert "p99, ms" in before
    assert "p99, ms" not in differing
    assert {"accuracy", "time, s", "case"} <= set(differing)
    assert turned[0] == "case"
    assert {"top1/int8", "top10/cluster-256"} <= set(turned)
    assert rows == [text for text in differing if text != "case"]


def test_the_theme_follows_the_system_and_the_reader(chromium: Browser, eight: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    chromium.open(eight, theme="dark")
    chromium.wait_for_charts()
    dark, drawn = chromium.run(f"return [{ground}, document.querySelector('{BUBBLES}').dataset.drawn]")
    chromium.picture("report-dark")
    chromium.run(
        "const box = document.getElementById('theme'); box.value = 'light'; box.dispatchEvent(new Event('change'))"
    )
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.drawn === 'light'")
    light = chromium.run(f"return {ground}")

    assert (dark, drawn) == ("rgb(18, 22, 28)", "dark")
    assert light == "rgb(255, 255, 255)"
    chromium.run("localStorage.clear()")


@pytest.mark.sample
def test_the_keyboard_alone_sorts_filters_and_selects(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()

    def focused() -> str:
        return str(
            chromium.run(
                "const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent || e.id"
            )
        )

    def tab_to(name: str) -> None:
        for _ in range(60):
            ActionChains(chromium.driver).send_keys(Keys.TAB).perform()
            if focused() == name:
                return
        pytest.fail(f"no way by the keyboard to {name!r}")

    tab_to("Skip to the content")
    tab_to("set1-ranking-filter")
    ActionChains(chromium.driver).send_keys("top10").perform()
    chromium.wait(f"document.querySelector('{CASES} .count').textContent === '4 of 8 rows'")
    tab_to("accuracy")
    ActionChains(chromium.driver).send_keys(Keys.ENTER).perform()
    assert focused() == "accuracy"  # still, so that the next press turns the order around
    tab_to("Select top10/int8")
    ActionChains(chromium.driver).send_keys(Keys.SPACE).perform()
    chromium.wait(f"document.querySelector('{BUBBLES}').dataset.shown === '1'")

    assert focused() == "Select top10/int8"
    assert cells(chromium, "case")[0] == "top10/int8"


@pytest.mark.parametrize("width", [400, 800, 1200, 1600])
def test_no_width_makes_the_page_scroll_sideways(chromium: Browser, eight: Path, width: int) -> None:
    chromium.open(eight, width=width)
    chromium.wait_for_charts()
    chromium.picture(f"report-{width}")

    assert chromium.run("return document.documentElement.scrollWidth") <= width


def test_every_chart_is_drawn_and_nobody_is_kept_out(chromium: Browser, tmp_path: Path, axe: Path) -> None:
    chromium.open(written(tmp_path, make_charted(splits=("own", "50-50"))), width=1600)
    chromium.wait_for_charts()
    chromium.picture("report-all-charts")
    empty = chromium.run(
        "return [...document.querySelectorAll('.chart')].filter((one) => !one.querySelector('svg, canvas')).length"
    )

    assert chromium.errors() == []
    assert empty == 0
    assert chromium.faults(axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Browser, eight: Path, axe: Path, theme: str) -> None:
    chromium.open(eight, theme=theme)
    chromium.wait_for_charts()

    assert chromium.faults(axe) == []


@pytest.mark.sample
def test_many_rows_are_paged_and_printed_whole(chromium: Browser, many: Path) -> None:
    chromium.open(many)
    paged = len(cells(chromium, "case"))
    press(chromium, "Next")
    second = cells(chromium, "#")
    chromium.run(
        "addEventListener('beforeprint', () => { window.printed = "
        f"document.querySelectorAll('{CASES} tbody tr').length }})"
    )
    chromium.wait_for_charts()
    document = chromium.pdf()

    assert paged == 50
    assert second[0].lstrip("*") == "51"
    assert chromium.run("return window.printed") == 240 + 2
    assert document.startswith(b"%PDF")
    assert len(cells(chromium, "case")) == 50


def test_a_history_is_drawn_for_the_case_and_metric_that_are_chosen(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    chromium.wait("document.querySelector('#histories svg')")
    chromium.run(
        "const [cases, metrics] = document.querySelectorAll('#histories select');"
        "cases.value = 'top1/int8'; cases.dispatchEvent(new Event('change'));"
        "metrics.value = 'size_mb'; metrics.dispatchEvent(new Event('change'))"
    )
    chromium.wait("document.querySelector('#histories .chart svg')")
    caption = chromium.driver.find_element(By.CSS_SELECTOR, "#histories figcaption").text

    assert "size_mb" in caption
    assert "int8" in caption


def test_the_time_axis_is_logarithmic_on_request(chromium: Browser, eight: Path) -> None:
    chromium.open(eight)
    chromium.wait_for_charts()
    x, _ = bubble(chromium, "top10/baseline")
    chromium.driver.find_element(By.CSS_SELECTOR, "label.switch input").click()
    chromium.wait(f"document.querySelector('{BUBBLES} svg')")
    moved, _ = bubble(chromium, "top10/baseline")

    assert moved > x + 20  # 3 s of 11 lie farther to the right there


@pytest.mark.sample
def test_hostile_texts_are_texts(chromium: Browser, tmp_path: Path) -> None:
    names = [HOSTILE, "=cmd|' /C calc'!A0", "\\input[/etc/passwd]$x$", "'\"><svg onload=window.hacked=1>", "x" * 10_000]
    results = [
        make_result(case=CaseRecord(dataset="digits", model=name, technique=technique), accuracy=0.5 + place / 20)
        for place, name in enumerate(names)
        for technique in ("baseline", "<b>int8")
    ]
    record = make_run(results, versions={HOSTILE: f"\u202e{HOSTILE}\x1b[31m"})
    chromium.open(written(tmp_path, record))
    chromium.wait_for_charts()
    x, y = map(int, bubble(chromium, ""))
    pointer = mouse(chromium)
    pointer.w3c_actions.pointer_action.move_to_location(x, y)
    pointer.perform()
    chromium.wait("document.querySelector('#vg-tooltip-element.visible')")

    assert chromium.run("return window.hacked") is None
    assert chromium.run("return document.querySelectorAll('img, b:not(figcaption b), main svg [onload]').length") == 0
    assert chromium.errors() == []
    shown = cells(chromium, "case")
    assert all(any(name in cell and cell.endswith("/<b>int8") for cell in shown) for name in names[:-1])
    assert HOSTILE in chromium.run("return document.getElementById('run').textContent")
    assert chromium.run("return document.documentElement.scrollWidth") <= 1200
