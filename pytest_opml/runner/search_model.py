"""What the chains that were tried say of those that were not: a Bayesian linear model of their scores.

A score is a sum of logarithms, so that steps which do not meddle with one another add up. What a step brings, and what
two techniques bring together beyond that, have normal priors; what was tried gives their posterior, and with it the
expected score of any chain and how sure that is (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine
Learning, 2006, chapter 2).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Standard deviations, in units of the score (base-10 logarithms).
_TECHNIQUE, _STEP = 0.5, 0.3
_TRAINING = 0.4
_TECHNIQUES_TOGETHER, _STEPS_TOGETHER, _WITH_ENDING, _CHAIN = 0.2, 0.08, 0.1, 0.05
_LEAST_NOISE = 0.01


class StepKind(NamedTuple):
    """What a step has in common with others: its technique, whether nothing can follow it, and whether it trains."""

    technique: str
    ends_chain: bool
    trains: bool = False


class Observation(NamedTuple):
    """What a chain was seen to bring.

    Attributes:
        chain: its steps.
        gain: a logarithm, or a sum of such, minus that of the baseline.
        error: the standard error of that.
    """

    chain: tuple[str, ...]
    gain: float
    error: float


class Expectation(NamedTuple):
    """What a chain is expected to bring, and the standard deviation of that."""

    gain: float
    deviation: float

    def chance_below(self, limit: float) -> float:
        """Return how likely the gain is below a limit."""
        if self.deviation == 0:
            return float(self.gain <= limit)
        return 0.5 * (1 + math.erf((limit - self.gain) / (self.deviation * math.sqrt(2))))


def expectations(
    chains: Sequence[tuple[str, ...]], observations: Sequence[Observation], kinds: Mapping[str, StepKind]
) -> list[Expectation]:
    """Return what each chain is expected to bring, given what was observed.

    Args:
        chains: their steps; the baseline has none, and brings nothing for sure.
        observations: of any chains, one several times where it was tried on several rungs.
        kinds: that of each step.
    """
    columns: dict[Hashable, int] = {}
    wanted = [_parts(chain, kinds) for chain in chains]
    seen = [_parts(one.chain, kinds) for one in observations]
    for parts in (*wanted, *seen):
        for part in parts:
            columns.setdefault(part, len(columns))
    prior = _matrix(wanted, columns)
    own = (prior**2).sum(axis=1)
    if not observations or not columns:
        return [Expectation(0.0, math.sqrt(variance)) for variance in own]
    observed = _matrix(seen, columns)
    noise = np.asarray([one.error**2 + _LEAST_NOISE**2 for one in observations])
    covariance, shared = observed @ observed.T + np.diag(noise), prior @ observed.T
    weights = np.linalg.solve(covariance, np.asarray([one.gain for one in observations]))
    variances = own - np.einsum("ij,ji->i", shared, np.linalg.solve(covariance, shared.T))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    return [Expectation(float(gain), float(sd)) for gain, sd in zip(shared @ weights, deviations, strict=True)]


def _parts(chain: tuple[str, ...], kinds: Mapping[str, StepKind]) -> dict[Hashable, float]:
    """What adds up to the gain of a chain, each with the standard deviation of its prior."""
    parts: dict[Hashable, float] = {}
    for step in chain:
        parts[("technique", kinds[step].technique)] = _TECHNIQUE
        parts[("step", step)] = _STEP
    if any(kinds[step].trains for step in chain):  # a model that was trained too little gains by it, but only once
        parts[("training",)] = _TRAINING
    for first, second in combinations(chain, 2):
        parts[("techniques", kinds[first].technique, kinds[second].technique)] = _TECHNIQUES_TOGETHER
        parts[("steps", first, second)] = _STEPS_TOGETHER
        if kinds[second].ends_chain:  # a file of another format, which all that went before may gain less in
            parts[("ending", kinds[first].technique)] = _WITH_ENDING
    if len(chain) > 2:
        parts[("chain", chain)] = _CHAIN
    return parts


def _matrix(rows: Sequence[Mapping[Hashable, float]], columns: Mapping[Hashable, int]) -> npt.NDArray[np.float64]:
    matrix = np.zeros((len(rows), len(columns)))
    for number, row in enumerate(rows):
        for part, deviation in row.items():
            matrix[number, columns[part]] = deviation
    return matrix
