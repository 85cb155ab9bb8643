"""A package of its own, installed beside this one, adds a data set, a model and a technique."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest

from pytest_opml import Case, registry
from pytest_opml.case import parse_chain
from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher
from pytest_opml.runner.tasks import make_artifact, measure_artifact
from tests.support.workbench import Workbench


def test_the_package_is_installed_and_not_merely_importable() -> None:
    names = {entry.name for entry in distribution("opml-shapes").entry_points}
    assert names == {"shapes", "shapenet", "sign"}
    assert {"shapes", "shapenet", "sign"} <= {name for kind in registry.KINDS for name in registry.names(kind)}


def test_its_names_make_a_case_that_a_worker_runs(workbench: Workbench, tmp_path: Path) -> None:
    case = Case(dataset="shapes", model="shapenet", weights="none", size=16, unfreeze="all", technique="sign-1.0")
    launcher, limits = ProcessLauncher(None), ProcessLimits(600, None)
    paths = replace(workbench.paths, case_dir=tmp_path)
    built = launcher.run(make_artifact, (case, workbench.build, paths), limits)
    result = launcher.run(measure_artifact, (case, built, workbench.plan, paths), limits)
    assert result.id == "shapes/shapenet/all/sign-1.0/size=16,weights=none"
    assert result.artifact.changes == {"sign.weights": 5 * 5 * 3 * 16}
    assert result.classes == 2


def test_its_technique_joins_a_chain() -> None:
    assert [type(step).__name__ for step in parse_chain("sign-0.5+float16")] == ["Sign", "Float16"]


REGISTERING = """
    from opml_shapes import build, load

    def make_shapes(data_dir):
        return load(data_dir)

    def pytest_opml_register(register):
        register("dataset", "my_shapes")(make_shapes)
"""
BENCH = """
    import pytest
    from opml_shapes import build, Sign
    from pytest_opml import Case, register

    @register("model", "my_net")
    def my_net(keras, size, channels, *, weights):
        return build(keras, size, channels, weights=weights)

    @register("technique", "my_sign")
    class MySign(Sign):
        pass

    def bench_mine(opml):
        result = opml(Case(dataset="my_shapes", model="my_net", technique="my_sign-1",
                           weights="none", size=16, epochs=1))
        assert result.artifact.changes == {"sign.weights": 1200}
"""


@pytest.mark.tensorflow
def test_a_hook_and_a_decorator_make_names_known_to_the_workers(pytester: pytest.Pytester, cache_dir: Path) -> None:
    pytester.makeconftest("")
    folder = pytester.mkdir("bench")
    (folder / "conftest.py").write_text(_dedented(REGISTERING), "utf-8")
    (folder / "bench_mine.py").write_text(_dedented(BENCH), "utf-8")
    run = pytester.runpytest_subprocess(
        "bench", f"--opml-cache-dir={cache_dir}", "--opml-store=none", "--opml-compare-seconds=0.1", "-q"
    )
    run.assert_outcomes(passed=1)


def test_a_name_that_is_taken_stops_the_run_with_one_line(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        def pytest_opml_register(register):
            register("model", "efficientnet_lite0")(print)
    """)
    run = pytester.runpytest_subprocess()
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines("*pytest_opml_register: the model 'efficientnet_lite0' is already registered*")


def _dedented(text: str) -> str:
    from textwrap import dedent

    return dedent(text)
