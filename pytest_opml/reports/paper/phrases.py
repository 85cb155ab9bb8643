"""The paper's tables and claims in words and short texts, whatever shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from ...analysis.examples import answer_sheet
from ...paper.claims import CheckedClaim, Claim, ClaimVerdict, Finding
from ...paper.claims.claim import WORST_FIRST
from ...paper.comparison import Cell
from ...paper.measured import Measured
from ...paper.quantities import Quantity
from ...paper.stand_ins import short_name, stand_ins
from ...records.result import Result
from ..formatting import amount, minute, three_digits

WORDS: dict[ClaimVerdict, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_measured": "not measured",
}
HEADERS = {
    "size_mb": "MB",
    "layers": "layers",
    "recall": "recall",
    "precision": "precision",
    "f1": "F1",
    "accuracy": "accuracy",
    "train_s": "train s",
    "test_s": "test s",
    "total_s": "total s",
    "training_s_per_epoch": "epoch s",
    "inference_s": "inference s",
    "op_score": "OpScore",
    "clustering_s": "clustering s",
}
_SHARES = ("accuracy", "recall", "precision", "f1", "op_score")
RATIO = "ratio"
LEGEND = (
    "Each cell: published / measured here (measured by published). Times are scaled to as many images as the paper "
    "has; an epoch is its part of the whole training, in which frozen layers may have run once for all epochs."
)
CLAIMS_LEGEND = (
    "A claim passes where the 95 % interval of its value lies within the range that it states, fails where the "
    "interval lies outside, and is inconclusive in between. A difference in accuracy counts from 0.005 on, which the "
    "paper's two digits would show. A claim counts as failed where it fails in one place. Each "
    "finding is judged by itself: where the truth lies at the end of a range, up to five in a hundred are wrong by "
    "chance."
)


def cell_text(cell: Cell, hidden: Collection[str] = ()) -> str:
    """Return a cell: ``0.93 / 0.912 (0.98)``; what is missing is left out, and so is the ratio where it is hidden."""
    if cell.measured is None:
        return cell.published
    here = measured_text(cell)
    ratio = f" ({three_digits(cell.ratio)})" if cell.ratio is not None and RATIO not in hidden else ""
    return f"{cell.published or '-'} / {here}{ratio}"


def measured_text(cell: Cell) -> str:
    """Return the measured value of a cell, with digits as its kind has them; empty for none."""
    if cell.measured is None:
        return ""
    if cell.quantity in _SHARES:
        return f"{cell.measured:.3f}"
    return f"{cell.measured:.0f}" if cell.quantity == "layers" else three_digits(cell.measured)


def measured_on(result: Result) -> str:
    """Say in short on what a result was measured: network, data, and the device."""
    case = result.case
    size = f", {case.size} px" if isinstance(case.size, int) else ""
    subset = f", {case.subset:,} images" if case.subset else ""
    weights = "" if case.weights == "imagenet" else f", weights {short_weights(case.weights)}"
    return f"{short_name(case.model)}, {short_name(case.dataset)}{size}{subset}{weights}, {result.device.profile}"


def short_weights(weights: str) -> str:
    """Return what a model started from, of a file its name alone."""
    return weights.replace("\\", "/").rpartition("/")[2]


def measured_lines(measured: Measured) -> list[str]:
    """Say which runs there are, on which machines, and what stands for what in them."""
    if not measured.runs:
        return ["nothing was measured: these are the published figures alone"]
    lines = []
    for run in measured.runs:
        failed = f", {amount(len(run.failures), 'case')} without a result" if run.failures else ""
        machines = "; ".join(device.machine for device in run.devices)
        cases = amount(len(run.results), "case")
        cut = ", was interrupted" if run.interrupted else ""
        lines.append(f"run {run.run_id[:12]} of {minute(run.started)} UTC: {cases}{failed}{cut}, on {machines}")
    results = measured.results
    single = [one for one in results if one.predictions and one.task != "multilabel"]
    unread = sum(answer_sheet(one).predictions is None for one in single)
    if unread:
        them = "it is" if unread == 1 else "they are"
        lines.append(f"the answers of {amount(unread, 'result')} cannot be read: {them} compared by accuracies alone")
    return lines + stand_ins({one.case.model for one in results}, {one.case.dataset for one in results})


def tally(checked: CheckedClaim) -> str:
    """Say how many findings came out how: ``2 pass, 1 fail``; empty for one or none."""
    counts = Counter(finding.verdict for finding in checked.findings)
    if len(checked.findings) < 2:
        return ""
    return ", ".join(f"{counts[verdict]} {WORDS[verdict]}" for verdict in reversed(WORST_FIRST) if counts[verdict])


def overall(claims: Sequence[CheckedClaim]) -> str:
    """Say how many claims came out how."""
    counts = Counter(checked.verdict for checked in claims)
    parts = [f"{counts[verdict]} {WORDS[verdict]}" for verdict in WORDS]
    return f"{amount(len(claims), 'claim')}: {', '.join(parts)}"


def value_text(claim: Claim, value: float) -> str:
    """Return a value in the claim's format, never with an exponent."""
    text = f"{value:{claim.format_spec}}"
    return three_digits(value) if "e" in text else text


def published_text(claim: Claim, value: float | None) -> str:
    """Return a value of the paper's in the claim's format, with two digits as the paper has them; empty for none."""
    return "" if value is None else f"{value:{claim.format_spec.replace('.4f', '.2f')}}"


def quantity_text(claim: Claim, quantity: Quantity) -> str:
    """Return a value with its interval: ``0.98 (0.95 to 1.02)``; of an exact one the value alone."""
    value = value_text(claim, quantity.value)
    if quantity.low == quantity.high:
        return value
    return f"{value} ({value_text(claim, quantity.low)} to {value_text(claim, quantity.high)})"


def finding_text(claim: Claim, finding: Finding) -> str:
    """Say in one line what was found in one place."""
    published = "" if finding.published is None else f", published {published_text(claim, finding.published)}"
    note = f"; {finding.note}" if finding.note else ""
    return f"{finding.subject}: {quantity_text(claim, finding.quantity)}{published}{note}"


def missing_text(claim: Claim) -> str:
    """Say what a claim needs that was not measured, and which command measures it."""
    command = f"; `{claim.command}` measures it" if claim.command else ""
    return f"needs {claim.needs}{command}"


def worst_findings(checked: CheckedClaim, most: int) -> tuple[list[Finding], int]:
    """Return at most so many findings, the worst verdicts first, and how many more there are."""
    ordered = sorted(checked.findings, key=lambda finding: WORST_FIRST.index(finding.verdict))
    return ordered[:most], max(len(ordered) - most, 0)
