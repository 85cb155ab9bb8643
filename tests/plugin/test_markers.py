from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.plugin.markers import marked_search, marks_search


def item(**values: Any) -> Any:
    """A test with one marker of ours."""
    markers = [SimpleNamespace(args=(), kwargs=values)]
    return SimpleNamespace(name="bench_it", iter_markers=lambda name: iter(markers))


def test_a_marker_says_which_chains_and_how_long() -> None:
    assert not marks_search(item(gate={}))
    assert marks_search(item(search={}))
    space, seconds = marked_search(item(search={"chains": ["int8"], "seconds": 60}), {})
    assert (space.chains, seconds) == (("baseline", "int8"), 60.0)
    space, seconds = marked_search(item(search={"space": "mine"}), {"mine": ["float16"]})
    assert (space.chains, seconds) == (("baseline", "float16"), 3600.0)
    assert len(marked_search(item(search={}), {}).space.chains) > 5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("int8", "marker opml on bench_it: search: must be a table"),
        ({"seconds": 0}, "seconds must be a positive number, not 0"),
        ({"seconds": True}, "seconds must be a positive number, not True"),
        ({"space": "mine", "chains": ["int8"]}, "give a space by its name, or what is in it, not both"),
        ({"space": "mine"}, "no space is called 'mine'"),
        ({"chain": ["int8"]}, "unknown key 'chain'"),
    ],
)
def test_what_a_marker_cannot_say_of_a_search_is_refused(value: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        marked_search(item(search=value), {})
