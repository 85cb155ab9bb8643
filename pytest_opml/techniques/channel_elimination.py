"""In which order the channels of a space go, and what the layers behind it make up for.

A layer that loses some of its inputs is given the weights that come closest to its old output on the inputs that are
left (least squares, in closed form). What that leaves undone is the cost of a channel; the cheapest go first. So do B.
Hassibi and D. Stork, "Second order derivatives for network pruning: optimal brain surgeon", 1993, for one weight, and
J. Luo et al., "ThiNet: a filter level pruning method", 2017, and E. Frantar and D. Alistarh, "Optimal brain
compression", 2022, for what a layer takes in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .channel_groups import Ids
from .channel_moments import Matrix, Moments

# Added to the diagonal, as a share of its mean: inputs that always move together could else make up for each other with
# weights of any size, and few examples tell little of a wide layer.
_RIDGE = 1e-2
# Channels that go at once between two looks at the costs of the others; layers are wide, and have multiples of 8.
_AT_ONCE = 8


@dataclass(frozen=True)
class Intake:
    """What a layer takes in from channels.

    Attributes:
        channels: (width,) the channel of each row of the kernel.
        kernel: (width, filters).
        moments: of the rows.
    """

    channels: Ids
    kernel: Matrix
    moments: Moments


def removal_order(space: Ids, intakes: list[Intake]) -> Ids:
    """Return the channels of a space in the order in which they can go, the least missed first.

    Args:
        space: the channels.
        intakes: of all layers that take in any of them; at least one, and each with a covariance.
    """
    tables = [_Elimination(intake, space) for intake in intakes]
    left, gone = np.arange(len(space)), []
    while left.size:
        costs = sum((table.costs(left) for table in tables), np.zeros(left.size))
        next_ones = left[np.argsort(costs, kind="stable")[:_AT_ONCE]]
        gone.append(next_ones)
        for table in tables:
            table.remove(next_ones)
        left = np.setdiff1d(left, next_ones, assume_unique=True)
    return space[np.concatenate(gone)]


class _Elimination:
    """The inverse covariance and the weights of a layer while rows go, as Gaussian elimination leaves them."""

    def __init__(self, intake: Intake, space: Ids) -> None:
        covariance = intake.moments.covariance
        if covariance is None:
            raise ValueError("a layer without a covariance has no costs")
        self._inverse = np.linalg.inv(regular(covariance))
        self._kernel = intake.kernel.copy()
        self._energy = max(float(np.sum((covariance @ intake.kernel) * intake.kernel)), 1e-30)
        order = np.argsort(intake.channels, kind="stable")
        starts = np.searchsorted(intake.channels[order], space, "left")
        ends = np.searchsorted(intake.channels[order], space, "right")
        self._rows = [order[start:end] for start, end in zip(starts, ends, strict=True)]

    def costs(self, left: npt.NDArray[np.intp]) -> Matrix:
        """What the layer's output loses without each channel, as a share of its variance."""
        costs = np.zeros(left.size)
        if all(len(self._rows[number]) == 1 for number in left):
            rows = np.concatenate([self._rows[number] for number in left])
            squares = np.sum(self._kernel[rows] ** 2, axis=1)
            return np.asarray(squares / np.maximum(self._inverse[rows, rows], 1e-30) / self._energy)
        for place, number in enumerate(left):
            rows = self._rows[number]
            if rows.size:
                weights = self._kernel[rows]
                costs[place] = np.sum(weights * np.linalg.solve(self._inverse[np.ix_(rows, rows)], weights))
        return costs / self._energy

    def remove(self, numbers: npt.NDArray[np.intp]) -> None:
        """Take channels out, and let the rows that are left make up for them."""
        rows = np.concatenate([self._rows[number] for number in numbers])
        if not rows.size:
            return
        columns = self._inverse[:, rows]
        solved = np.linalg.solve(self._inverse[np.ix_(rows, rows)], columns.T)
        self._kernel -= columns @ np.linalg.solve(self._inverse[np.ix_(rows, rows)], self._kernel[rows])
        self._inverse -= columns @ solved
        self._kernel[rows] = 0.0


def refitted(intake: Intake, removed: Ids) -> tuple[Matrix, Matrix]:
    """The kernel and the shift of the output of a layer that does without some channels, closest to what it gave.

    Without a covariance only the mean of the output stays what it was.

    Args:
        intake: what it took in.
        removed: channels.

    Returns:
        The kernel (width, filters), zero in the rows of the removed channels, and what is to be added to the output
        (filters,).
    """
    out = np.isin(intake.channels, removed)
    covariance, kernel = intake.moments.covariance, intake.kernel.copy()
    if covariance is not None:
        left = regular(covariance)[np.ix_(~out, ~out)]
        kernel[~out] += np.linalg.solve(left, covariance[np.ix_(~out, out)] @ intake.kernel[out])
    kernel[out] = 0.0
    return kernel, intake.moments.mean @ (intake.kernel - kernel)


def regular(covariance: Matrix) -> Matrix:
    """Return a covariance (width, width) with so much on its diagonal that it can be solved for."""
    diagonal = np.diag(covariance)
    return np.asarray(covariance + np.eye(len(covariance)) * max(_RIDGE * float(diagonal.mean()), 1e-12))
