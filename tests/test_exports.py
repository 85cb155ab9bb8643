from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import pytest_opml


def test_all_is_what_has_a_home() -> None:
    assert pytest_opml.__all__ == sorted(pytest_opml._HOMES)


@pytest.mark.parametrize("name", pytest_opml.__all__)
def test_every_exported_name_is_the_one_of_its_home(name: str) -> None:
    home = import_module(f"pytest_opml.{pytest_opml._HOMES[name]}")
    assert getattr(pytest_opml, name) is getattr(home, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_opml' has no attribute 'Cases'"):
        pytest_opml.Cases  # noqa: B018


def test_dir_lists_the_exports() -> None:
    assert dir(pytest_opml) == pytest_opml.__all__


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    listing = "import sys, pytest_opml; print(*(m for m in sys.modules if m.startswith('pytest_opml')))"
    loaded = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["pytest_opml"]
