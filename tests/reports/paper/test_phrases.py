from __future__ import annotations

import pytest

from pytest_opml.paper.claims import CLAIMS, CheckedClaim, check
from pytest_opml.paper.comparison import Cell
from pytest_opml.paper.measured import Measured
from pytest_opml.paper.quantities import Quantity, exact
from pytest_opml.reports.paper.phrases import (
    RATIO,
    cell_text,
    finding_text,
    measured_lines,
    measured_on,
    missing_text,
    overall,
    quantity_text,
    tally,
    worst_findings,
)
from tests.support.builders import make_run
from tests.support.paper_results import measured, paper_result

BY_ID = {claim.id: claim for claim in CLAIMS}


@pytest.mark.parametrize(
    ("cell", "hidden", "text"),
    [
        (Cell("accuracy", "0.93", 0.93, 0.9123), (), "0.93 / 0.912 (0.981)"),
        (Cell("accuracy", "0.93", 0.93, 0.9123), (RATIO,), "0.93 / 0.912"),
        (Cell("accuracy", "0.93", 0.93, None), (), "0.93"),
        (Cell("accuracy", "", None, 0.9), (), "- / 0.900"),
        (Cell("layers", "176", 176, 175), (), "176 / 175 (0.994)"),
        (Cell("clustering_s", "2894", 2894, 12345.6), (), "2894 / 12346 (4.27)"),
        (Cell("op_score", "-0.01", -0.01, 0.5), (), "-0.01 / 0.500"),
    ],
)
def test_a_cell_has_both_figures_and_their_ratio(cell: Cell, hidden: tuple[str, ...], text: str) -> None:
    assert cell_text(cell, hidden) == text


def test_a_value_has_its_interval_unless_it_is_exact() -> None:
    claim = BY_ID["clusters-leave-time-alone"]
    assert quantity_text(claim, Quantity(1.01, 0.99, 1.03)) == "1.010 (0.990 to 1.030)"
    assert quantity_text(claim, exact(1)) == "1.000"
    assert quantity_text(BY_ID["resnet101-trains-longer"], exact(123456)) == "123456"


def test_a_finding_has_the_published_figure_with_two_digits() -> None:
    pair = measured(paper_result("float16", 0.88), paper_result(accuracy=0.9))
    checked = check(BY_ID["float16-loses-under-2-percent"], pair)
    text = finding_text(checked.claim, checked.findings[0])
    assert text.startswith("efficientnet_lite0, top 1, digits, cpu: -0.0200 (-0.0")
    assert text.endswith("), published +0.00")


def test_what_was_measured_is_said_in_short() -> None:
    result = paper_result(dataset="cifar10", size=96, subset=6000, weights="none")
    assert measured_on(result) == "efficientnet_lite0, cifar10, 96 px, 6,000 images, weights none, cpu"
    lines = measured_lines(measured(result))
    assert lines[0].startswith("run 20260102-030 of 2026-01-02 03:04 UTC: 1 case, on Example CPU 3 GHz")
    assert lines[1:] == ["efficientnet_lite0 stands for EfficientNet-B0"]
    assert measured_lines(measured()) != measured_lines(type(measured())([]))


def test_what_a_record_lacks_is_said() -> None:
    run = make_run([paper_result(), paper_result("int8").model_copy(update={"predictions": "!!!!"})], interrupted=True)
    head, unread, *_ = measured_lines(Measured([run]))
    assert "2 cases, was interrupted, on" in head
    assert unread == "the answers of 1 result cannot be read: it is compared by accuracies alone"


def test_findings_are_counted_by_verdict() -> None:
    claim = BY_ID["float16-halves-size"]
    pair = measured(*[paper_result(t, fields={"size_mb": size}) for t, size in (("float16", 7.0), ("baseline", 14.0))])
    (good,) = check(claim, pair).findings
    checked = CheckedClaim(claim, (good, good, good._replace(verdict="fail")))
    assert tally(checked) == "2 pass, 1 fail"
    assert tally(CheckedClaim(claim, (good,))) == ""
    shown, more = worst_findings(checked, 2)
    assert ([finding.verdict for finding in shown], more) == (["fail", "pass"], 1)
    assert overall([checked]) == "1 claim: 0 pass, 1 fail, 0 inconclusive, 0 not measured"


def test_what_is_missing_is_named_with_the_command() -> None:
    assert missing_text(BY_ID["random-area"]) == "needs the model `random`; `opml paper run table2` measures it"
    assert "measures it" not in missing_text(BY_ID["optimiser-leaves-time-alone"])
