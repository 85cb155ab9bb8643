"""DGA Intel's names that nobody chose (Keras, 82 letters to a sigmoid): ``pip install --no-deps dgaintel tf-keras``."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import samples

from pytest_opml import Case, RawData, Result, register

_H5 = samples.folder_of("dgaintel", "--no-deps dgaintel") / "domain_classifier_model.h5"
samples.folder_of("tf_keras", "tf-keras")
_LETTERS = "-.0123456789_abcdefghijklmnopqrstuvwxyz"
# The package needs the Keras of TensorFlow 2.15 and before, which is one for a whole process.
_ASK = """
import json, sys
from dgaintel.predict import get_prob
print(json.dumps([float(p) for p in get_prob(json.load(sys.stdin), raw=True)]))
"""


@register("dataset", "names-of-domains")
def load(_: Path | None) -> RawData:
    chosen = random.Random(0)
    names = [f"{chosen.choice(samples.WORDS)}{chosen.choice(samples.WORDS)}.com" for _ in range(60)]
    names += ["".join(chosen.choices(_LETTERS[2:], k=chosen.randint(10, 24))) + ".net" for _ in range(60)]
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    answered = subprocess.run(
        [sys.executable, "-c", _ASK],
        input=json.dumps(names),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = np.array(json.loads(answered.stdout.splitlines()[-1])) >= 0.5
    letters = np.zeros((len(names), 82), np.float32)
    for row, name in zip(letters, names, strict=True):
        row[: len(name)] = [_LETTERS.index(letter) for letter in name]
    return RawData(None, None, ("genuine", "DGA"), test_inputs=letters, test_labels=answers.astype(int))


def _as_keras_3(target: Path) -> None:
    """Save the package's model in the format of Keras 3, without an option that Keras 3 no longer has."""
    import h5py
    import keras

    with h5py.File(_H5) as file:
        config = json.loads(file.attrs["model_config"])
    model = keras.Sequential.from_config(_without(config["config"], "time_major"))
    model.load_weights(_H5)
    model.save(target)


def _without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, key) for name, inner in value.items() if name != key}
    return [_without(inner, key) for inner in value] if isinstance(value, list) else value


def bench_dgaintel(opml: Callable[[Case], Result], tmp_path: Path) -> None:
    _as_keras_3(tmp_path / "dgaintel.keras")
    case = Case(dataset="names-of-domains", model=str(tmp_path / "dgaintel.keras"), unfreeze=0, name="dgaintel")
    result = opml(case)
    assert result.test_samples == 120
    assert result.accuracy.value == 1
