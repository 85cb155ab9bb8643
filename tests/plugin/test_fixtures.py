"""The parts of a case for benchmarks that are written by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_opml.case import Case
from pytest_opml.plugin.markers import marked_case
from tests.support import small
from tests.support.processes import python_path
from tests.support.projects import Bench, output

HEAD = f"""
    import numpy as np
    import pytest
    from pytest_opml import Case

    CASE = Case(dataset="digits", model="{small.NAME}", technique="cluster-16", weights="none", size=16, epochs=2,
                unfreeze="all")
"""


@pytest.fixture
def bench(pytester: pytest.Pytester, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", python_path())
    return Bench(pytester, cache_dir)


def test_a_hand_written_benchmark_has_the_parts_of_its_case(bench: Bench) -> None:
    bench.file(
        HEAD
        + """
    @pytest.mark.opml(case=CASE)
    def bench_by_hand(opml_dataset, opml_model, opml_artifact, opml_device, gpu_timer, benchmark):
        images = opml_dataset.x_test.take(range(32))
        assert images.shape == (32, 16, 16, 3)
        assert opml_device.profile == "cpu"
        assert opml_artifact.path.suffix == ".keras"

        @gpu_timer
        def trained():
            return opml_model.predict(images, verbose=0)

        assert trained().shape == (32, 10)
        with gpu_timer:
            found = opml_artifact.predict(images)
        assert [lap.device_s > 0 for lap in gpu_timer.laps] == [True, True]
        accuracy = (found.argmax(axis=1) == opml_dataset.y_test[:32]).mean()
        assert accuracy > 0.4
        # the artifact was clustered, the model was not
        assert len(np.unique(opml_model.get_layer("third").get_weights()[0])) > 1000
        benchmark(opml_artifact.predict, images)
    """
    )
    result = bench.run("--opml-store=none", "--benchmark-max-time=0.1", apart=True)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*benchmark: 1 tests*"])


class Item:
    """As much of a test as says which case it is about; its closest marker comes first."""

    name = "bench_it"

    def __init__(self, *markers: dict[str, object], **parameters: object) -> None:
        self._markers = [pytest.mark.opml(**arguments).mark for arguments in markers]
        self.callspec = SimpleNamespace(params=parameters)

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self._markers if mark.name == name]


CASE = Case(dataset="digits", model="small_cnn", technique="int8", weights="none")
OTHER = Case(dataset="digits", model="small_cnn", weights="none")


@pytest.mark.parametrize(
    "item",
    [
        Item({"case": CASE}),
        Item({"case": CASE.id}),
        Item(case=CASE),
        Item({"timeout": 3}, {"case": CASE}, {"case": OTHER}, case=OTHER),
    ],
)
def test_the_case_is_that_of_the_closest_marker_or_of_a_parameter(item: Item) -> None:
    assert marked_case(item) == CASE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("", "bench_it: which case? give it @pytest.mark.opml(case=Case(...)) or a parameter 'case', not None"),
        ("@pytest.mark.opml(case=3)", "or a parameter 'case', not 3"),
        ('@pytest.mark.opml(case="digits")', "'digits' is no case id"),
    ],
)
def test_without_a_case_it_is_one_line_and_a_usage_error(bench: Bench, marker: str, words: str) -> None:
    fixtures = ("opml_dataset", "opml_model", "opml_artifact")
    for number, name in enumerate(fixtures):
        bench.file(HEAD + f"\n    {marker or '# none'}\n    def bench_it({name}): pass\n", f"bench_{number}.py")
    result = bench.run("--opml-store=none")
    result.assert_outcomes(errors=len(fixtures))
    assert result.ret == 4
    assert words in output(result)
    assert "Traceback" not in output(result)
    assert "def marked_case" not in output(result)


def test_a_model_that_cannot_be_made_is_one_line(bench: Bench) -> None:
    bench.file(
        HEAD.replace('dataset="digits"', 'dataset="tests.support.faults:broken_code"')
        + "\n    @pytest.mark.opml(case=CASE)\n    def bench_it(opml_model): pass\n"
    )
    result = bench.run("--opml-store=none")
    assert result.ret != 0
    assert "error: KeyError: 'no such key'" in output(result)


def test_tests_with_any_of_them_are_selected_by_the_marker(bench: Bench) -> None:
    bench.file("def bench_a(gpu_timer): pass\ndef bench_b(opml_device): pass\ndef bench_c(): pass\n")
    bench.run("--collect-only", "-q", "-m", "opml").stdout.fnmatch_lines(["2/3 tests collected*"])
