from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.errors import DeviceError
from pytest_opml.models.mirrored import divided, scope_of
from tests.support.processes import ROOT, python_path


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What ``tests.support.several_devices`` found with three logical CPUs."""
    command = [sys.executable, "-m", "tests.support.several_devices"]
    environment = os.environ | {"PYTHONPATH": python_path(), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.fleet
def test_several_devices_train_what_one_trains(told: dict[str, Any]) -> None:
    found = told["compared"]
    assert found["devices"] == [3, 1]
    assert found["weights"] < 1e-5
    assert found["figures"] < 1e-6
    assert found["best_epochs"][0] == found["best_epochs"][1]


@pytest.mark.fleet
def test_a_batch_of_fewer_examples_than_devices_leaves_normalisation_sound(told: dict[str, Any]) -> None:
    assert told["normalised"] == {"devices": 3, "finite": True}


@pytest.mark.fleet
def test_more_devices_than_there_are_cannot_be_trained_on(told: dict[str, Any]) -> None:
    assert told["refused"] == (
        "devices = 4: TensorFlow has 3 CPUs here to train on; write devices=3, or run it where there are 4 GPUs of one "
        "kind"
    )
    with pytest.raises(DeviceError, match=r"devices = 64: TensorFlow has 1 CPU here to train on; write devices=1"):
        scope_of(64)


def test_one_device_has_no_scope() -> None:
    assert scope_of(1) is nullcontext


@pytest.mark.parametrize(("batch", "sizes"), [(4, [4, 4, 2]), (6, [6, 4]), (9, [9, 1])])
def test_each_example_of_a_batch_counts_once_and_as_much(batch: int, sizes: list[int]) -> None:
    inputs = {"rows": np.arange(10.0), "words": np.array([str(number) for number in range(10)])}
    batches = tf.data.Dataset.from_tensor_slices((inputs, np.arange(10.0)[:, None])).batch(batch)
    strategy = SimpleNamespace(num_replicas_in_sync=3, distribute_datasets_from_function=lambda made: made(None))
    shares = list(divided(batches, strategy).take(6 * len(sizes)).as_numpy_iterator())
    for _ in range(2):  # passes
        first = 0
        for size in sizes:
            of_batch, shares = shares[:3], shares[3:]
            assert {len(weights) for _, _, weights in of_batch} == {-(-size // 3)}
            weights = np.concatenate([weights for _, _, weights in of_batch])
            targets = np.concatenate([targets for _, targets, _ in of_batch])[:, 0]
            words = np.concatenate([examples["words"] for examples, _, _ in of_batch])
            assert targets[weights > 0].tolist() == list(range(first, first + size))
            assert np.allclose(weights[weights > 0], 1 / size)
            assert [float(word) for word in words] == targets.tolist()
            first += size
    assert not shares
