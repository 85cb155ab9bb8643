"""Whole runs of models that were trained by one of several clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_opml.case import Case
from pytest_opml.history.record_files import read_record
from pytest_opml.runtimes.loader import read_signature
from tests.support.projects import Bench, output
from tests.support.workbench import Workbench

MakeCase = Callable[..., Case]
CLIENT = """
    from pytest_opml import Case


    def bench_client(opml):
        opml(Case(
            dataset="digits", model="tests.support.small:build", weights="none", size=16, epochs=2, unfreeze="all",
            clients=10, client=0, client_label_skew=0.1,
        ))
"""


def test_a_run_says_which_client_trained_and_which_classes_it_lacked(bench: Bench, tmp_path: Path) -> None:
    bench.file(CLIENT)
    result = bench.run("--opml-store=none", f"--opml-json={tmp_path / 'record.json'}")
    assert result.ret == 0, output(result)
    (trained,) = read_record(tmp_path / "record.json").results
    assert "clients=10,client=0,client_label_skew=0.1" in trained.case.id
    assert trained.training.examples == 151
    assert trained.training.absent_classes == tuple("01579")
    note = "trained on the 151 examples of client 0 of 10; it has no example of class 0, 1, 5, 7, 9"
    assert note in trained.notes
    assert note in " ".join(output(result).split())
    # the head has all classes, and the test part is everybody's
    assert trained.test_samples == 599
    assert trained.confusion
    assert len(trained.confusion.answers) == trained.classes == 10
    assert trained.accuracy
    assert trained.precision
    assert trained.precision < trained.accuracy.value


def test_techniques_bear_a_client_that_lacks_half_of_the_classes(make_case: MakeCase, workbench: Workbench) -> None:
    client = {"clients": 10, "client": 0, "client_label_skew": 0.1, "patience": 1, "augment": "crop+mixup"}
    built = workbench.make(make_case("distill:tests.support.small:build,epochs=1+int8-tuned", **client))
    assert built.training.examples == 151
    assert len(built.training.absent_classes) == 5
    assert [output.shape[-1] for output in read_signature(built.path).outputs] == [10]
