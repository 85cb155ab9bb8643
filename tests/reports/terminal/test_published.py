from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_opml.paper.assessment import Assessment, assess
from pytest_opml.paper.claims import CLAIMS
from pytest_opml.reports.formatting import columns_of
from pytest_opml.reports.terminal.published import paper_lines
from tests.support.builders import make_run
from tests.support.paper_results import paper_result

TECHNIQUES = ("baseline", "float16", "cluster-8192", "cluster-512", "int8")
RESULTS = [
    paper_result(t, model=m, unfreeze=top, ratio=None if t == "baseline" else 1.2)
    for m in ("efficientnet_lite0", "resnet50")
    for top in (1, 10)
    for t in TECHNIQUES
]
RUNS = [make_run(RESULTS)]


def text_of(assessment: Assessment, width: int = 120) -> str:
    is_claims = bool(assessment.claims) and not assessment.tables
    return "\n\n".join("\n".join(block) for block in paper_lines(assessment, width, lists_claims=is_claims))


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("runs", [[], RUNS], ids=["published", "measured"])
@pytest.mark.parametrize("has_claims", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, runs: Sequence[object], has_claims: bool) -> None:
    lines = [line for block in paper_lines(assess(runs, has_claims=has_claims), width) for line in block]  # type: ignore[arg-type]
    assert max(map(columns_of, lines)) <= width


def test_without_a_run_the_published_figures_stand_alone() -> None:
    text = text_of(assess([]))
    assert "32 of 32 scores follow" in text
    assert "31 of 32 scores follow" in text
    assert text.count("differs") == 1
    assert "Resnet-50 Top-1: published 3.06, its columns give 2.37; 3.06 follows from the training time" in text
    assert "Table 3, total of ResNet50, P100 50-50: printed 64.6 s; right 54.6 s" in text
    assert f"The text makes {len(CLAIMS)} claims" in text


def test_the_claims_that_are_asked_for_are_listed_beside_a_table_too() -> None:
    blocks = paper_lines(assess([], [1], has_claims=True), 120, lists_claims=True)
    text = "\n".join(line for block in blocks for line in block)
    assert "Table 1:" in text
    assert all(f": {claim.id}: " in text for claim in CLAIMS)
    assert "`opml paper --claims` lists" not in text


def test_with_a_run_each_measured_row_has_both_figures() -> None:
    text = text_of(assess(RUNS, [1, 5]), 160)
    assert "103 / 14.0 (0.136)" in text
    assert "EfficientNet-B0 int8 Top-10" in text
    assert "efficientnet_lite0 stands for EfficientNet-B0" in text
    assert "measured on resnet50, digits, cpu" in text
    assert "rows of the paper's were not measured" in text


def test_each_claim_has_its_verdict_first() -> None:
    lines = text_of(assess(RUNS, has_claims=True), 160).splitlines()
    for claim in CLAIMS:
        (line,) = (line for line in lines if f": {claim.id}: " in line)
        assert line.split(":")[0] in ("pass", "fail", "inconclusive", "not measured")
    assert lines[-1].startswith(f"{len(CLAIMS)} claims: ")


def test_beside_the_tables_a_claim_shows_its_worst_findings_only() -> None:
    whole, alone = text_of(assess(RUNS), 160), text_of(assess(RUNS, has_claims=True), 160)
    assert "more findings, which `opml paper --claims` lists" in whole
    assert "more finding" not in alone
