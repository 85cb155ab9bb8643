"""What pytest prints of ours, and its files: no text of others does anything there but show."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from pytest_opml.printable import printable
from tests.support.projects import Bench, output

HOSTILE = "a\x1b]0;t\x07\r\n::error::b\x9b31m\u202e ##vso[task]"


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path) -> Bench:
    return Bench(pytester, cache_dir)


def test_an_error_of_ours_only_shows(bench: Bench) -> None:
    bench.file(
        f"""
    from pytest_opml.errors import CaseFailed, DatasetError

    def bench_data(opml):
        raise DatasetError({HOSTILE!r})

    def bench_case(opml):
        raise CaseFailed('crash', {HOSTILE!r})
    """
    )
    result = bench.run("--opml-store=none", "--junitxml=junit.xml")
    assert result.ret == 4
    assert f"bench/bench_it.py::bench_data: {printable(HOSTILE)}" in result.outlines
    assert f"crash: {printable(HOSTILE)}" in result.outlines
    texts = [part for node in parse("junit.xml").iter() for part in (*node.attrib.values(), node.text or "")]
    for line in (*result.outlines, *result.errlines, *"\n".join(texts).split("\n")):
        assert printable(line, lines=True) == line


def test_an_error_of_a_file_of_benchmarks_only_shows(bench: Bench) -> None:
    bench.file(f"from pytest_opml.errors import DatasetError\nraise DatasetError({HOSTILE!r})")
    result = bench.run("--opml-store=none")
    assert result.ret == 4
    assert printable(f"bench_it.py: {HOSTILE}") in output(result)
    for line in (*result.outlines, *result.errlines):
        assert printable(line, lines=True) == line
