"""A user's project with a bench file, in which pytest is run as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import small
from tests.support.onnx_files import write_classifier, write_rows

BENCH = f"""
    import pytest
    from pytest_opml import Case, matrix

    @pytest.mark.parametrize("case", matrix(
        models=["{small.NAME}"], dataset="digits", techniques=%s, weights="none", size=16, epochs=2, unfreeze=["all"],
    ), ids=str)
    def bench_it(case, opml):
        assert opml(case).accuracy.value > 0.2
"""
GUESS = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize(
        "case", [Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=%d)], ids=str
    )
    def bench_guess(case, opml):
        opml(case)
"""  # nothing is trained, and the accuracy is about 0.1
ONE = '["baseline"]'
TWO = '["baseline", "cluster-16"]'
FILES = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize("case", [Case(dataset="%s", model=name, unfreeze=0) for name in %r], ids=str)
    def bench_it(case, opml):
        opml(case)
"""  # finished files: a run of its own process starts without TensorFlow


class Bench:
    """A user's project with a bench file, and a cache that all tests share."""

    def __init__(self, pytester: pytest.Pytester, cache: Path) -> None:
        self.pytester, self.cache = pytester, cache
        (pytester.path / "bench").mkdir()

    def file(self, content: str, name: str = "bench_it.py") -> None:
        from textwrap import dedent

        (self.pytester.path / "bench" / name).write_text(dedent(content), "utf-8")

    def finished_files(self, *names: str, dataset: str = "rows.npz", more: str = "") -> None:
        """Write ONNX files, data that the first of them answers with an accuracy of 0.9, and benchmarks of them.

        Args:
            names: of the files.
            dataset: in the place of those data.
            more: that stands before the benchmarks.
        """
        write_rows(self.pytester.path / "rows.npz")
        for seed, name in enumerate(names):
            write_classifier(self.pytester.path / name, seed=seed)
        self.file(more + FILES % (dataset, names))

    def settings(self, text: str) -> None:
        (self.pytester.path / "pyproject.toml").write_text(text, "utf-8")

    def run(
        self, *arguments: str, cache: Path | None = None, where: str = "bench", apart: bool = False
    ) -> pytest.RunResult:
        common = ("-p", "no:cacheprovider", f"--opml-cache-dir={cache or self.cache}", "--opml-compare-seconds=0.1")
        # What is imported in a run within this process is forgotten after it, which NumPy and TensorFlow do not bear.
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest
        return run(*([where] if where else []), *common, *arguments)


def output(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()
