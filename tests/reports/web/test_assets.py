from __future__ import annotations

import json
from pathlib import Path

import platformdirs
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.web import assets

BUNDLE = "/* all of Vega */"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the runtime, and a bundler that tells how often it was asked."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "pages")
    assets._bundle.cache_clear()
    return tmp_path / "pages"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    made: list[str | None] = []

    def javascript_bundle(snippet: str | None) -> str:
        made.append(snippet)
        return BUNDLE

    monkeypatch.setattr(vl_convert, "javascript_bundle", javascript_bundle)
    return made


def test_the_runtime_is_bundled_once_and_read_afterwards(folder: Path, calls: list[str | None]) -> None:
    first = assets.vega_runtime()
    assets._bundle.cache_clear()
    assert assets.vega_runtime() == first
    assert first.startswith(BUNDLE)
    assert calls == [None]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", [lambda text: text[: len(text) // 2], lambda _: "", lambda _: "\xff"])
def test_a_damaged_runtime_is_bundled_again(folder: Path, calls: list[str | None], damage: object) -> None:
    whole = assets.vega_runtime()
    (path,) = folder.iterdir()
    path.write_text(damage(whole), "latin-1")  # type: ignore[operator]
    assets._bundle.cache_clear()
    assert assets.vega_runtime() == whole == path.read_text("utf-8")
    assert len(calls) == 2


def test_a_folder_that_cannot_be_written_costs_no_page(folder: Path, calls: list[str | None]) -> None:
    folder.write_text("a file is in the way")
    assert assets.vega_runtime().startswith(BUNDLE)
    assert len(calls) == 1


def test_the_real_runtime_has_what_the_scripts_use_and_does_not_end_its_element(folder: Path) -> None:
    runtime = assets.vega_runtime()
    assert "window.vegaEmbed=" in runtime
    assert "</script" not in runtime.lower()
    assert "<!--" not in runtime
    assert 500_000 < len(runtime) < 1_200_000
    assert folder.is_dir()


@pytest.mark.parametrize("name", [assets.STYLE, *assets.SCRIPTS, "report.js"])
def test_each_asset_is_packed_and_stays_within_its_element(name: str) -> None:
    text = assets.read_asset(name)
    assert text
    assert "</" not in text.replace("</<", "")


PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda value: st.lists(value) | st.dictionaries(st.text(), value)))
def test_data_are_read_as_they_were_and_hold_no_markup(value: object) -> None:
    text = assets.as_script_data(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
