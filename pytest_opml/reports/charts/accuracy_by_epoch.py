"""The chart of accuracy by epoch (Figure 3 of the paper): training and test accuracy of each training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...records.case_record import Unfreeze
from ...records.result import Epoch
from ..cases import CaseGroup, RankingRow
from ..formatting import amount
from .chart import Chart, Value
from .labels import distinct_labels, series_names
from .ranking_rows import ranked_results
from .series import colour, shape, tooltip

_MOST = 8  # trainings, those of the best cases; there are as many colours and shapes
_MOST_EPOCHS = 200  # of a line
PARTS = ("training", "test")


def accuracy_by_epoch_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw how accurate each training was after each epoch; None where none had two epochs.

    Cases that share a training, as those of one model whose techniques come after it do, share their lines.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    sharers: dict[tuple[str, Unfreeze, tuple[Epoch, ...]], list[str]] = {}
    for _, result in ranked_results(group, rows):
        epochs = result.training.epochs
        if len(epochs) > 1:
            training = (result.case.model, result.case.unfreeze, epochs)
            sharers.setdefault(training, []).append(result.case.id)
    if not sharers:
        return None
    shown = list(sharers.items())[:_MOST]
    names = _names([cases for _, cases in shown], group)
    labels = distinct_labels(names)
    lines = [
        row
        for name, ((_, _, epochs), cases) in zip(names, shown, strict=True)
        for row in _epoch_rows(cases[0], labels[name], epochs)
    ]
    longest = max(len(epochs) for (_, _, epochs), _ in shown)
    some = f" Of more than {_MOST_EPOCHS} epochs some are left out between others." if longest > _MOST_EPOCHS else ""
    left_out = f" Of {len(sharers)} trainings these are the {_MOST} of the best cases." if len(sharers) > _MOST else ""
    summary = (
        f"Accuracy after each epoch of {amount(len(shown), 'training')}: solid lines on the training examples, dashed "
        f"lines on the test examples.{left_out}{some}"
    )
    return Chart(
        name="accuracy-by-epoch",
        title="Accuracy by epoch",
        summary=summary,
        spec={"description": summary, "width": "container", "height": 300, **_spec(list(labels.values()))},
        datasets={"epochs": lines},
    )


def _names(sharers: Sequence[Sequence[str]], group: CaseGroup) -> list[str]:
    """Name each training by what its cases have in common where that is its own; else by its best case."""
    in_common = series_names(group.results)
    short = [in_common[cases[0]] if len(cases) > 1 else group.names[cases[0]] for cases in sharers]
    return [
        name if short.count(name) == 1 else f"{group.names[cases[0]]}{f' and {len(cases) - 1} more' * (len(cases) > 1)}"
        for name, cases in zip(short, sharers, strict=True)
    ]


def _epoch_rows(case: str, name: str, epochs: Sequence[Epoch]) -> list[dict[str, Value]]:
    return [
        {
            "case": case,
            "series": name,
            "part": part,
            "epoch": number,
            "accuracy": accuracy,
            "accuracy_text": f"{accuracy:.4f}",
        }
        for number, epoch in _drawn_epochs(epochs)
        for part, accuracy in zip(PARTS, (epoch.train_accuracy, epoch.test_accuracy), strict=True)
    ]


def _drawn_epochs(epochs: Sequence[Epoch]) -> list[tuple[int, Epoch]]:
    """Return the epochs with their numbers: all, or of a long training as many as a line shows, and the last."""
    numbered = list(enumerate(epochs, 1))
    step = -(-len(numbered) // _MOST_EPOCHS)
    last = numbered[-1:] if (len(numbered) - 1) % step else []
    return [*numbered[::step], *last]


def _spec(labels: Sequence[str]) -> dict[str, Any]:
    title = "training"
    dash = {
        "field": "part",
        "type": "nominal",
        "scale": {"domain": list(PARTS), "range": [[1, 0], [5, 3]]},
        "legend": {"title": "examples", "symbolType": "stroke"},
    }
    place = {
        "x": {
            "field": "epoch",
            "type": "quantitative",
            "scale": {"zero": False, "nice": False},
            "axis": {"title": "epoch", "tickMinStep": 1, "format": "d", "grid": False},
        },
        "y": {
            "field": "accuracy",
            "type": "quantitative",
            "scale": {"zero": False},
            "axis": {"title": "accuracy (higher is better)", "tickCount": 6},
        },
        "color": colour(labels, title),
    }
    fields = {"series": "training", "part": "examples", "epoch": "epoch", "accuracy_text": "accuracy"}
    points = {**place, "shape": shape(labels, title), "tooltip": tooltip(fields)}
    return {
        "data": {"name": "epochs"},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {**place, "strokeDash": dash}},
            {"mark": {"type": "point", "size": 40}, "encoding": points},
        ],
    }
