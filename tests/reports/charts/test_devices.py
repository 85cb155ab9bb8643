from __future__ import annotations

import math

from pytest_opml.reports.charts.devices import devices_chart, splits_chart, times_by_split
from tests.support.builders import make_case, make_device, make_result, make_run

TRAINING = {("digits", "own"): 50.0, ("digits", "50-50"): 30.0, ("mnist", "own"): 160.0, ("mnist", "50-50"): 90.0}


def test_data_sets_that_were_split_alike_have_bars_of_their_own() -> None:
    results = [
        make_result(case=make_case(dataset=dataset, split=split), training_s=seconds, device=make_device(profile))
        for profile in ("v100", "p100")
        for (dataset, split), seconds in TRAINING.items()
    ]
    chart = splits_chart(make_run(results))
    assert chart
    bars = {(row["series"], row["row"]): row["training"] for row in chart.datasets["times"]}
    assert len(bars) == len(results)
    assert bars["mnist/efficientnet_lite0/top1 on p100", "own"] == TRAINING["mnist", "own"]


def test_cases_of_other_options_are_told_apart_where_their_splits_are_compared() -> None:
    cases = [make_case(split=split, epochs=epochs) for split in ("own", "50-50") for epochs in (3, 5)]
    series = {one.series for one in times_by_split(make_run([make_result(case=case) for case in cases]))}
    assert series == {"efficientnet_lite0/top1/epochs=3", "efficientnet_lite0/top1/epochs=5"}


def test_a_bar_is_never_a_sum() -> None:
    results = [make_result(device=make_device(profile), training_s=60.0) for profile in ("v100", "p100")]
    chart = devices_chart(make_run(results))
    assert chart
    assert [panel["encoding"]["x"]["stack"] for panel in chart.spec["hconcat"]] == [None, None]
    assert math.fsum(float(row["training"] or 0) for row in chart.datasets["times"]) == 120
