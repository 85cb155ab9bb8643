"""A search in the terminal: a line for each trial, and at its end the chains, the steps and what to paste."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...analysis import figures
from ...analysis.figures import score_axes
from ...records.result import Result
from ..formatting import amount, signed_sum, wrapped
from .styles import Style, styled
from .tables import fitted

if TYPE_CHECKING:
    from ...gate.best_case import Selection

# The steps together, and the results before and after them.
StepsBought = Sequence[tuple[tuple[str, ...], Result, Result]]


class TrialReport(NamedTuple):
    """What came of a trial.

    Attributes:
        chain: that was tried.
        examples: that it was tried on.
        seconds: that it took; None where the history had it.
        spent: seconds of the search so far.
        most: seconds that it may take.
        score: its OpScore; None where it has no result.
        gain: the score minus that of the baseline; None for none.
        broken: the budgets that it does not keep.
    """

    chain: str
    examples: int
    seconds: float | None
    spent: float
    most: float
    score: float | None
    gain: float | None
    broken: tuple[str, ...]


def trial_line(trial: TrialReport) -> str:
    """Say in one line what came of a trial."""
    text = "no result" if trial.score is None else f"OpScore {trial.score:.3f}"
    if trial.gain:
        text += f", {abs(trial.gain):.3f} {'below' if trial.gain < 0 else 'above'} the baseline"
    if trial.broken:
        text += f", breaks {', '.join(trial.broken)}"
    took = "from the history" if trial.seconds is None else f"{trial.seconds:.0f} s"
    place = f"[{trial.spent:.0f} of {trial.most:.0f} s]"
    return f"opml: {place} {trial.chain} on {amount(trial.examples, 'example')}: {text} ({took})"


def search_lines(
    selection: Selection | None, bought: StepsBought, counts: Sequence[tuple[int, int]], chains: int, width: int
) -> list[str]:
    """Show what a search has come to: its trials, the chains on all examples, the Pareto front, the best one's steps.

    Args:
        selection: the chains on all examples, by score; None where there is none.
        bought: what the steps of the best chain brought, one after the other.
        counts: examples, and chains that were tried on so many.
        chains: of the space.
        width: columns that no line exceeds.
    """
    tried = "; ".join(f"{amount(count, 'chain')} on {amount(size, 'example')}" for size, count in counts)
    lines = wrapped(f"{amount(chains, 'chain')} in the space, of which were tried: {tried or 'none'}", width)
    if selection is None:
        return lines
    allowed = {result.case.id for result in selection.allowed}
    rows = [_row(result, selection, allowed) for result in selection.results]
    lines += ["", *fitted(rows, width, left=["chain", ""], names="chain", yielding=("latency", "train s")).lines, ""]
    lines += wrapped("* on the Pareto front: no other is better on one axis and no worse on the others", width)
    if any(result.case.id not in allowed for result in selection.results):
        lines += wrapped("x breaks a budget", width)
    if bought:
        steps = [_step(*one) for one in bought]
        lines += ["", "What each step of the best chain bought, in base-10 logarithms (below 0 is better):", ""]
        lines += fitted(steps, width, left=["step"], names="step").lines
    return lines


def _row(result: Result, selection: Selection, allowed: set[str]) -> dict[str, str]:
    marks = ("*" if result.case.id in selection.pareto else "") + ("" if result.case.id in allowed else "x")
    return {
        "": marks,
        "chain": styled(result.case.technique, Style.STRONG) if result is selection.best else result.case.technique,
        "OpScore": f"{result.op_score.value:.3f}",
        result.quality.name: f"{result.quality.value:.4f}",
        "inference s": f"{result.inference_s.value:.3g}",
        "MB": f"{result.size_mb:.3g}",
        "train s": f"{result.training_s:.0f}",
    }


def _step(steps: tuple[str, ...], before: Result, after: Result) -> dict[str, str]:
    axes = score_axes(after, before, figures.times_beside(after, before))
    total, (error, time, size) = signed_sum(tuple(axes), 3)
    return {"step": "+".join(steps), "error": error, "time": time, "size": size, "OpScore": total}
