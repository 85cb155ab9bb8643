"""The guard of conversions: whether what claims to compute the same gives the same answers.

Two formats are compared by what they answer for the same training inputs. What rounding alone may change depends on the
model: by how much its answers move is measured, not assumed, by moving its weights and inputs by one rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, TechniqueError
from ..tensors import Array, Batch, mapped
from .artifact_file import write_finished
from .model_function import Precision, call, compute_precision, rows_of, tensors_of

if TYPE_CHECKING:
    import keras

    from ..datasets.input_set import InputSet
    from .base import ModelState, Technique, TrainingContext

Answers = npt.NDArray[np.float64]

# One rounding of a number; of float32 with what sums in another order and approximated exponentials add to it.
_ROUNDING: dict[str, float] = {"float32": 2.0**-19, "float16": 2.0**-11, "bfloat16": 2.0**-8}
# Differences of so many roundings, in the spread of the answers, are passed without a look at the model.
_UNQUESTIONED = 32
# So many times as far as one rounding of every weight and input moves the answers: 0.4 to 1.7 were measured on thirteen
# networks under mixed_float16 and mixed_bfloat16.
_MARGIN, _DRAWS = 4, 3
# Below this a model without training gives much the same for every input, and 8 bits exactly the same.
_LEAST_SPREAD = 0.05
_MOST_INPUTS, _FEWEST_INPUTS = 64, 4
_MOST_NUMBERS = _MOST_INPUTS * 96 * 96 * 3


def probe_rows(x_train: InputSet, seed: int) -> npt.NDArray[np.intp]:
    """Return the numbers of the training examples that answers are compared for, always the same ones.

    They are 64, or fewer where each is large.
    """
    numbers = max(1, sum(spec.numbers for spec in x_train.specs))
    count = min(_MOST_INPUTS, max(_FEWEST_INPUTS, _MOST_NUMBERS // numbers))
    order = np.random.default_rng(seed).permutation(len(x_train))
    return np.sort(order[:count])


def probes(x_train: InputSet, seed: int) -> Batch:
    """Return the training examples of ``probe_rows``."""
    return x_train.take(probe_rows(x_train, seed))


def answers_of(model: keras.Model, inputs: Batch) -> Answers:
    """Return what a Keras model answers, (n, k): a row for each example."""
    with _exact_arithmetic():
        return rows_of(call(model, tensors_of(model, inputs)))


def answers_of_file(path: Path, inputs: Batch) -> Answers:
    """Return what a model file answers when its own runtime opens it, (n, k).

    Raises:
        ModelFileError: the runtime cannot open it.
    """
    from ..runtimes.keras_graph import load_keras
    from ..runtimes.loader import open_artifact

    if path.suffix == ".keras":
        return answers_of(load_keras(path), inputs)
    runtime = open_artifact(path)
    rows = np.asarray(runtime.rows(runtime.run(runtime.place(inputs))), np.float64)  # NaN too, which the guard names
    return rows.reshape(len(rows), -1)


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """A GPU would else multiply float32 with ten bits of mantissa, and differ from any CPU by that."""
    import tensorflow as tf

    reduced = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(reduced)


class Difference(NamedTuple):
    """How two sets of answers differ.

    Attributes:
        largest: difference of two numbers; of those that are numbers before.
        lost: share of the numbers before that are none after.
        same: share of the examples whose largest answer is at the same place; 1 where there is one number for each.
    """

    largest: float
    lost: float
    same: float


def difference(before: Answers, after: Answers) -> Difference:
    """Compare answers (n, k) with those for the same examples."""
    numbers = np.isfinite(before)
    lost = float(np.mean(~np.isfinite(after[numbers]))) if numbers.any() else 0.0
    both = numbers & np.isfinite(after)
    largest = float(np.max(np.abs(after[both] - before[both]), initial=0.0))
    return Difference(largest, lost, float(np.mean(before.argmax(axis=1) == after.argmax(axis=1))))


def require_agreement(
    name: str,
    before: Answers,
    after: Answers,
    precision: Precision,
    movement: Callable[[], float],
) -> None:
    """Refuse a conversion whose answers differ by more than the precision of its format explains.

    Args:
        name: of the step, for the message.
        before: answers (n, k) of the model that was converted.
        after: those of what it was converted to.
        precision: of the format.
        movement: see ``movement_of``, of either model; asked for only where the difference is not plainly small, since
            a deep or a chaotic model moves further.

    Raises:
        TechniqueError: the answers do not agree; says by how much.
    """
    if before.shape != after.shape:
        raise TechniqueError(f"{name}: gives {after.shape[1]} numbers for an input, {before.shape[1]} before")
    change = difference(before, after)
    if change.lost:
        raise TechniqueError(f"{name}: {_lost(change.lost)}")
    rounding = _ROUNDING[precision]
    finite = np.where(np.isfinite(before), before, 0.0)
    spread, reach = float(np.max(np.ptp(finite, axis=0))), float(np.max(np.abs(finite)))
    allowed = rounding * max(_UNQUESTIONED * spread, _MARGIN * reach)
    for _ in range(_DRAWS):
        if change.largest <= allowed:
            return
        allowed = max(allowed, _MARGIN * movement())
    if change.largest > allowed:
        raise TechniqueError(
            f"{name}: does not keep the model's answers: they differ by up to {change.largest:.3g}, where {precision} "
            f"explains {allowed:.2g}; {change.same:.0%} of {len(before)} training inputs get the same answer"
        )


def _lost(share: float) -> str:
    return f"{'all' if share == 1 else f'{share:.0%} of the'} answers are NaN or infinite"


def movement_of(
    model: Any, inputs: Batch, precision: Precision, answer: Callable[[Any, Batch], Answers] = answers_of
) -> Callable[[], float]:
    """Return a function of how far a model's answers move with every weight and input off by one rounding.

    Each call draws other signs. What the model was made from or into has no part in it.

    Args:
        model: of Keras 3, or of ``tf_keras`` with its own ``answer``; it is as before after each call.
        inputs: that it answers for.
        precision: whose rounding is meant.
        answer: asks the model.
    """
    random, step = np.random.default_rng(0), _ROUNDING[precision]

    def off(array: Array) -> Array:
        if array.dtype.kind != "f":
            return array
        return np.asarray(array * (1 + step * random.choice((-1.0, 1.0), array.shape)), array.dtype)

    def move() -> float:
        weights, unmoved = model.get_weights(), answer(model, inputs)
        try:
            model.set_weights([off(array) for array in weights])
            return difference(unmoved, answer(model, mapped(off, inputs))).largest
        finally:
            model.set_weights(weights)

    return move


def require_copy(name: str, model: keras.Model, copy: keras.Model, context: TrainingContext) -> None:
    """Refuse a copy of a model that does not answer as the model does.

    Args:
        name: of the step and the copy, for the message.
        model: that was copied.
        copy: computes at least as precisely.
        context: of the step.

    Raises:
        TechniqueError: it does not.
    """
    inputs, precision = probes(context.x_train, context.case.seed), compute_precision(model)
    require_agreement(
        name,
        answers_of(model, inputs),
        answers_of(copy, inputs),
        precision,
        movement_of(copy, inputs, precision),
    )


class AnswerGuard:
    """What the states of a chain answer for the same training inputs, compared step by step.

    Args:
        x_train: of which some are asked about, see ``probes``; where there are none, nothing is compared.
        seed: of their choice.
        as_trained: gives the model that the chain begins with, once more.
    """

    def __init__(self, x_train: InputSet, seed: int, as_trained: Callable[[], keras.Model]) -> None:
        self._x_train, self._seed, self._as_trained = x_train, seed, as_trained
        self._last: tuple[ModelState, Answers] | None = None

    @cached_property
    def _inputs(self) -> Batch:
        return probes(self._x_train, self._seed)

    def before(self, name: str, step: Technique, state: ModelState) -> None:
        """Take note of what the model answers, where the step claims to keep it."""
        if step.preserved_precision():
            self._answers(name, state)

    def after(self, name: str, step: Technique, state: ModelState, result: ModelState) -> None:
        """Compare the answers after a step with those before it.

        Args:
            name: of the step, as it is written.
            step: that was applied.
            state: before it; ``before`` was called with the same.
            result: after it.

        Raises:
            TechniqueError: it does not keep the answers and claims to, or there are none to speak of after it.
        """
        precision = step.preserved_precision()
        earlier = self._answers(name, state) if precision else None
        answers = self._asked(name, result)
        self._last = result, answers
        if earlier is not None and precision:
            movement = movement_of(state.model, self._inputs, precision)
            require_agreement(name, earlier, answers, precision, movement)
        elif not np.isfinite(answers).all() or not np.ptp(answers, axis=0).any():
            _require_answers(name, answers_of(self._as_trained(), self._inputs), answers)

    def stored(self, name: str, state: ModelState, path: Path) -> None:
        """Open the file that was written and compare what it answers with the model that it was written from.

        Raises:
            TechniqueError: it answers something else.
        """
        if state.flatbuffer is None and len(self._x_train):  # a flatbuffer was opened when it was made
            precision: Precision = "float16" if state.float16_weights else "float32"
            movement = movement_of(state.model, self._inputs, precision)
            answers = _answers_of(name, path, self._inputs)
            require_agreement(f"{name}: {path.name}", self._answers(name, state), answers, precision, movement)

    def _answers(self, name: str, state: ModelState) -> Answers:
        if self._last is None or self._last[0] is not state:
            self._last = state, self._asked(name, state)
        return self._last[1]

    def _asked(self, name: str, state: ModelState) -> Answers:
        if state.flatbuffer is None:
            return answers_of(state.model, self._inputs)
        return answers_of_flatbuffer(name, state.flatbuffer, state.suffix, self._inputs, state.beside)


def answers_of_flatbuffer(
    name: str, flatbuffer: bytes, suffix: str, inputs: Batch, beside: Mapping[str, bytes] = MappingProxyType({})
) -> Answers:
    """Return what the content of a model file answers, (n, k).

    Args:
        name: of the step that made it, for errors.
        flatbuffer: the content.
        suffix: of such files.
        inputs: that it answers for.
        beside: the files that lie beside it, by their names.

    Raises:
        TechniqueError: no runtime can open it.
    """
    with TemporaryDirectory(prefix="opml-") as folder:
        return _answers_of(name, write_finished(flatbuffer, suffix, beside, Path(folder)), inputs)


def _answers_of(name: str, path: Path, inputs: Batch) -> Answers:
    try:
        return answers_of_file(path, inputs)
    except ModelFileError as error:
        raise TechniqueError(f"{name}: the file cannot be used: {str(error).replace(str(path), path.name)}") from error


def _require_answers(name: str, as_trained: Answers, answers: Answers) -> None:
    """Refuse a step after which a model that told inputs apart gives no numbers, or the same for all."""
    lost = difference(as_trained, answers).lost
    if lost:
        raise TechniqueError(f"{name}: {_lost(lost)}")
    spread, reach = float(np.max(np.ptp(as_trained, axis=0))), float(np.max(np.abs(as_trained)))
    apart = spread > _LEAST_SPREAD * reach
    if apart and not np.ptp(answers, axis=0).any():
        raise TechniqueError(f"{name}: gives the same answer for each of {len(answers)} training inputs")
