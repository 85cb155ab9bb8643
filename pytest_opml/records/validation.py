"""What is wrong with a value, in our words: what it must be, in the place of what pydantic says of its input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_WHOLE, _NUMBER, _FLAG = "must be a whole number", "must be a number", "must be true or false"
_MOMENT, _OBJECT, _LIST = "must be a moment such as 2026-01-31T12:00:00Z", "must be an object", "must be a list"
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    "finite_number": "must be a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), _FLAG),
    **dict.fromkeys(("string_type", "string_sub_type"), "must be a text"),
    "string_unicode": "must be a text without lone surrogates",
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), _OBJECT),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "iterable_type"), _LIST),
    "timezone_aware": f"{_MOMENT}, with its time zone",
    "recursion_loop": "is nested too deep",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


def reason_of(error: ErrorDetails) -> str:
    """Return what a value must be, without a name of its place: ``must be a whole number``.

    Args:
        error: one of those that a ``ValidationError`` lists.
    """
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "json_invalid":
        return f"is not JSON: {context['error']}"
    if kind == "value_error":
        return str(context["error"])  # of a check of ours
    if kind.startswith("datetime_"):
        return _MOMENT
    if kind in ("string_too_short", "too_short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**{name: _plain(bound) for name, bound in context.items()})
    text = _REASONS.get(kind) or re.sub(r"^\w+ should ", "must ", error["msg"])
    return f"{text[:1].lower()}{text[1:]}"


def _plain(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else f"{bound:,}" if isinstance(bound, int) else str(bound)


def first_of(error: ValidationError) -> ErrorDetails:
    """Return what is wrong first."""
    return error.errors(include_url=False)[0]


def place_of(error: ErrorDetails, *before: Any) -> str:
    """Return where a value stands in its document: ``results.0.accuracy``."""
    return ".".join(str(part) for part in (*before, *error["loc"]))
