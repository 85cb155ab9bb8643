"""Benchmark deep-learning models on accuracy, time and size at once, and gate their release in pytest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis.op_score import op_score
    from .case import Case, matrix
    from .datasets.splits import RawData
    from .errors import OpmlError
    from .metrics import Metric
    from .records.preprocess import Preprocess
    from .records.result import Result, Score
    from .records.run import RunRecord
    from .registry import register
    from .techniques.base import ModelState, Technique, TrainingContext

# pytest imports this package in every run of every project it is installed in, so each name is loaded when first used.
_HOMES = {
    "Case": "case",
    "Metric": "metrics",
    "ModelState": "techniques.base",
    "OpmlError": "errors",
    "Preprocess": "records.preprocess",
    "RawData": "datasets.splits",
    "Result": "records.result",
    "RunRecord": "records.run",
    "Score": "records.result",
    "Technique": "techniques.base",
    "TrainingContext": "techniques.base",
    "matrix": "case",
    "op_score": "analysis.op_score",
    "register": "registry",
}

__all__ = [
    "Case",
    "Metric",
    "ModelState",
    "OpmlError",
    "Preprocess",
    "RawData",
    "Result",
    "RunRecord",
    "Score",
    "Technique",
    "TrainingContext",
    "matrix",
    "op_score",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
