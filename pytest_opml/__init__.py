"""Benchmark deep-learning models on accuracy, time and size at once, and gate their release in pytest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .datasets.images import RawData
    from .domain.case import Case, matrix
    from .domain.metrics import Metric
    from .domain.records import Result, RunRecord, Score
    from .domain.score import op_score
    from .errors import OpmlError
    from .registry import register
    from .techniques.base import Draft, Material, Technique

# pytest imports this package in every run of every project it is installed in, so each name is loaded when first used.
_HOMES = {
    "Case": "domain.case",
    "Draft": "techniques.base",
    "Material": "techniques.base",
    "Metric": "domain.metrics",
    "OpmlError": "errors",
    "RawData": "datasets.images",
    "Result": "domain.records",
    "RunRecord": "domain.records",
    "Score": "domain.records",
    "Technique": "techniques.base",
    "matrix": "domain.case",
    "op_score": "domain.score",
    "register": "registry",
}

__all__ = [
    "Case",
    "Draft",
    "Material",
    "Metric",
    "OpmlError",
    "RawData",
    "Result",
    "RunRecord",
    "Score",
    "Technique",
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
