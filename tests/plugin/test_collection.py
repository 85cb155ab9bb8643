"""What is a benchmark: functions, and methods of classes."""

from __future__ import annotations

import pytest

CLASSES = """
    import unittest

    class Base:
        def bench_inherited(self): pass

    class TestRelease(Base):
        def bench_in_class(self): pass
        def test_too(self): pass
        def helper(self): pass

        class BenchInner:
            def bench_in_inner_class(self): pass

    class BenchRelease:
        def bench_in_bench_class(self): pass

    class BenchHelper:
        def __init__(self, name): self.name = name

    class Other:
        def bench_of_no_test_class(self): pass

    class TestUnit(unittest.TestCase):
        def test_it(self): pass
"""


def test_benchmarks_are_collected_in_classes_too(pytester: pytest.Pytester) -> None:
    (pytester.path / "bench").mkdir()
    pytester.makepyfile(**{"bench/bench_it": CLASSES})
    result = pytester.runpytest("bench", "--collect-only", "-q", "-W", "error")
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == [
        "TestRelease::bench_inherited",
        "TestRelease::bench_in_class",
        "TestRelease::test_too",
        "TestRelease::BenchInner::bench_in_inner_class",
        "BenchRelease::bench_in_bench_class",
        "TestUnit::test_it",
    ]
    assert result.ret == 0


def test_a_class_of_benchmarks_that_cannot_be_collected_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        bench_it="""
        class BenchRelease:
            def __init__(self): pass
            def bench_it(self): pass
        """
    )
    result = pytester.runpytest("bench_it.py", "--collect-only")
    result.stdout.fnmatch_lines(["*cannot collect test class 'BenchRelease' because it has a __init__ constructor*"])


def test_classes_of_other_files_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=CLASSES)
    result = pytester.runpytest("test_it.py", "--collect-only", "-q")
    assert [line.rpartition("::")[2] for line in result.outlines if "::" in line] == ["test_too", "test_it"]
