"""The names that a case, a budget or an option may use, each with what there is to say about it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...metrics import Metric
from ...records.hardware_profiles import Profile
from ..formatting import wrapped
from .tables import fitted

_OTHERS = {"cpu": "the processor", "gpu": "any other GPU"}


def technique_table(techniques: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return techniques by name as plain data; their options with their defaults, and the meaning of each."""
    return [
        {
            "name": name,
            "usage": technique.usage(name),
            "summary": technique.summary(),
            "options": [{"option": option, "meaning": text} for option, text in technique.described_options()],
        }
        for name, technique in techniques.items()
    ]


def technique_lines(techniques: Mapping[str, Any], width: int) -> list[str]:
    """Say of each technique how it is written in a chain, what it does, and its options.

    Args:
        techniques: by name.
        width: columns that prose keeps to.
    """
    lines: list[str] = []
    for technique in technique_table(techniques):
        lines.append(technique["usage"])
        lines += textwrap.wrap(technique["summary"], width, initial_indent="    ", subsequent_indent="    ")
        longest = max((len(option["option"]) for option in technique["options"]), default=0)
        lines += [
            f"      {option['option']:{longest}}  {option['meaning']}".rstrip() for option in technique["options"]
        ]
    return lines


def quality_table(qualities: Mapping[str, Callable[..., Any]]) -> list[dict[str, Any]]:
    """Return qualities by name as plain data, with what their functions say of them."""
    return [
        {"name": name, "summary": next(iter((function.__doc__ or "").strip().splitlines()), "")}
        for name, function in qualities.items()
    ]


def quality_lines(qualities: Mapping[str, Callable[..., Any]], width: int) -> list[str]:
    """Say of each quality what it is.

    Args:
        qualities: the functions, by name.
        width: columns that prose keeps to.
    """
    lines: list[str] = []
    for quality in quality_table(qualities):
        lines.append(quality["name"])
        lines += textwrap.wrap(quality["summary"], width, initial_indent="    ", subsequent_indent="    ")
    return lines


def metric_table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """Return metrics by name as plain data, with what a budget on each may say."""
    return [
        {
            "name": name,
            "unit": metric.unit,
            "better": metric.better,
            "percent": metric.percent,
            "machine_dependent": metric.machine_dependent,
            "run_level": metric.run_level,
        }
        for name, metric in metrics.items()
    ]


def metric_lines(metrics: Mapping[str, Metric], width: int) -> list[str]:
    """Show metrics by name, with what a budget on each may say.

    Args:
        metrics: by name.
        width: columns that prose keeps to.
    """
    rows = [
        {
            "metric": name,
            "unit": metric.unit,
            "better": metric.better,
            "percent": "yes" if metric.percent else "no",
            "compared": _comparable(metric),
        }
        for name, metric in metrics.items()
    ]
    legend = (
        "percent: whether a budget relative to the reference may be a percentage; compared: with which other results "
        "max_regression and the reports compare it."
    )
    return [*fitted(rows, width, left=tuple(rows[0])).lines, "", *wrapped(legend, width)]


def _comparable(metric: Metric) -> str:
    if metric.run_level:
        return "in its run"
    return "on one machine" if metric.machine_dependent else "anywhere"


def profile_table(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """Return kinds of hardware by name as plain data."""
    return [{"name": name} | profile._asdict() for name, profile in profiles.items()]


def _patterns(name: str, profile: Profile) -> str:
    return " or ".join(pattern.replace(r"\b", "") for pattern in profile.patterns) or f"({_OTHERS[name]})"


def _half(name: str, profile: Profile) -> str:
    if name in _OTHERS:
        return "varies"
    return "yes" if profile.float16_in_hardware else "no"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


class _Column(NamedTuple):
    """A column of the table of hardware; ``meaning`` explains its header."""

    cell: Callable[[str, Profile], str]
    meaning: str = ""


_PROFILE_COLUMNS = {
    "profile": _Column(lambda name, _: name),
    "names that the driver gives": _Column(_patterns, "names: a regular expression that finds them"),
    "CUDA": _Column(lambda _, profile: profile.compute_capability or "", "CUDA: the compute capability"),
    "half": _Column(_half, "half: whether TensorFlow gains time by half precision"),
    "GB": _Column(lambda _, profile: _figure(profile.memory_gb), "GB: memory, 10^9 bytes"),
    "GB/s": _Column(lambda _, profile: _figure(profile.bandwidth_gb_s), "GB/s: its bandwidth"),
    "fp32": _Column(lambda _, profile: _figure(profile.float32_tflops), "fp32: 10^12 operations a second"),
    "fp16": _Column(lambda _, profile: _figure(profile.float16_tflops), "fp16: likewise, half precision"),
    "int8": _Column(lambda _, profile: _figure(profile.int8_tops), "int8: likewise, whole numbers"),
}
_LEFT = ("profile", "names that the driver gives", "half")
_LEAST_COLUMNS = 4


def profile_lines(profiles: Mapping[str, Profile], width: int) -> list[str]:
    """Show kinds of hardware by name, with as many of the vendor's figures as fit.

    Args:
        profiles: by name.
        width: columns that no line exceeds, down to those that the names take.
    """
    rows = [
        {header: column.cell(name, profile) for header, column in _PROFILE_COLUMNS.items()}
        for name, profile in profiles.items()
    ]
    table = fitted(rows, width, left=_LEFT, yielding=list(_PROFILE_COLUMNS)[: _LEAST_COLUMNS - 1 : -1])
    meanings = "; ".join(filter(None, (_PROFILE_COLUMNS[header].meaning for header in table.headers)))
    return [*table.lines, "", *wrapped(f"{meanings}. Rates are the most that the vendor's data sheets say.", width)]
