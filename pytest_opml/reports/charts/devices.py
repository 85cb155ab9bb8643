"""The charts of times by device (Table 4 of the paper) and by split of the data (Table 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...records.case_record import CaseRecord
from ...records.device import Device
from ...records.result import Result
from ...records.run import RunRecord
from ..cases import short_names
from ..formatting import three_digits
from .chart import Chart, Rows, Value
from .labels import distinct_labels
from .series import colour, names_axis, tooltip

_MOST = 30  # rows of bars
_MOST_SERIES = 8  # there are as many colours
_PANEL = 240  # pixels across
TIMES = {"training": "training, s", "inference": "inference, s"}


class Times(NamedTuple):
    """What a chart or a table of times has of a result.

    Attributes:
        row: what its bars stand beside: a case, or a split.
        series: whose bars they are: a device, or a model.
    """

    row: str
    series: str
    result: Result


def device_names(record: RunRecord) -> dict[str, str]:
    """Name the devices of a run by their machines: by profile, with the machine where two have the same."""
    devices = {device.machine: device for device in record.devices}
    profiles = [device.profile for device in devices.values()]

    def name(device: Device) -> str:
        return device.profile if profiles.count(device.profile) == 1 else f"{device.profile} ({device.machine})"

    return {machine: name(device) for machine, device in devices.items()}


def times_by_device(record: RunRecord) -> list[Times]:
    """Return the times of the cases that ran on two devices or more; empty where there are none."""
    if len(record.devices) < 2:
        return []
    devices, names = device_names(record), short_names(record)
    machines: dict[str, set[str]] = {}
    for result in record.results:
        machines.setdefault(result.case.id, set()).add(result.device.machine)
    return [
        Times(names[result.case.id], devices[result.device.machine], result)
        for result in record.results
        if len(machines[result.case.id]) > 1
    ]


def times_by_split(record: RunRecord) -> list[Times]:
    """Return the times of the cases as trained by their split, where a case differs in nothing else from another."""
    trained = [result for result in record.results if result.case.technique == "baseline"]
    splits: dict[tuple[object, ...], set[str]] = {}
    for result in trained:
        splits.setdefault(_besides_split(result), set()).add(result.case.split)
    compared = [result for result in trained if len(splits[_besides_split(result)]) > 1]
    devices, names = device_names(record), _names_besides_split(compared)
    times = []
    for result in compared:
        where = f" on {devices[result.device.machine]}" if len(devices) > 1 else ""
        times.append(Times(result.case.split, f"{names[result.case.id]}{where}", result))
    return sorted(times, key=lambda one: _training_share(one.row))


def devices_chart(record: RunRecord) -> Chart | None:
    """Draw training and inference times by device; None where no case ran on two."""
    times = times_by_device(record)
    summary = "Training and inference times of the cases that ran on several devices, a bar for each device."
    return _chart("devices", "Times by device", summary, times, "device", None) if times else None


def splits_chart(record: RunRecord) -> Chart | None:
    """Draw training and inference times by split of the data; None where the cases have one each."""
    times = times_by_split(record)
    summary = (
        "Training and inference times by the split of the data into training and test examples, in percent. Inference "
        "is scaled to the same number of examples, so it should not change."
    )
    title = "split, training-test"
    return _chart("splits", "Times by split", summary, times, "model", title) if times else None


def _besides_split(result: Result) -> tuple[object, ...]:
    return _without_split(result.case).id, result.device.machine


def _without_split(case: CaseRecord) -> CaseRecord:
    return case.model_copy(update={"split": "own", "name": None})


def _names_besides_split(results: Sequence[Result]) -> dict[str, str]:
    """Name each case by model and unfrozen layers, and by the data set and the options as far as the cases differ."""
    parts = {result.case.id: _without_split(result.case).parts for result in results}
    has_datasets = len({part.dataset for part in parts.values()}) > 1
    common = set.intersection(*(set(part.extras) for part in parts.values())) if parts else set()
    names = {}
    for case_id, part in parts.items():
        own = ",".join(extra for extra in part.extras if extra not in common)
        texts = (part.dataset if has_datasets else "", part.model, part.top, own)
        names[case_id] = "/".join(filter(None, texts))
    return names


def _training_share(split: str) -> int:
    share = split.partition("-")[0]
    return int(share) if share.isdigit() else 100


def _chart(
    name: str, title: str, summary: str, times: Sequence[Times], series_title: str, rows_title: str | None
) -> Chart:
    row_labels = distinct_labels(list(dict.fromkeys(one.row for one in times))[:_MOST])
    series_labels = distinct_labels(sorted({one.series for one in times})[:_MOST_SERIES])
    bars = [
        _bar(one, row_labels[one.row], series_labels[one.series])
        for one in times
        if one.row in row_labels and one.series in series_labels
    ]
    if len(bars) < len(times):
        summary += f" {len(bars):,} of {len(times):,} are shown."
    spec = _spec(list(row_labels.values()), list(series_labels.values()), series_title, rows_title)
    datasets: Mapping[str, Rows] = {"times": bars}
    return Chart(name=name, title=title, summary=summary, spec={"description": summary, **spec}, datasets=datasets)


def _bar(one: Times, row: str, series: str) -> dict[str, Value]:
    training, inference = one.result.training.training_s, one.result.inference_s
    return {
        "case": one.result.case.id,
        "row": row,
        "series": series,
        "training": training,
        "inference": inference.value,
        "training_text": f"{three_digits(training)} s",
        "inference_text": f"{three_digits(inference.value)} s",
    }


def _spec(rows: Sequence[str], series: Sequence[str], series_title: str, rows_title: str | None) -> dict[str, Any]:
    panels = []
    for number, (field, title) in enumerate(TIMES.items()):
        y = names_axis("row", rows, rows_title)
        if number:
            y["axis"] = None
        fields = {"row": rows_title or "case", "series": series_title, f"{field}_text": field}
        encoding = {
            "y": y,
            "yOffset": {"field": "series", "type": "nominal", "scale": {"domain": list(series)}},
            "x": {
                "field": field,
                "type": "quantitative",
                "stack": None,  # a bar is a time: two of one place are never a sum
                "axis": {"title": f"{title} (lower is better)", "tickCount": 5, "grid": True},
            },
            "color": colour(series, series_title),
            "tooltip": tooltip(fields),
        }
        step = {"step": 12 if len(series) > 1 else 20}
        bar = {"type": "bar", "style": "axis-bar"}
        panels.append({"width": _PANEL, "height": step, "mark": bar, "encoding": encoding})
    return {"data": {"name": "times"}, "hconcat": panels}
