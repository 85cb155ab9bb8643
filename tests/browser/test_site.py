"""The pages of a site in a browser: from a file, from a server below any path, narrow and wide, light and dark."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from pytest_opml.gate.run_cost import MaxCost, judge_cost
from pytest_opml.history.base import Release
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.site.server import serving
from tests.support.browser import Browser
from tests.support.builders import make_case, make_device, make_failure, make_result
from tests.support.history_runs import START, make_timing
from tests.support.pages import HOSTILE, make_hostile
from tests.support.site_files import build, read_rows, site_run

INT8 = make_case("int8").id
PAGES = {
    "index.html": "",
    "devices.html": "",
    "run.html": "#run-018",
    "compare.html": "#v1..last",
    "case.html": f"#{urlencode({'case': INT8, 'metric': 'size_mb'})}",
}


def history_run(number: int) -> RunRecord:
    device = make_device("t4" if number % 5 == 4 else "cpu")
    sizes = {"baseline": 14.0, "int8": 4.0 if number < 12 else 4.4, "cluster-256": 4.7}
    results = [
        make_result(name, inference_s=10 + number % 3 / 10, size_mb=size, device=device) for name, size in sizes.items()
    ]
    failures = [make_failure("float16")] if number % 6 == 0 else []
    timings = [make_timing()] if number == 3 else []
    return site_run(number, results, failures=failures, timings=timings, profile=device.profile)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "public"
    history = MemoryHistory(history_run(number) for number in range(24))
    for number, label in ((2, "v1"), (15, "v2")):
        history.promote(Release(f"run-{number:03d}", START, label))
    build(folder, history, title="Our models")
    return folder


@pytest.fixture(scope="module")
def served(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site below a path."""
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(site, root / "some where/deep")
    with serving(root, 0) as address:
        yield f"{address}some%20where/deep/"


def show(browser: Browser, site: Path, name: str, fragment: str = "", **options: object) -> str:
    """Open a page, and return its text once it shows its data."""
    browser.open(site / name, fragment, **options)  # type: ignore[arg-type]
    browser.wait('document.documentElement.dataset.page === "shown"')
    if name == "case.html":
        browser.wait_for_charts()
    return str(browser.run("return document.body.innerText"))


def show_what_is_there(browser: Browser, path: Path) -> str:
    """Open a page, with a chart or without, in a narrow window, and return its text."""
    browser.open(path, width=400)
    browser.wait('document.documentElement.dataset.page === "shown"')
    return str(browser.run("return document.body.innerText"))


def go(browser: Browser, fragment: str) -> str:
    """Follow a link to another part of the page that is open, and return its text."""
    browser.run("delete document.documentElement.dataset.page; location.hash = arguments[0]", f"#{fragment}")
    browser.wait('document.documentElement.dataset.page === "shown"')
    return str(browser.run("return document.body.innerText"))


def is_of(address: str, start: str) -> bool:
    return address.startswith((start, "data:", "blob:"))


@pytest.mark.parametrize(("widths", "theme"), [((400, 800), "dark"), ((1600, 400), "light")])
@pytest.mark.parametrize(("name", "fragment"), PAGES.items())
def test_each_page_works_as_a_file_and_everybody_can_read_it(
    chromium: Browser, axe: Path, site: Path, name: str, fragment: str, widths: Sequence[int], theme: str
) -> None:
    show(chromium, site, name, fragment, width=widths[0], theme=theme)
    assert chromium.errors() == []
    assert [address for address in chromium.requests() if not is_of(address, site.as_uri())] == []
    assert chromium.faults(axe) == []
    for width in widths:
        chromium.resize(width)
        chromium.run("for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame)")
        assert chromium.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        chromium.picture(f"site-{name.removesuffix('.html')}-{width}-{theme}")


@pytest.mark.parametrize(("name", "fragment"), PAGES.items())
def test_each_page_works_below_any_path_of_a_server(chromium: Browser, served: str, name: str, fragment: str) -> None:
    chromium.driver.get_log("browser")
    chromium.driver.get_log("performance")
    chromium.driver.get("about:blank")
    chromium.driver.get(f"{served}{name}{fragment}")
    chromium.wait('document.documentElement.dataset.page === "shown"')
    if name == "case.html":
        chromium.wait_for_charts()
    assert chromium.errors() == []
    assert [address for address in chromium.requests() if not is_of(address, served)] == []
    assert "cannot be shown" not in chromium.run("return document.body.innerText")


@pytest.mark.sample
def test_the_index_lists_cases_and_runs(chromium: Browser, site: Path) -> None:
    text = show(chromium, site, "index.html")
    assert "Our models" in text
    assert "24 runs in all." in text
    assert chromium.run("return document.querySelectorAll('#cases tbody tr').length") == 8
    labels = chromium.run(
        "return [...document.querySelectorAll('svg.spark')].map((one) => one.getAttribute('aria-label'))"
    )
    assert len(labels) == 7  # one case never had a result
    assert all(
        re.match(r"the last \d+ values of OpScore, from |one value of call_s, 0\.0100 s$", one) for one in labels
    )
    chromium.run("const s = document.getElementById('profile'); s.value = 't4'; s.dispatchEvent(new Event('change'))")
    assert chromium.run("return document.querySelectorAll('#cases tbody tr').length") == 3


def test_the_branch_of_the_index_is_chosen(chromium: Browser, site: Path) -> None:
    show(chromium, site, "index.html")
    find = "const s = document.getElementById('branch'); const one = [...s.options].find((o) => o.text === 'topic');"
    chromium.run(f"{find} s.value = one.value; s.dispatchEvent(new Event('change'))")
    dates = chromium.run(
        "return [...document.querySelectorAll('#cases tbody tr')].map((row) => row.lastChild.innerText)"
    )
    newest = {f"{START + timedelta(hours=number):%Y-%m-%d %H:%M}" for number in (20, 4, 16, 12, 0)}
    assert dates
    assert set(dates) <= newest


def test_a_table_is_filtered_and_sorted_with_the_keyboard(chromium: Browser, site: Path) -> None:
    show(chromium, site, "index.html")
    keys = chromium.driver.switch_to.active_element
    for _ in range(40):
        keys.send_keys("\ue004")  # Tab
        keys = chromium.driver.switch_to.active_element
        if keys.get_attribute("id") == "cases-filter":
            break
    keys.send_keys("int8 cpu")
    chromium.wait("document.querySelectorAll('#cases tbody tr').length === 1")
    assert INT8 in chromium.run("return document.querySelector('#cases tbody').innerText")


def test_the_skip_link_leads_to_the_content_and_leaves_the_address(chromium: Browser, site: Path) -> None:
    show(chromium, site, "run.html", "#run-018")
    chromium.run("document.querySelector('.skip').click()")
    assert chromium.run("return [document.activeElement.id, location.hash]") == ["content", "#run-018"]


@pytest.mark.sample
def test_a_case_shows_its_points_steps_budgets_and_releases(chromium: Browser, site: Path) -> None:
    text = show(chromium, site, "case.html", PAGES["case.html"])
    rows = [row for row in read_rows(site, 1) if len(row) > 3]
    assert f"size_mb in {len(rows)} runs, the newest 4.40 MB; 1 lasting step, 2 releases, 1 budget." in text
    assert "at most 5.00 MB" in text
    assert "4.00 MB\t4.40 MB\t+0.400" in text
    names = chromium.run("return [...document.querySelectorAll('#trend text')].map((one) => one.textContent)")
    assert {"v1", "v2", "max = 5"} <= set(names)
    chromium.run(
        "const s = document.getElementById('metric'); s.value = 'quality'; s.dispatchEvent(new Event('change'))"
    )
    chromium.wait(
        "location.hash.includes('quality') && document.querySelector('figcaption').innerText.startsWith('quality')"
    )
    assert chromium.errors() == []


def test_a_run_shows_its_verdict_results_and_what_did_not_pass(chromium: Browser, site: Path) -> None:
    text = show(chromium, site, "run.html", "#run-018")
    assert text.count("1 of 6 budgets failed; 1 case without a result.") == 1
    assert "size_mb 14 MB is above 5 MB (max = 5)" in text
    assert "it fell over" in text
    for address in ("run-000", "last", "", "v2", "a" * 10, "a" * 40):  # an id, words, a label, commits
        assert "budgets" in go(chromium, address), address
    assert "The site has no run gone." in go(chromium, "gone")
    assert "run-01 begins more than one run: write more of it." in go(chromium, "run-01")
    assert chromium.errors() == []


def test_a_run_that_cost_too_much_says_so_and_links_to_no_case(chromium: Browser, tmp_path: Path) -> None:
    use = NodeUse(profile="cpu", nodes=1, seconds=3600, price_per_hour=2.48)
    run = site_run(1, [make_result(size_mb=4.0)], node_use=(use,))
    run = run.model_copy(update={"checks": (*run.checks, *judge_cost(run, MaxCost(2.0, "s")))})
    build(tmp_path / "site", MemoryHistory([run]))
    text = show(chromium, tmp_path / "site", "run.html", "#run-001")
    assert "the run cost 2.48, at most 2.00 is allowed (max_cost)" in text
    assert "2.48 (cpu 1:00:00 at 2.48/h)" in text
    cells = "[...document.querySelectorAll('td, th')].filter((cell) => cell.innerText === 'the run')"
    assert chromium.run(f"return {cells}.map((cell) => cell.querySelectorAll('a').length)") == [0]


@pytest.mark.sample
def test_two_runs_are_compared_by_address(chromium: Browser, site: Path) -> None:
    text = show(chromium, site, "compare.html", "#run-000..run-018")
    assert "3 cases are in both runs." in text
    assert "1.100" in text  # the int8 file
    assert "0 cases are in both runs." in go(chromium, "run-000..run-019")
    assert "The site has no such two runs: gone..last." in go(chromium, "gone..last")
    assert "last is no address of two runs: write A..B." in go(chromium, "last")
    assert "run-0 begins more than one run" in go(chromium, "run-0..last")
    assert "The site has no such two runs: " in go(chromium, ".." * 5_000)


def test_a_row_of_a_killed_build_is_not_shown(chromium: Browser, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(site, copy)
    path = copy / "data/g1/series/1/0.js"
    text = path.read_text()
    path.write_text(text.replace("\n]);", ",\n[99,0,1,0.1,0.2,0.3,0.4]\n]);"))
    shown = show(chromium, copy, "case.html", PAGES["case.html"])
    assert shown == show(chromium, site, "case.html", PAGES["case.html"])


def test_a_file_that_is_missing_is_told_in_the_page(chromium: Browser, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(site, copy)
    (copy / "data/index.js").unlink()
    text = show(chromium, copy, "index.html")
    assert "This page cannot be shown: data/index.js cannot be loaded. Reload it; if that does not help, build" in text


def test_a_page_that_is_open_while_all_is_built_anew_says_so_and_its_link_stays_right(
    chromium: Browser, tmp_path: Path
) -> None:
    history = MemoryHistory([history_run(number) for number in range(2)])
    build(tmp_path / "site", history)
    show(chromium, tmp_path / "site", "run.html", "#run-001")
    build(tmp_path / "site", history, rebuild=True)
    assert "data/g1/runs/0/0.js cannot be loaded. Reload it; if that does not help" in go(chromium, "run-000")
    assert "Run of 2026-01-02 03:04 UTC" in show(chromium, tmp_path / "site", "run.html", "#run-000")


def test_the_address_of_a_file_that_changes_changes_with_it(chromium: Browser, tmp_path: Path) -> None:
    history, asked = MemoryHistory(), []
    for number in range(2):
        history.append(history_run(number))
        build(tmp_path, history)
        show(chromium, tmp_path, "case.html", PAGES["case.html"])
        asked.append({address for address in chromium.requests() if "/g1/" in address})
    for name in ("list/0.js", "series/1/0.js", "series/1/facts.js"):
        assert all(any(f"/g1/{name}?" in address for address in addresses) for addresses in asked)
    assert not asked[0] & asked[1]


def test_the_choice_of_a_metric_leaves_the_focus_where_it_is_and_goes_back(chromium: Browser, site: Path) -> None:
    show(chromium, site, "case.html", f"#{urlencode({'case': INT8})}")
    chromium.run("document.getElementById('metric').focus()")
    chromium.driver.switch_to.active_element.send_keys("q")  # of quality
    chromium.wait(
        "location.hash.includes('metric=quality') && document.querySelector('figcaption').innerText[0] === 'q'"
    )
    assert chromium.run("return document.activeElement.id") == "metric"
    chromium.driver.back()
    chromium.wait("document.querySelector('figcaption').innerText.startsWith('op_score')")
    assert chromium.run("return document.getElementById('metric').value") == "op_score"


def test_a_link_to_another_run_leads_to_the_beginning_of_it(chromium: Browser, site: Path) -> None:
    show(chromium, site, "run.html", "#run-018", width=400)
    chromium.run("window.scrollTo(0, 900); document.querySelector('a[href=\"run.html#run-017\"]').click()")
    chromium.wait("document.title.startsWith('Run of 2026-01-02 20:04')")
    assert chromium.run("return [document.activeElement.id, window.scrollY]") == ["content", 0]


def test_the_page_shows_what_the_address_says_last(chromium: Browser, site: Path) -> None:
    show(chromium, site, "run.html", "#run-018")
    # the data of run 3 are there later than those of run 18, which are asked for after them
    chromium.run(
        "const next = new Promise((done) => addEventListener('hashchange', done, {once: true}));"
        "location.hash = '#run-003'; await next; location.hash = '#run-018';"
        "await opml.loadData('g1/runs/0/3'); await new Promise((done) => setTimeout(done, 50));"
    )
    assert "Run of 2026-01-02 21:04" in chromium.run("return document.getElementById('filled').innerText")


@pytest.mark.parametrize("plus", ["+", "%2B"])
def test_a_plus_in_an_address_is_a_plus(chromium: Browser, odd: Path, plus: str) -> None:
    text = show(
        chromium, odd, "case.html", f"#case=digits/efficientnet_lite0/top1/prune-0.5{plus}cluster-64&device=cpu"
    )
    assert "no result in the run of" in text
    assert "top1/prune-0.5+cluster-64" in chromium.run("return document.querySelector('h1').innerText")


def test_a_case_is_named_by_its_address_whatever_it_is_called(chromium: Browser, odd: Path) -> None:
    show(chromium, odd, "index.html")
    links = chromium.run("return [...document.querySelectorAll('#cases th a')].map((one) => [one.innerText, one.href])")
    for name, address in links:
        chromium.driver.get(address)
        chromium.wait('document.documentElement.dataset.page === "shown"')
        assert chromium.run("return document.querySelector('h1').innerText") == name
        assert chromium.run("return document.querySelector('section img').naturalWidth") > 20  # its badge is there
    assert chromium.errors() == []


def test_short_times_and_what_has_no_result_are_shown(chromium: Browser, odd: Path) -> None:
    show(chromium, odd, "index.html")
    rows = chromium.run("return [...document.querySelectorAll('#cases tbody tr')].map((row) => row.innerText)")
    assert [row.split("\t")[4:6] for row in rows if "a b" in row] == [["2.00e-7", "+1.00e-8 s"]]
    assert [row.split("\t")[2:5] for row in rows if "prune" in row] == [["no result", "", ""]]
    labels = chromium.run("return [...document.querySelectorAll('.spark')].map((one) => one.ariaLabel)")
    assert "the last 2 values of OpScore, from 1.146 to 1.146" in labels
    assert "the last 3 values of call_s, from 1.80e-7 s to 2.00e-7 s" in labels
    runs = chromium.run("return document.querySelector('#runs tbody').innerText")
    assert "interrupted, fail" in runs
    assert "1 failed, 2 inconclusive, 1 passed" in runs


def test_a_release_may_be_called_as_an_address_is_written(chromium: Browser, odd: Path) -> None:
    text = show(chromium, odd, "compare.html", f"#{quote(LABEL, safe='')}..last")
    assert "before\nodd-0" in text
    assert "after\nodd-2" in text


@pytest.mark.parametrize("runs", [0, 1])
@pytest.mark.parametrize("name", PAGES)
def test_a_history_of_no_run_or_one_has_pages(
    chromium: Browser, axe: Path, tmp_path: Path, name: str, runs: int
) -> None:
    build(tmp_path / "site", MemoryHistory([history_run(number) for number in range(runs)]))
    text = show_what_is_there(chromium, tmp_path / "site" / name)
    assert ("has no " in text) == (not runs and name != "compare.html")
    if name == "compare.html":
        assert f"The site has {runs} run{'' if runs else 's'}, and a comparison is of two." in text
    assert chromium.run("return document.querySelectorAll('h1').length") == 1
    assert chromium.errors() == []
    assert chromium.faults(axe) == []


LABEL = "od..d/c?d#e%20 \"'"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site below a folder with blanks and a percent sign, of cases with any character."""
    folder = tmp_path_factory.mktemp("odd") / "our site %41"
    history = MemoryHistory()
    for number in range(3):
        results = [make_result("prune-0.5+cluster-64"), make_result("int8", size_mb=4.0)]
        failures = [make_failure("prune-0.5+cluster-64")] if number == 2 else []
        timings = [make_timing(name, 1.8e-7 + number * 1e-8) for name in ("a b#c?d&e=f%20g/\"é'\\", "tests/x.py::a+b")]
        own = {"run_id": f"odd-{number}", "failures": failures, "timings": timings, "interrupted": number == 1}
        history.append(site_run(number, results[number == 2 :], **own))
    history.promote(Release("odd-0", START, LABEL))
    build(folder, history)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, history = tmp_path_factory.mktemp("hostile") / "site", MemoryHistory()
    for number, text in enumerate((*HOSTILE, "x" * 10_000, r"\input{/etc/passwd}", "=cmd|'/c calc'!A1")):
        record = make_hostile(text)
        assert record.commit is not None
        line = "".join(char for char in text if char.isprintable())[:500]
        commit = record.commit.model_copy(update={"commit": f"{number:x}" * 20})
        own = {"run_id": f"{number} {line}", "commit": commit}
        history.append(record.model_copy(update=own))
        history.promote(Release(f"{number} {line}", START, text))
    build(folder, history, title=HOSTILE[2])
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_hostile_texts_show_as_they_are(chromium: Browser, axe: Path, hostile: Path, name: str) -> None:
    index = json.loads((hostile / "data/index.js").read_text().partition(",")[2].rstrip()[:-2])
    fragments = {
        "case.html": [urlencode({"case": case}) for case in index["cases"][::3]],
        "run.html": [quote(f"{number} "[:3]) for number in (2, 3, 12, 15)],
        "compare.html": [f"{quote('2 ')}..{quote('3 ')}", quote("<script>..</script>"), "%..%"],
    }
    show_what_is_there(chromium, hostile / name)
    for fragment in fragments.get(name, [""]):
        if fragment:
            go(chromium, fragment)
        assert (
            chromium.run("return document.querySelectorAll('script:not([src]), #filled script, #filled iframe').length")
            == 0
        )
        images = chromium.run("return [...document.images].map((one) => one.getAttribute('src'))")
        assert all(source.startswith("badges/") for source in images)
        assert chromium.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            fragment
        )
        assert chromium.errors() == []
    assert chromium.faults(axe) == []
    text = chromium.run("return document.body.innerText")
    assert "<script>alert(1)</script>" in text  # the title of the site
    assert not set("\x1b\x00\u202e") & set(text)
