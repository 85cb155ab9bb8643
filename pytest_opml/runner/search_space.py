"""The chains that a search may try: a list, or steps in stages; by default what is installed here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

from .. import registry
from ..case import parse_chain
from ..errors import CaseDefinitionError, SettingsError
from .search_model import StepKind

BASELINE = "baseline"
DEFAULT = "default"
MOST_CHAINS = 2_000

# What a search tries where nobody says otherwise: at most one step of each stage, in this order. A step whose technique
# is not registered, or whose packages are not installed, is left out.
_STAGES = (
    ("filter-prune-macs-0.25", "filter-prune-macs-0.5"),
    ("prune-0.5", "prune-0.8", "low-rank-0.5"),
    ("cluster-64", "cluster-256", "palettize-4"),
    (
        *("float16", "float16-tflite", "dynamic-int8", "int8", "int8-tuned", "int4", "mixed-4-8"),
        *("onnx", "onnx-int8", "openvino", "openvino-int8"),
    ),
)
# Shared weights make no file smaller that stores each weight in a fixed number of bits.
_WITHOUT = tuple(
    f"*{step}-*+{end}"
    for step in ("cluster", "palettize")
    for end in ("*int8*", "float16-tflite", "int4*", "mixed-4-8*", "onnx", "openvino")
)
_ONNX = ("onnx", "onnxruntime", "tf2onnx")
_PACKAGES = {
    "onnx": _ONNX,
    "onnx-int8": _ONNX,
    "openvino": (*_ONNX, "openvino"),
    "openvino-int8": (*_ONNX, "openvino"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The chains that a search may try.

    Attributes:
        name: of the space.
        chains: each a ``Case.technique``, once; the baseline first.
        rungs: shares of the examples that a chain is tried on before all of them, ascending, each above 0 and below 1.
    """

    name: str
    chains: tuple[str, ...]
    rungs: tuple[float, ...] = (1 / 9, 1 / 3)


class _Table(NamedTuple):
    """A space as it is written."""

    chains: Sequence[str]
    stages: Sequence[Sequence[str]]
    without: Sequence[str]
    longest: int | None
    rungs: Sequence[float]


def find_space(name: str, spaces: Mapping[str, Any], where: str = "tool.opml.search") -> SearchSpace:
    """Return the space of a name.

    Args:
        name: of a table, or ``default``, which a table may replace.
        spaces: the tables by their names, as they were written.
        where: the place of the tables, for an error.

    Raises:
        SettingsError: there is no such space, or it is not written as it must be.
    """
    if name in spaces:
        return parse_space(spaces[name], f"{where}.{name}", name)
    if name == DEFAULT:
        return default_space()
    raise SettingsError(f"{where}: no space is called {name!r}; there are: {', '.join(sorted({DEFAULT, *spaces}))}")


def parse_space(value: Any, where: str, name: str = "") -> SearchSpace:
    """Return the space that a table describes.

    Args:
        value: a list of chains, or a table with ``chains``, ``stages`` (lists of steps, at most one of each in this
            order), ``without`` (patterns of chains), ``longest`` (steps of a chain at most) and ``rungs``.
        where: its place, for an error.
        name: of the space.

    Raises:
        SettingsError: it is not written like that, a chain is none, or there is none.
    """
    table = _read({"chains": value} if isinstance(value, (list, tuple)) else value, where)
    texts = [*table.chains, *(text for text in _chains_of(table.stages, where) if _is_allowed(text, table))]
    chains = tuple(dict.fromkeys([BASELINE, *texts]))
    if error := next(filter(None, map(_refusal, chains)), None):
        raise SettingsError(f"{where}: {error}")
    if len(chains) < 2:
        raise SettingsError(f"{where}: there is no chain to try")
    return SearchSpace(name=name or where, chains=chains, rungs=tuple(table.rungs))


def check_form(value: Any, where: str) -> None:
    """Refuse a space that is not written as ``parse_space`` takes it, whatever techniques there are.

    Raises:
        SettingsError: a key is unknown, or a value has the wrong form; the text names its place.
    """
    _read({"chains": value} if isinstance(value, (list, tuple)) else value, where)


def default_space() -> SearchSpace:
    """Return the space of what is installed here."""
    stages = [[step for step in stage if _is_here(step)] for stage in _STAGES]
    table = _Table((), stages, _WITHOUT, 3, SearchSpace.rungs)
    chains = [text for text in _chains_of(stages, DEFAULT) if _is_allowed(text, table) and not _refusal(text)]
    return SearchSpace(name=DEFAULT, chains=tuple(dict.fromkeys([BASELINE, *chains])))


def steps_of(chain: str) -> tuple[str, ...]:
    """Return the steps of a chain; none of the baseline."""
    return () if chain == BASELINE else tuple(chain.split("+"))


def chain_of(steps: Iterable[str]) -> str:
    """Return the chain of some steps."""
    return "+".join(steps) or BASELINE


def kind_of(step: str) -> StepKind:
    """Return what a step has in common with others."""
    technique = parse_chain(step)[0]
    return StepKind(technique_of(step), technique.ends_chain, trains=technique.trains())


def technique_of(step: str) -> str:
    """Return the technique of a step, without its argument and options."""
    return registry.split_argument("technique", step.partition(",")[0]).name


def _read(value: Any, where: str) -> _Table:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: must be a list of chains or a table, not {value!r}")
    if unknown := sorted(set(map(str, value)) - set(_Table._fields)):
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(_Table._fields)}")
    stages = value.get("stages", ())
    if not isinstance(stages, (list, tuple)):
        raise SettingsError(f"{where}.stages: must be a list of lists of steps, not {stages!r}")
    lists = {"chains": value.get("chains", ()), "without": value.get("without", ())}
    lists |= {f"stages[{number}]": stage for number, stage in enumerate(stages)}
    for key, texts in lists.items():
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) and text for text in texts):
            raise SettingsError(f"{where}.{key}: must be a list of texts, not {texts!r}")
    longest = value.get("longest")
    if longest is not None and (type(longest) is not int or longest < 1):
        raise SettingsError(f"{where}.longest: must be a whole number from 1, not {longest!r}")
    rungs = value.get("rungs", SearchSpace.rungs)
    is_list = isinstance(rungs, (list, tuple))
    if not is_list or not all(isinstance(one, (int, float)) and 0 < one < 1 for one in rungs):
        raise SettingsError(f"{where}.rungs: must be a list of shares above 0 and below 1, not {rungs!r}")
    return _Table(lists["chains"], stages, lists["without"], longest, sorted({float(one) for one in rungs}))


def _chains_of(stages: Sequence[Sequence[str]], where: str) -> list[str]:
    """All chains of at most one step of each stage, the short ones first."""
    count = 1
    for stage in stages:
        count *= len(stage) + 1
    if count > MOST_CHAINS:
        raise SettingsError(f"{where}: its stages make {count:,} chains; {MOST_CHAINS:,} at most")
    made_of = (tuple(filter(None, steps)) for steps in product(*(("", *stage) for stage in stages)))
    return [chain_of(steps) for steps in sorted(made_of, key=len)]


def _is_allowed(text: str, table: _Table) -> bool:
    is_short = table.longest is None or len(steps_of(text)) <= table.longest
    return is_short and not any(fnmatchcase(text, pattern) for pattern in table.without)


def _is_here(step: str) -> bool:
    """Whether a step of the table can be tried here."""
    try:
        parse_chain(step)
    except CaseDefinitionError:
        return False
    return all(find_spec(package) is not None for package in _PACKAGES.get(technique_of(step), ()))


def _refusal(text: str) -> str:
    """Why a text is no chain that can be applied to a Keras model; empty for one that can."""
    try:
        steps = [(step, parse_chain(step)[0]) for step in text.split("+")]
    except CaseDefinitionError as error:
        return str(error)
    ending = next((step for step, technique in steps[:-1] if technique.ends_chain), None)
    return f"technique {text!r}: nothing can follow {ending}, it is no Keras model any more" if ending else ""
