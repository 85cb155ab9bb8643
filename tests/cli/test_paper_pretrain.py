"""``opml paper pretrain``: what it refuses and says; what it does is in tests/runner/test_pretrainer.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.case import Case
from pytest_opml.models.pretrained import PAPER_NETWORKS
from pytest_opml.progress import Progress
from pytest_opml.runner import pretrainer
from pytest_opml.runner.launchers.base import WorkerFailed
from tests.support.weights import make_description

Train = Callable[[Case, bool], Any]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[[Train], list[Case]]:
    """Let a function train networks; the cases that it was asked for."""

    def put(answer: Train) -> list[Case]:
        asked: list[Case] = []

        class Trained:
            paths = SimpleNamespace(cache_dir=Path("cache"))

            def run(self, case: Case, on_progress: Callable[[Progress], None], *, is_anew: bool) -> Any:
                asked.append(case)
                on_progress(Progress("training", 1, 2))
                return answer(case, is_anew)

        monkeypatch.setattr(pretrainer, "open_pretrainer", lambda *_: Trained())
        return asked

    return put


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["paper", "pretrain", *arguments])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["resnet5"], "error: unknown network 'resnet5'; known: densenet121"),
        (["efficientnet_lite0"], "error: unknown network 'efficientnet_lite0'"),
        (["resnet50", "--dataset=cifar"], "error: unknown dataset 'cifar'"),
        (["resnet50", "--dataset=pets.npz"], "error: data set pets.npz: no such file or folder"),
        (["resnet50", "--size=8"], "Invalid value for '--size'"),
        (["resnet50", "--images=0"], "Invalid value for '--images'"),
        (["resnet50", "--gpu=voodoo"], "error: --opml-gpu: unknown profile 'voodoo'"),
    ],
)
def test_a_wrong_input_ends_it_at_once(
    arguments: list[str], text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_opml.runner.launchers.process.start_server", lambda: None)
    ended = run(*arguments, "--cache-dir=cache")
    assert (ended.exit_code, list(project.iterdir())) == (4, [])
    assert text in ended.output


def test_the_networks_of_the_paper_are_trained_on_pairs_of_digits_by_default(
    train: Callable[[Train], list[Case]],
) -> None:
    asked = train(lambda case, _: (make_description(case.model, "0" * 64), case.model != "vgg16"))
    ended = run()
    assert ended.exit_code == 0
    assert [case.model for case in asked] == list(PAPER_NETWORKS)
    assert {(case.dataset, case.weights, case.unfreeze, case.size) for case in asked} == {
        ("pytest_opml.paper.suite.digit_pairs:load", "none", "all", 32)
    }
    assert "resnet50: answers 75.0% of 200 test images of pairs right" in ended.output
    assert "; stored in cache/paper-weights/resnet50.weights.h5" in ended.output.replace(str(Path.cwd()) + "/", "")
    assert "; was there: cache/paper-weights/vgg16.weights.h5" in ended.output.replace(str(Path.cwd()) + "/", "")


def test_cifar_10_is_taken_where_it_is_at_hand(train: Callable[[Train], list[Case]], project: Path) -> None:
    (project / "data" / "cifar-10-batches-py").mkdir(parents=True)
    asked = train(lambda case, is_anew: (make_description(case.model, "0" * 64), is_anew))
    ended = run("resnet50", "resnet50", "--data-dir=data", "--epochs=2", "--force", "--json")
    assert [(case.dataset, case.epochs, case.subset) for case in asked] == [("cifar10", 2, None)]
    (plain,) = json.loads(ended.stdout)
    assert (plain["network"], plain["accuracy"]) == ("resnet50", 0.75)
    assert "stored in" in ended.stderr


def test_a_network_that_fails_is_told_and_the_others_are_trained(train: Callable[[Train], list[Case]]) -> None:
    def answer(case: Case, _: bool) -> Any:
        if case.model == "vgg16":
            raise WorkerFailed("error", "vgg16 has not learned: it answers 1.0%", "")
        return make_description(case.model, "0" * 64), True

    asked = train(answer)
    ended = run("vgg16", "resnet50")
    assert (ended.exit_code, [case.model for case in asked]) == (1, ["vgg16", "resnet50"])
    assert "error: vgg16 has not learned: it answers 1.0%\n" in ended.output
    assert "resnet50: answers" in ended.output


def test_a_wrong_input_that_a_worker_meets_has_the_exit_code_of_one(train: Callable[[Train], list[Case]]) -> None:
    def answer(case: Case, _: bool) -> Any:
        raise WorkerFailed("usage", "data set digits: labels: are no good", "")

    train(answer)
    ended = run("resnet50")
    assert (ended.exit_code, ended.output) == (4, "error: resnet50: data set digits: labels: are no good\n")


def test_an_interrupt_ends_it_and_says_so(train: Callable[[Train], list[Case]]) -> None:
    def answer(case: Case, _: bool) -> Any:
        raise KeyboardInterrupt

    asked = train(answer)
    ended = run("resnet50", "vgg16")
    assert (ended.exit_code, len(asked)) == (2, 1)
    assert ended.output == "resnet50: interrupted; nothing of it was stored\n"
