"""Deepcut's word ends in Thai (Keras, two inputs to one sigmoid): ``pip install deepcut``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import samples

from pytest_opml import Case, RawData, Result, register

samples.folder_of("deepcut", "deepcut")
# The first article of the Universal Declaration of Human Rights.
_TEXT = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ"


@register("dataset", "thai-letters")
def load(_: Path | None) -> RawData:
    import deepcut
    from deepcut.utils import create_feature_array

    letters, kinds = create_feature_array(_TEXT, n_pad=21)
    begins = np.zeros(len(_TEXT) + 1, int)
    begins[np.cumsum([len(word) for word in deepcut.tokenize(_TEXT)])] = 1
    # what the model says of the first letter, the package does not look at
    inputs = {"letters": letters[1:].astype(np.float32), "kinds": kinds[1:].astype(np.float32)}
    return RawData(None, None, ("inside", "begins"), test_inputs=inputs, test_labels=begins[1:-1])


def _saved(target: Path) -> None:
    import keras
    from deepcut.deepcut import WEIGHT_PATH
    from deepcut.model import get_convo_nn2

    model = get_convo_nn2()
    model.load_weights(WEIGHT_PATH)
    letters, kinds = keras.Input((21,), name="letters"), keras.Input((21,), name="kinds")
    keras.Model({"letters": letters, "kinds": kinds}, model([letters, kinds])).save(target)


def bench_deepcut(opml: Callable[[Case], Result], tmp_path: Path) -> None:
    _saved(tmp_path / "deepcut.keras")
    result = opml(Case(dataset="thai-letters", model=str(tmp_path / "deepcut.keras"), unfreeze=0, name="deepcut"))
    assert result.test_samples >= 100
    assert result.accuracy.value == 1
