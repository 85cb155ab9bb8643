from __future__ import annotations

import pytest

from pytest_opml.records.result import Epoch, Result
from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.accuracy_by_epoch import accuracy_by_epoch_chart
from tests.support.builders import make_result, make_run


def trained(epochs: int) -> Result:
    """A result of a training of so many epochs."""
    result = make_result()
    steps = tuple(Epoch(train_accuracy=number / epochs, test_accuracy=0.5) for number in range(1, epochs + 1))
    return result.model_copy(update={"training": result.training.model_copy(update={"epochs": steps})})


@pytest.mark.parametrize("epochs", [2, 199, 200, 201, 202, 399, 400, 401, 10_000])
def test_a_line_goes_from_the_first_epoch_to_the_last_in_at_most_201_points(epochs: int) -> None:
    (group,) = groups_of(make_run([trained(epochs)]))
    chart = accuracy_by_epoch_chart(group)
    assert chart
    line = [row for row in chart.datasets["epochs"] if row["part"] == "training"]
    numbers = [int(row["epoch"] or 0) for row in line]
    assert (numbers[0], numbers[-1]) == (1, epochs)
    assert len(numbers) == len(set(numbers)) <= 201
    assert [row["accuracy"] for row in line] == [number / epochs for number in numbers]
    assert ("some are left out" in chart.summary) is (len(numbers) < epochs)
