"""How long ``opml measure x.onnx --data x.npz`` takes on 500 rows, and which part of it.

    python benchmarks/start.py
    python benchmarks/start.py --runs 20

Seconds from the start of the process, medians; processor seconds are those of all its processes, which is what a busy
machine leaves as they are. The figure is in ``docs/running.md``.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parents[1]
_ROWS, _FEATURES, _CLASSES = 500, 64, 10
_PR_SET_CHILD_SUBREAPER = 36
_PHASES = ("command read", "run may begin", "model at hand", "model measured", "verdict written", "end")


def main() -> None:
    """Print the table, or in a child run the command and print when each part was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", type=float, metavar="STARTED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        _measure(options.child)
        return
    _adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        _write_files(Path(folder))
        _run(Path(folder))  # the first one compiles modules and fills the cache
        runs = [_run(Path(folder)) for _ in range(options.runs)]
    print(f"opml measure on {_ROWS} rows, seconds, median of {len(runs)} (from, to)")
    for name in (*_PHASES, "processor seconds"):
        seconds = [run[name] for run in runs]
        print(f"{name:<18} {statistics.median(seconds):6.2f}  ({min(seconds):.2f}, {max(seconds):.2f})")


def _write_files(folder: Path) -> None:
    """Write a linear classifier, and rows that it is right about."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = random.normal(size=(_FEATURES, _CLASSES)).astype(np.float32)
    x = random.normal(size=(_ROWS, _FEATURES)).astype(np.float32)
    np.savez(folder / "x.npz", x_test=x, y_test=(x @ weights).argmax(axis=1))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", _FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", _CLASSES])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "x.onnx"))


def _run(folder: Path) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_HERE), os.environ.get("PYTHONPATH", "")])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, __file__, "--child", repr(time.time())]
    before = _spent()
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=environment)
    while _has_children():
        os.wait()  # the server of workers, which ends after the command
    phases: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return phases | {"processor seconds": _spent() - before}


def _adopt_orphans() -> None:
    """Have the processes that children leave behind become children of this one, so that their time is counted."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _spent() -> float:
    """Processor seconds of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _measure(started: float) -> None:
    """Run the command in this process."""
    from pytest_opml import cli
    from pytest_opml.runner import direct_run, preflight
    from pytest_opml.runner.launchers.process import ProcessLauncher

    phases: dict[str, float] = {}

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            finally:
                phases.setdefault(name, time.time() - started)

        return wrapped

    direct_run.finish = noted("verdict written", direct_run.finish)
    run = ProcessLauncher.run
    names = {"make_artifact": "model at hand", "measure_artifact": "model measured"}

    def launched(self: ProcessLauncher, task: Any, *arguments: Any, **options: Any) -> Any:
        return noted(names[task.__name__], run)(self, task, *arguments, **options)

    ProcessLauncher.run = launched  # type: ignore[method-assign]
    preflight.check_run = noted("run may begin", preflight.check_run)
    phases["command read"] = time.time() - started
    arguments = ["measure", "x.onnx", "--data=x.npz", "--gate=accuracy.min=0.9", "--cache-dir=cache"]
    try:
        cli.main(arguments, prog_name="opml")
    except SystemExit as end:
        if end.code:
            raise
    phases["end"] = time.time() - started
    print(json.dumps(phases))


if __name__ == "__main__":
    main()
