"""The pages of a site in a browser: from a file, from a server below any path, narrow and wide, light and dark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from pytest_opml.history.base import Release
from pytest_opml.history.memory import MemoryHistory
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


def is_of(address: str, start: str) -> bool:
    return address.startswith((start, "data:", "blob:"))


@pytest.mark.parametrize(("width", "theme"), [(400, "light"), (400, "dark"), (800, "dark"), (1600, "light")])
@pytest.mark.parametrize(("name", "fragment"), PAGES.items())
def test_each_page_works_as_a_file_and_everybody_can_read_it(
    chromium: Browser, axe: Path, site: Path, name: str, fragment: str, width: int, theme: str
) -> None:
    show(chromium, site, name, fragment, width=width, theme=theme)
    chromium.picture(f"site-{name.removesuffix('.html')}-{width}-{theme}")
    assert chromium.errors() == []
    assert [address for address in chromium.requests() if not is_of(address, site.as_uri())] == []
    assert chromium.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert chromium.faults(axe) == []


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
    assert all(label.startswith("the last ") for label in labels)
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
    for address in ("#run-01", "#last", "", "#v2", f"#{'a' * 10}"):  # a beginning, words, a label, a commit
        assert "budgets" in show(chromium, site, "run.html", address), address
    assert "The site has no run gone." in show(chromium, site, "run.html", "#gone")


@pytest.mark.sample
def test_two_runs_are_compared_by_address(chromium: Browser, site: Path) -> None:
    text = show(chromium, site, "compare.html", "#run-000..run-018")
    assert "3 cases are in both runs." in text
    assert "1.100" in text  # the int8 file
    text = show(chromium, site, "compare.html", "#run-000..run-019")
    assert "0 cases are in both runs." in text
    assert "The site has no such two runs: gone..last." in show(chromium, site, "compare.html", "#gone..last")


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
    assert "This page cannot be shown: data/index.js cannot be loaded. Build the site again with opml site." in text


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
        "case.html": [urlencode({"case": case}) for case in index["cases"][::5]],
        "run.html": [quote(f"{number} "[:3]) for number in (2, 3, 12, 15)],
        "compare.html": [f"{quote('2 ')}..{quote('3 ')}", quote("<script>..</script>"), "%..%"],
    }
    for fragment in fragments.get(name, [""]):
        chromium.open(hostile / name, f"#{fragment}", width=400)
        chromium.wait('document.documentElement.dataset.page === "shown"')
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
