"""``opml measure``: a run without a bench file. Nothing here may import TensorFlow, in whatever process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click import unstyle
from click.testing import CliRunner

from pytest_opml import Case, cli
from pytest_opml.cli.measure import measure_command
from pytest_opml.errors import UsageError
from pytest_opml.history.base import Query
from pytest_opml.history.record_files import read_record
from pytest_opml.history.store import open_store
from tests.support.onnx_files import class_weights, write_classifier, write_rows
from tests.support.processes import in_terminal, python_path, screen
from tests.support.tflite_files import write_dense
from tests.support.waiting import wait_for

MAIN = "import sys\nfrom pytest_opml.cli import main\nif __name__ == '__main__':\n    main(prog_name='opml')\n"
BENCH = """
    from pytest_opml import Case, matrix
    import pytest

    @pytest.mark.parametrize("case", [Case(dataset="data/rows.npz", model="models/prod.onnx", unfreeze=0)], ids=str)
    def bench_prod(case, opml):
        opml(case)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that is right in 450 of 500 rows, and settings; the working folder."""
    monkeypatch.chdir(tmp_path)
    write_classifier(tmp_path / "models" / "prod.onnx")
    write_rows(tmp_path / "data" / "rows.npz")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.opml]\ncache_dir = "cache"\n[tool.opml.gate]\nsize_mb = { max = 1 }\n'
    )
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", MAIN, "measure", *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": python_path(), "COLUMNS": "100"}
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("split", ["own", "0-100"])
def test_what_measures_a_case_again_takes_the_same_examples(
    project: Path, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(project / "data" / "part.npz", parts=("train",))
    case = Case(dataset="data/part.npz", model="models/prod.onnx", unfreeze=0, split=split)
    planned: list[Case] = []

    def run_cases(cases: list[tuple[Case, str]], *_: object, **__: object) -> None:
        planned.extend(case for case, _ in cases)
        raise UsageError("this is far enough")

    monkeypatch.setattr("pytest_opml.runner.direct_run.run_cases", run_cases)
    done = CliRunner().invoke(cli.main, shlex.split(measure_command(case))[1:])
    assert "this is far enough" in done.output
    assert planned == [case]


def test_a_model_is_measured_judged_and_stored_as_by_pytest(project: Path) -> None:
    done = run(project, "models/prod.onnx", "--data", "data/rows.npz", "--gate", "accuracy.min=0.85")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0.9000 ±" in done.stdout
    assert done.stdout.splitlines()[-1] == "opml: exit code 0: 2 budgets passed"
    told = [line for line in done.stderr.splitlines() if line and not line.startswith("opml: waiting for the device")]
    assert told == []  # another run may have the device
    with open_store(f"sqlite:///{project}/.opml/history.db") as history:
        (stored,) = history.newest(Query(), 5)
    (result,) = stored.results
    assert result.accuracy is not None
    assert result.accuracy.value == 0.9
    assert result.accuracy.low < 0.9 < result.accuracy.high
    assert result.device.tensorflow is None
    options = ["--record=run.json", "--junit=run.xml", "--gate=accuracy.min=0.95", "--gate=size_mb.max_regression=1.1"]
    code, text = in_terminal(command("models/*.onnx", "--data=data/rows.npz", "--baseline=last", *options), project)
    assert code == 1, text
    assert "[1/1] top0/baseline: measuring" in text
    lines = [screen(line).rstrip() for line in text.replace("\r", "").split("\n")]
    assert not [line for line in lines if "measuring" in line]
    assert unstyle(lines[-2]).startswith("opml: exit code 1: 1 budget failed")
    assert "opml measure models/prod.onnx --data=data/rows.npz --unfreeze=0" in " ".join(text.split())
    record = read_record(project / "run.json")
    assert record.exit_code == 1
    assert [check.verdict for check in record.checks if check.rule == "max_regression"] == ["pass"]
    assert [one.result.case.id for one in record.baselines] == [result.case.id]
    suite = ET.parse(project / "run.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_pytest_needs_no_tensorflow_for_the_same_case(project: Path) -> None:
    from textwrap import dedent

    (project / "bench").mkdir()
    (project / "bench" / "bench_prod.py").write_text(dedent(BENCH))
    options = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--opml-json=run.json")
    environment = os.environ | {"PYTHONPATH": python_path()}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "bench", *options],
        cwd=project, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (result,) = read_record(project / "run.json").results
    assert result.accuracy is not None
    assert result.accuracy.value == 0.9
    assert result.case.id == "{data/rows.npz}/{models/prod.onnx}/top0/baseline"


def test_several_models_are_one_run_that_a_damaged_one_does_not_stop(project: Path) -> None:
    (project / "models" / "damaged.onnx").write_bytes(b"not a model")
    write_dense(project / "models" / "other.tflite", class_weights().T.copy())
    done = run(project, "models/*", "--data=data/rows.npz", "--store=none", "--json")
    assert done.returncode == 4, done.stdout + done.stderr
    record = json.loads(done.stdout)
    assert record["exit_code"] == 4
    assert [result["case"]["model"] for result in record["results"]] == ["models/other.tflite", "models/prod.onnx"]
    assert [result["accuracy"]["value"] for result in record["results"]] == [0.9, 0.9]
    assert [(one["case"]["model"], one["kind"]) for one in record["failures"]] == [("models/damaged.onnx", "usage")]
    assert not (project / ".opml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("models/prod.onnx", "models/none.onnx", "--data=data/rows.npz"), "model models/none.onnx: no such file"),
        (("models/*.tflite", "--data=data/rows.npz"), "models/*.tflite: no file matches"),
        (("models/prod.onnx",), "models/prod.onnx: no data: name them with --data, or in [tool.opml.model]"),
        (("models/prod.onnx", "--data=data/row.npz"), "no such file or folder; nearest: data/rows.npz"),
        (("models/prod.onnx", "--data=data/rows.npz", "--technique=int8"), "technique int8: needs a Keras model"),
        (("models/prod.onnx", "--data=data/rows.npz", "--gate=accuracy.least=1"), "accuracy"),
        (("models/prod.onnx", "resnet50", "--data=data/rows.npz", "--name=a"), "--name: one model has a name"),
        (("models/prod.onnx", "--data=data/rows.npz", "--preprocess=scale"), "preprocess: 'scale'"),
        (("models/prod.onnx", "--data=data/rows.npz", "--size=small"), "size = 'small'"),
        (("models/prod.onnx", "--data=data/rows.npz", "--unfreeze=few"), "unfreeze"),
        (("models/prod.onnx", "--data=data/rows.npz", "--learning-rate=2"), "learning_rate = 2.0"),
        (("models/prod.onnx", "--data=data/rows.npz", "--recipe=paper", "--augment=flip"), "leave augment out"),
        (("models/prod.onnx", "--data=data/rows.npz", "--junit=data/rows.npz/run.xml"), "cannot be written"),
        (("models/prod.onnx", "--data=data/rows.npz", "--gpu=abacus"), "unknown profile 'abacus'"),
        (("models/prod.onnx", "--data=data/rows.npz", "--config=absent.toml"), "absent.toml: no such file"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("project")
def test_wrong_input_is_one_line_and_ends_with_4(arguments: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(cli.main, ["measure", *arguments])
    assert done.exit_code == 4, done.output
    assert message in done.output
    assert len(done.output.splitlines()) == 1


def test_an_interrupted_run_says_what_it_came_to(project: Path) -> None:
    # a runner in the background hands on that SIGINT is ignored
    program = MAIN.replace("main(prog", "signal.signal(signal.SIGINT, signal.default_int_handler); main(prog")
    began = project / "began"
    slow = f"import time\ndef load(_):\n    open({str(began)!r}, 'w').close()\n    time.sleep(60)\n"
    (project / "slow.py").write_text(slow)
    arguments = [sys.executable, "-c", "import signal\n" + program, "measure", "models/prod.onnx"]
    environment = os.environ | {"PYTHONPATH": python_path()}
    process = subprocess.Popen(
        [*arguments, "--data=slow:load", "--store=none"],
        cwd=project, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(lambda: began.exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2, out
    assert out.splitlines()[-1] == "opml: exit code 2: the run was interrupted after 0 results"
