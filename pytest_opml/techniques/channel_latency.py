"""How long the parts of a network take on this device, so that channels are cut where that saves time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import TechniqueError
from ..models.unfreeze import repeated
from ..progress import report_progress
from ..runtimes.keras_graph import folded
from .channel_allocation import Cost, Counts
from .channel_groups import Channels
from .channel_removal import cut
from .channel_sensitivity import CuttableNetwork

if TYPE_CHECKING:
    import keras

# Each is timed so often, in turn with the others, and the fastest counts: whatever else runs here only adds to a time.
_ROUNDS, _WARM_UP = 9, 2

Run = Callable[[], object]


def latency_cost(network: CuttableNetwork) -> Cost:
    """Return what tells the milliseconds of a batch, from times of the layers around each space.

    They are timed as graphs with their weights folded in, as the runtime of a Keras file holds them, with as many
    channels as each point of the curves leaves, and interpolated between these.
    """
    left = [np.array(curve.left) for curve in network.curves]
    runs: list[list[Run]] = [[] for _ in left]
    most = max(map(len, left), default=0)
    for point in range(most):
        report_progress("timing each layer with fewer filters, step", point + 1, most)
        counts = [int(points[min(point, len(points) - 1)]) for points in left]
        smaller = Channels(cut(network.model, network.channels, network.order.removed(counts)))
        for number, space in enumerate(smaller.spaces(trunks=network.trunks)):
            if point < len(left[number]):
                runs[number].append(_run_of(_segment(smaller.nodes_with(space)), network.batch))
    seconds = _best_times([run for of_space in runs for run in of_space])
    starts = np.cumsum([0, *map(len, runs)])
    # more channels never take less time, whatever the clock says
    times = [np.minimum.accumulate(seconds[start:end]) for start, end in pairwise(starts)]
    (whole,) = batch_seconds([network.model], network.batch)

    def cost(counts: Counts) -> float:
        saved = (
            of_space[0] - np.interp(count, points[::-1], of_space[::-1])
            for count, points, of_space in zip(counts, left, times, strict=True)
        )
        return 1e3 * (whole - float(sum(saved)))

    return cost


def batch_seconds(models: Sequence[keras.Model], batch: int) -> list[float]:
    """Return the seconds that models take for a batch on this device, timed in turn.

    Raises:
        TechniqueError: the sizes of their inputs are open.
    """
    return [float(seconds) for seconds in _best_times([_run_of(model, batch) for model in models])]


def _run_of(model: keras.Model, batch: int) -> Run:
    """What has a model answer for one batch of random figures, and waits for it."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    examples = []
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise TechniqueError(f"{model.name}: its inputs are of any size, so that it has no time of its own")
        figures = random.uniform(0, 1 if "float" in tensor.dtype else 255, (batch, *tensor.shape[1:]))
        examples.append(tf.constant(figures.astype(tensor.dtype)))
    call = folded(model)

    def run() -> object:
        return [answer.numpy() for answer in call(*examples)]

    return run


def _best_times(runs: Sequence[Run]) -> npt.NDArray[np.float64]:
    """The seconds that each takes, the least of nine that are taken in turn."""
    times = np.empty((_ROUNDS, len(runs)))
    for turn in range(-_WARM_UP, _ROUNDS):
        for number, run in enumerate(runs):
            started = time.perf_counter()
            run()
            if turn >= 0:
                times[turn, number] = time.perf_counter() - started
    return np.asarray(times.min(axis=0))


def _segment(nodes: Sequence[Any]) -> keras.Model:
    """A model of some calls of layers, from the tensors that these take from elsewhere to those that they give."""
    inside = {id(tensor) for node in nodes for tensor in node.outputs}
    taken = {id(tensor): tensor for node in nodes for tensor in node.input_tensors}
    sources = [tensor for number, tensor in taken.items() if number not in inside]
    given = [tensor for node in nodes for tensor in node.outputs if id(tensor) not in taken]
    return repeated(nodes, sources, given)
