"""The paper's claims about training, epoch by epoch.

A record has the accuracy of each epoch without its interval, which follows from the number of examples. Where an older
record does not say how many they were in training, it is taken for that of the test part: fewer in all splits of the
paper, so that the intervals are rather too wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...records.result import Result
from ...stats.intervals import CONFIDENCE, binomial_ends
from ..measured import Measured, training_examples
from ..quantities import Quantity, share_difference
from .claim import BELOW_ZERO, VISIBLE, Claim, Observation, Region

_LEVEL = 0.9  # of the training accuracy, whose epoch figure 3 is read at
_SHARE_OF_LOWER = 0.95  # of the lower of the two last accuracies, where one of them never reaches that level
_EPOCHS = 10
_LAST = 2  # epochs over which nothing more is to happen


def _trained(measured: Measured, epochs: int = 2) -> Iterator[Result]:
    for result in measured.references:
        if len(result.training.epochs) >= epochs and result.task == "classification":
            yield result


def _gained(measured: Measured) -> Iterator[Observation]:
    for result in _trained(measured):
        first, *_, last = result.training.epochs
        samples = result.test_samples
        yield Observation((result,), share_difference((last.test_accuracy, samples), (first.test_accuracy, samples)))


def _converged(measured: Measured) -> Iterator[Observation]:
    for result in _trained(measured, _EPOCHS):
        epochs = result.training.epochs
        last, before = epochs[-1].train_accuracy, epochs[-1 - _LAST].train_accuracy
        examples = _training_samples(result)
        yield Observation((result,), share_difference((last, examples), (before, examples)))


def _overfitted(measured: Measured) -> Iterator[Observation]:
    for result in _trained(measured, 1):
        last = result.training.epochs[-1]
        train = last.train_accuracy, _training_samples(result)
        yield Observation((result,), share_difference(train, (last.test_accuracy, result.test_samples)))


def _training_samples(result: Result) -> int:
    return training_examples(result) or result.test_samples


def _sooner(measured: Measured) -> Iterator[Observation]:
    for result in _trained(measured):
        shallow = measured.beside(result, unfreeze=1) if result.case.unfreeze == 10 else None
        if shallow is None or len(shallow.training.epochs) < 2:
            continue
        curves = [[epoch.train_accuracy for epoch in one.training.epochs] for one in (result, shallow)]
        lower = min(max(curve) for curve in curves)
        level = _LEVEL if lower >= _LEVEL else _SHARE_OF_LOWER * lower
        own, its = (_first_epoch(curve, level, _training_samples(result)) for curve in curves)
        quantity = Quantity(own.value - its.value, own.low - its.high, own.high - its.low)
        yield Observation((result, shallow), quantity, about=f"to a training accuracy of {level:.2f}")


def _first_epoch(accuracies: Sequence[float], level: float, samples: int) -> Quantity:
    """Return the first epoch, counted from 1, at which an accuracy reaches a level; one more than all for none.

    The earliest that it can have been is that at which the interval's high end does, the latest the low end.
    """
    never = len(accuracies) + 1

    def first(values: Sequence[float]) -> float:
        return float(next((number for number, value in enumerate(values, 1) if value >= level), never))

    ends = [binomial_ends(value * samples, samples, 1 - CONFIDENCE) for value in accuracies]
    return Quantity(first(accuracies), first([high for _, high in ends]), first([low for low, _ in ends]))


CLAIMS = (
    Claim(
        id="training-gains",
        section="4.1",
        text="Training even the top layer alone improves the accuracy much, from the first epoch to the last.",
        quantity="test accuracy after the last epoch minus that after the first",
        region=Region(low=VISIBLE),
        observe=_gained,
        format_spec="+.4f",
        published="Figure 3: from about 0.78 to 0.96 on CIFAR-10, from about 0.5 to 0.95 on CIFAR-100",
        needs="a training of two epochs or more",
        experiments=("figure3",),
    ),
    Claim(
        id="ten-epochs-suffice",
        section="3, 4",
        text="Ten epochs are enough for the accuracy to converge (checked: less than 0.02 in the last two).",
        quantity="training accuracy after the last epoch minus that two epochs before",
        region=Region(high=0.02),
        observe=_converged,
        format_spec="+.4f",
        published="Figure 3",
        needs="a training of ten epochs",
        experiments=("figure3",),
    ),
    Claim(
        id="training-above-test",
        section="4.1",
        text="Accuracy is always higher in training than in testing.",
        quantity="training accuracy minus test accuracy, after the last epoch",
        region=Region(low=VISIBLE),
        observe=_overfitted,
        format_spec="+.4f",
        published="Figure 3",
        needs="any training",
        experiments=("figure3",),
    ),
    Claim(
        id="top10-converges-faster",
        section="4.1",
        text="Training the top ten layers reaches the same accuracy in fewer epochs than training the top one.",
        quantity="epochs of Top-10 minus those of Top-1",
        region=Region(high=BELOW_ZERO),
        observe=_sooner,
        format_spec="+.0f",
        published="Figure 3: 3 epochs beside 5, to 0.9 on CIFAR-100",
        needs="a network with Top-1 and with Top-10",
        experiments=("figure3",),
    ),
)
