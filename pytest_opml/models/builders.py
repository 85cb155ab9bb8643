"""What the builder of a model says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

# The height and width of images where neither the case nor the builder has them, pixels.
DEFAULT_SIZE = 64

_Builder = TypeVar("_Builder", bound=Callable[..., Any])


def made_for(size: int) -> Callable[[_Builder], _Builder]:
    """Decorator: the height and width in pixels that the weights were trained at, which ``size="own"`` stands for."""

    def mark(builder: _Builder) -> _Builder:
        builder.own_size = size  # type: ignore[attr-defined]
        return builder

    return mark


def classifier(builder: _Builder) -> _Builder:
    """Decorator: the builder takes ``classes`` instead of ``weights`` and returns a complete classifier."""
    builder.is_classifier = True  # type: ignore[attr-defined]
    return builder


def any_shape(builder: _Builder) -> _Builder:
    """Decorator: the builder takes images that are not square, whose ``size`` is then the pair (height, width)."""
    builder.any_shape = True  # type: ignore[attr-defined]
    return builder


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the images that a builder is given as ``size``, pixels."""
    return size if isinstance(size, tuple) else (size, size)


def takes(builder: Callable[..., Any], parameter: str) -> bool:
    """Whether a builder can be given an argument of a name."""
    parameters = _parameters(builder) or {}
    return parameter in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def takes_inputs(builder: Callable[..., Any]) -> bool:
    """Whether a builder is given the inputs of the data (its parameter ``inputs``), of whatever kind they are."""
    return "inputs" in (_parameters(builder) or {})


def is_finished_function(builder: Callable[..., Any]) -> bool:
    """Whether a model's function takes nothing, and so gives a finished model, as no builder of Keras does."""
    parameters = _parameters(builder)
    if parameters is None or hasattr(builder, "own_size"):
        return False
    return all(one.default is not one.empty for one in parameters.values())


def _parameters(builder: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a builder by name; None where Python does not know them."""
    try:
        return inspect.signature(builder).parameters
    except (TypeError, ValueError):
        return None
