"""``opml score``: work out a score from figures that were measured anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .common import as_json, show, show_json, width

if TYPE_CHECKING:
    from ..records.result import Score


def _figures(text: str) -> tuple[float, float, float]:
    """Accuracy, seconds and megabytes of ``A,S,M``."""
    try:
        accuracy, seconds, megabytes = map(float, text.split(","))
    except ValueError:
        raise UsageError(
            f"must be three numbers A,S,M (accuracy, seconds, megabytes), such as 0.96,3.4,14.2, not {text!r}"
        ) from None
    return accuracy, seconds, megabytes


@click.command(short_help="Work out the OpScore of any three figures.")
@click.option("--accuracy", metavar="A", type=float, required=True, help="Share of right answers, 0 to 1.")
@click.option("--seconds", metavar="S", type=float, required=True, help="Inference over the test set, seconds.")
@click.option("--mb", metavar="M", type=float, required=True, help="Size of the file that ships, 10^6 bytes.")
@click.option(
    "--samples",
    metavar="N",
    type=click.IntRange(max=10**12),
    help="Test samples: they give an interval, and an accuracy of 1 needs them.",
)
@click.option("--against", metavar="A,S,M", help="Another model's three figures to compare with, on the same test set.")
@as_json
def score(
    accuracy: float, seconds: float, mb: float, samples: int | None, against: str | None, json_wanted: bool
) -> None:
    """Work out the OpScore of a model from three figures, with what each of them adds to it.

    OpScore = log10(error x seconds x megabytes), where the error is 1 - accuracy; lower is better. Compare only scores
    whose seconds are of equally many images: those of a run are scaled to 10,000.

    \b
      opml score --accuracy 0.95 --seconds 0.91 --mb 4 --samples 599
      opml score --accuracy 0.95 --seconds 0.91 --mb 4 --against 0.96,3.4,14

    The exit code is 0, or 4 for a wrong input.
    """
    from ..analysis.op_score import op_score, sampled_score
    from ..reports.terminal.op_score import score_lines, score_table

    def of(accuracy: float, seconds: float, megabytes: float) -> Score:
        if samples is None:
            return op_score(accuracy, seconds, megabytes)
        return sampled_score(accuracy, seconds, megabytes, samples)

    own, compared = of(accuracy, seconds, mb), None
    if against is not None:
        try:
            compared = of(*_figures(against))
        except UsageError as error:
            raise UsageError(f"--against: {error}") from error
    if json_wanted:
        show_json(score_table(own, compared, samples=samples))
    else:
        show(score_lines(own, compared, width(), samples=samples))
