"""Models that write or read files, or run code, are refused before anything of them runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.runtimes.loader import open_artifact, operations_outside
from tests.attack.models import outcome_of
from tests.attack.tally import ONE_LINE
from tests.support.hostile_models import CANARY, hostile_models, write_saved_model

_LIGHT = sorted(name for name in hostile_models() if name.startswith(("ONNX", "TFLite")))
# A few of those that need TensorFlow; ``python -m tests.attack models`` opens all.
_SAMPLE = (
    *("SavedModel: WriteFile in nested function", "SavedModel: PyFunc in loading", "SavedModel: ReadFile in v1"),
    *("SavedModel: RestoreV2 in body", "SavedModel: InitializeTableFromTextFileV2 in loading"),
    *("SavedModel: EagerPyFunc in second graph", "Keras: external storage", "Keras: hostile_module.run"),
    *("Keras: StringLookup", "Keras: keras.utils.get_file"),
)


@pytest.mark.parametrize("name", _LIGHT)
def test_a_file_without_tensorflow_is_refused_by_name(tmp_path: Path, name: str) -> None:
    outcome = outcome_of(name, tmp_path / "m")
    assert outcome.kind == ONE_LINE, outcome.text


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", _SAMPLE)
def test_a_model_that_would_do_more_is_refused_by_name(tmp_path: Path, name: str) -> None:
    outcome = outcome_of(name, tmp_path / "m")
    assert outcome.kind == ONE_LINE, outcome.text


@pytest.mark.tensorflow
def test_a_trusted_model_may_do_what_it_does(tmp_path: Path) -> None:
    path = write_saved_model(tmp_path, "WriteFile", "loading")
    assert operations_outside(path) == ("WriteFile",)
    assert not (tmp_path / CANARY).exists()
    open_artifact(path, threads=2, trusted=True)
    assert (tmp_path / CANARY).exists()  # so the attack would have noticed it
