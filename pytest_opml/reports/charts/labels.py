"""Names of users in charts: short, printable and distinct, and only ever the values of fields.

A name is data of a chart. It is no name of a field and stands in no expression, so that Vega reads nothing into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...printable import clipped
from ...records.result import Result
from ..formatting import shortened

LONGEST = 40  # characters of a name on an axis or in a legend
_READ = 400  # of a longer name the middle is left out before it is made short


def distinct_labels(names: Iterable[str], longest: int = LONGEST) -> dict[str, str]:
    """Return a printable text of so many characters, or few more, for each name; different names have different texts.

    Args:
        names: any; those that come twice count once.
        longest: characters, at least 5.
    """
    originals = list(dict.fromkeys(names))
    if not originals:
        return {}
    texts = shortened([_readable(name) for name in originals], longest)
    labels: dict[str, str] = {}
    taken, numbers = set(texts), Counter[str]()
    for name, text in zip(originals, texts, strict=True):
        numbers[text] += 1
        label = text
        while numbers[text] > 1 and label in taken:
            label = f"{text} ({numbers[text]})"
            numbers[text] += label in taken
        taken.add(label)
        labels[name] = label
    return labels


def _readable(name: str) -> str:
    text = clipped(name)
    return text if len(text) <= _READ else f"{text[: _READ // 2]}…{text[-_READ // 2 :]}"


def series_names(results: Sequence[Result]) -> dict[str, str]:
    """Name by case what it is besides its technique: model, unfrozen layers and options, as far as the cases differ.

    Args:
        results: at least one.

    Returns:
        The name by the id of the case; the model where nothing differs.
    """
    parts = {result.case.id: result.case.parts for result in results}
    first = next(iter(parts.values()))
    has_models = any(part.model != first.model for part in parts.values())
    has_tops = any(part.top != first.top for part in parts.values())
    common = {extra for extra in first.extras if all(extra in part.extras for part in parts.values())}
    names = {}
    for result in results:
        part = parts[result.case.id]
        own = [extra for extra in part.extras if extra not in common]
        texts = [part.model if has_models else "", part.top if has_tops else "", ",".join(own)]
        names[result.case.id] = "/".join(filter(None, texts)) or part.model
    return names
