"""The browser of the tests of pages, and where they leave their pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.browser import Browser, start_browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("sample"):
            item.add_marker("browser")


def _is_missing(what: str) -> NoReturn:
    """Skip a test where its browser was not installed, or fail where the run is to have one, as in .ci/run."""
    if os.environ.get("OPML_TEST_BROWSER") == "required":
        pytest.fail(f"a test needs {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder of the screenshots: that of ``OPML_TEST_PICTURES``, or one that git leaves out."""
    folder = Path(os.environ.get("OPML_TEST_PICTURES") or Path(__file__).parents[2] / ".pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[Browser]:
    """Debian's Chromium and its driver; CONTRIBUTING says how to install them."""
    try:
        browser = start_browser(tmp_path_factory.mktemp("chromium"), pictures)
    except FileNotFoundError as error:
        _is_missing(str(error))
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core, from the npm registry; CONTRIBUTING says how to install it."""
    path = Path(__file__).parents[2] / ".tox/axe/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        _is_missing("axe-core: npm install --no-save --prefix .tox/axe axe-core@4")
    return path
