"""The names that a case, a budget or an option may use, and what is known of each."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...metrics import Metric
from ...records.hardware_profiles import Profile
from ..formatting import wrapped

_OTHERS = {"cpu": "the processor", "gpu": "any other GPU"}


def technique_table(techniques: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Techniques by name as plain data; their options with their defaults, and what each means."""
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
    """The same in lines: how each is written in a chain, what it does, and its options.

    Args:
        techniques: by name.
        width: columns that prose keeps to.
    """
    lines: list[str] = []
    for entry in technique_table(techniques):
        lines.append(entry["usage"])
        lines += textwrap.wrap(entry["summary"], width, initial_indent="    ", subsequent_indent="    ")
        first = max((len(each["option"]) for each in entry["options"]), default=0)
        lines += [f"      {each['option']:{first}}  {each['meaning']}".rstrip() for each in entry["options"]]
    return lines


def metric_table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """Metrics by name as plain data, with what a budget on each may say."""
    return [
        {
            "name": name,
            "unit": metric.unit,
            "better": metric.better,
            "percent": metric.percent,
            "of_machine": metric.machine,
            "of_run": metric.of_run,
        }
        for name, metric in metrics.items()
    ]


def metric_lines(metrics: Mapping[str, Metric], width: int) -> list[str]:
    """The same as a table.

    Args:
        metrics: by name.
        width: columns that prose keeps to.
    """
    rows = [
        [name, metric.unit, metric.better, "yes" if metric.percent else "no", _comparable(metric)]
        for name, metric in metrics.items()
    ]
    said = (
        "percent: whether a budget relative to the reference may be a percentage; compared: with which other results "
        "max_regression and the reports compare it."
    )
    table = _rendered(rows, ("metric", "unit", "better", "percent", "compared"), ("left",) * 5)
    return [*table, "", *wrapped(said, width)]


def _comparable(metric: Metric) -> str:
    if metric.of_run:
        return "in its run"
    return "on one machine" if metric.machine else "anywhere"


def profile_table(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """Kinds of hardware by name as plain data."""
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
    header: str
    align: str
    cell: Callable[[str, Profile], str]
    meaning: str = ""


_PROFILE_COLUMNS = (
    _Column("profile", "left", lambda name, _: name),
    _Column(
        "names that the driver gives",
        "left",
        _patterns,
        "names: a regular expression that finds them",
    ),
    _Column("CUDA", "right", lambda _, profile: profile.compute_capability or "", "CUDA: the compute capability"),
    _Column(
        "half",
        "left",
        _half,
        "half: whether TensorFlow gains time by half precision",
    ),
    _Column("GB", "right", lambda _, profile: _figure(profile.memory_gb), "GB: memory, 10^9 bytes"),
    _Column("GB/s", "right", lambda _, profile: _figure(profile.bandwidth_gb_s), "GB/s: its bandwidth"),
    _Column("fp32", "right", lambda _, profile: _figure(profile.float32_tflops), "fp32: 10^12 operations a second"),
    _Column("fp16", "right", lambda _, profile: _figure(profile.float16_tflops), "fp16: likewise, half precision"),
    _Column("int8", "right", lambda _, profile: _figure(profile.int8_tops), "int8: likewise, whole numbers"),
)
_LEAST_COLUMNS = 4


def profile_lines(profiles: Mapping[str, Profile], width: int) -> list[str]:
    """The same as a table, with as many of the vendor's figures as fit.

    Args:
        profiles: by name.
        width: columns that no line exceeds, down to those that the names take.
    """
    for count in range(len(_PROFILE_COLUMNS), _LEAST_COLUMNS - 1, -1):
        shown = _PROFILE_COLUMNS[:count]
        rows = [[column.cell(name, profile) for column in shown] for name, profile in profiles.items()]
        table = _rendered(rows, [column.header for column in shown], [column.align for column in shown])
        if max(map(len, table)) <= width:
            break
    meanings = "; ".join(column.meaning for column in shown if column.meaning)
    return [*table, "", *wrapped(f"{meanings}. Rates are the most that the vendor's data sheets say.", width)]


def _rendered(rows: Sequence[Sequence[str]], headers: Sequence[str], align: Sequence[str]) -> list[str]:
    from tabulate import tabulate

    text = tabulate(rows, headers, colalign=align, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]
