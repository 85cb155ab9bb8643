"""Guesslang's language of a source (SavedModel, text to 54 languages): ``pip install --no-deps guesslang``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import samples

from pytest_opml import Case, RawData, Result, register

_DATA = samples.folder_of("guesslang", "--no-deps guesslang") / "data"
_SUFFIXES = (
    ".py",
    ".pyi",
    ".h",
    ".c",
    ".json",
    ".md",
    ".css",
    ".html",
    ".js",
    ".toml",
    ".ini",
    ".sh",
    ".sql",
    ".proto",
)
# The order of the model's outputs, which it gives as an output of its own.
# fmt: off
_LANGUAGES = (
    "asm", "bat", "c", "cs", "cpp", "clj", "cmake", "cbl", "coffee", "css", "csv", "dart", "dm", "dockerfile", "ex",
    "erl", "f90", "go", "groovy", "hs", "html", "ini", "java", "js", "json", "jl", "kt", "lisp", "lua", "makefile",
    "md", "matlab", "mm", "ml", "pas", "pm", "php", "ps1", "prolog", "py", "r", "rb", "rs", "scala", "sh", "sql",
    "swift", "tex", "toml", "ts", "v", "vba", "xml", "yaml",
)
# fmt: on


@register("dataset", "sources-in-many-languages")
def load(_: Path | None) -> RawData:
    package = _package()
    saved = package.load(str(_DATA / "model"))
    names = {extension: extension for extension in json.loads((_DATA / "languages.json").read_text("utf-8")).values()}
    texts = [path.read_text("utf-8", "replace") for path in samples.files_by_suffix(_SUFFIXES, each=12)]
    answers = [package.predict(saved, names, text)[0][0] for text in texts]
    return RawData(None, None, test_inputs=np.array(texts, object), test_labels=np.array(answers))


def _package() -> ModuleType:
    """The package's code that answers; what it trains with is no longer a part of TensorFlow, and is not needed."""
    import tensorflow as tf

    estimator, tracking = ModuleType("tensorflow.estimator"), ModuleType("tensorflow.python.training.tracking.tracking")
    modes = type("ModeKeys", (), {"TRAIN": "train", "EVAL": "eval", "PREDICT": "infer"})
    estimator.__dict__.update(ModeKeys=modes, Estimator=object, export=SimpleNamespace(ServingInputReceiver=object))
    tf.estimator = estimator
    tracking.__dict__.update(AutoTrackable=object)
    sys.modules.setdefault("tensorflow.estimator", estimator)
    sys.modules.setdefault("tensorflow.python.training.tracking", ModuleType("tensorflow.python.training.tracking"))
    sys.modules.setdefault("tensorflow.python.training.tracking.tracking", tracking)
    from guesslang import model

    return model


CASE = Case(
    dataset="sources-in-many-languages",
    model=str(_DATA / "model"),
    unfreeze=0,
    output="scores",
    classes=_LANGUAGES,
    name="guesslang",
)


@pytest.mark.parametrize("case", [CASE], ids=str)
def bench_guesslang(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.test_samples >= 100
    assert result.accuracy.value == 1
