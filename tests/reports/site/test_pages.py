from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_opml.reports.site import pages
from pytest_opml.reports.site.pages import page_files, write_pages
from pytest_opml.reports.site.run_document import CODES, NO_RESULT, SITE_METRICS
from pytest_opml.reports.site.state import SiteState

HTML = [name for name in page_files() if name.endswith(".html")]


def test_there_is_a_page_for_each_question() -> None:
    assert HTML == ["index.html", "devices.html", "compare.html", "case.html", "run.html"]


@pytest.mark.parametrize("name", HTML)
def test_a_page_names_only_files_of_the_site_by_relative_addresses(name: str) -> None:
    texts = page_files()
    addresses = re.findall(r'(?:src|href)="([^"]*)"', texts[name])
    assert addresses
    assert {address for address in addresses if address not in texts} == {"data:,", "#content"}


@pytest.mark.parametrize("name", HTML)
def test_a_page_may_load_nothing_from_the_network(name: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page_files()[name])
    assert policy.startswith("default-src 'none'; script-src 'self' file:;")
    assert "http" not in policy
    assert "connect-src" not in policy
    assert "<script>" not in page_files()[name]


def test_only_the_page_with_charts_loads_what_draws_them() -> None:
    assert [name for name in HTML if "assets/vega.js" in page_files()[name]] == ["case.html"]


def test_an_address_of_the_site_is_written_into_its_pages() -> None:
    assert 'name="opml-base-url" content="https://a.example/&quot;"' in page_files('https://a.example/"')["case.html"]


def test_the_scripts_know_as_many_verdicts_as_there_are() -> None:
    script = page_files()["assets/site.js"]
    (states,) = re.findall(r"opml.STATES = \[([^]]*)\]", script)
    assert len(states.split(",")) == len(CODES)
    assert f"opml.NO_RESULT = {NO_RESULT};" in script


def test_each_metric_has_a_chart_that_marks_releases() -> None:
    specs = pages._trends()["specs"]
    assert set(specs) == set(SITE_METRICS)
    for spec in (one for both in specs.values() for one in both.values()):
        assert {layer["data"]["name"] for layer in spec["layer"]} == {"points", "levels", "steps", "limits", "releases"}
    assert specs["op_score"]["time"] != specs["op_score"]["number"]


def test_pages_are_written_again_where_one_is_missing_or_another(tmp_path: Path) -> None:
    state = SiteState(1)
    write_pages(tmp_path, state)
    stamp = (tmp_path / "index.html").stat().st_mtime_ns
    write_pages(tmp_path, state)
    assert (tmp_path / "index.html").stat().st_mtime_ns == stamp
    (tmp_path / "assets/site.js").unlink()
    write_pages(tmp_path, state)
    assert (tmp_path / "assets/site.js").exists()
    write_pages(tmp_path, state, "https://a.example/")
    assert "https://a.example/" in (tmp_path / "case.html").read_text()
