"""Whether a model file fits the data, and the data's arrays as the file's model takes them.

What can be told from a file alone is told before anything costs time: the names and shapes of its inputs, and how many
figures it gives for an example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import ModelFileError, listed
from ..tensors import Array, Batch, DataSpec, Signature, TensorSpec, arrays, assigned, by_name, dtype_name, plain_name

_TEXT_KINDS = "OSUT"
# What a runtime gives where an output is no tensor: one mapping of classes to figures for each example.
MAPPINGS = "mappings"

Shape = tuple[int | None, ...]


# --- before anything is opened


def check_fits(
    path: Path,
    signature: Signature,
    spec: DataSpec,
    *,
    output: str | None = None,
    classes: Sequence[str] | Mapping[str, str] | None = None,
) -> None:
    """Refuse a file that cannot answer for the data, as far as its signature tells.

    Args:
        path: of the file, which errors name.
        signature: what it takes and gives.
        spec: what the data have, as they are handed out for this file.
        output: the case's choice among several outputs.
        classes: names of what the output's figures stand for, in their order, where the case declares them.

    Raises:
        ModelFileError: inputs or output do not fit; says what both have and what to do.
    """
    check_inputs(path, signature, spec)
    size = call_size(path, signature.inputs)
    outputs = [_with_all_axes(one, size) for one in signature.outputs]
    if output is None and len(outputs) > 1:
        raise _unnamed(path, outputs, [one.name for one in outputs if _could_stand_for(path, one, spec, classes)])
    check_output(path, outputs[output_number(path, outputs, output)], spec, classes)


def check_inputs(path: Path, signature: Signature, spec: DataSpec) -> None:
    """Refuse a file that cannot take the data, as far as its signature tells.

    Raises:
        ModelFileError: its inputs have other names, shapes or kinds; says what both have.
    """
    inputs, given = signature.inputs, spec.inputs
    places = assigned(inputs, [one.name for one in given])
    fit = [
        (one.dtype == own.dtype if "string" in (one.dtype, own.dtype) else _is_of_numbers(own))
        and any(fitting_shape(one.shape, taken) is not None for taken in (own, _without_batch(own)))
        for one in given
        if (own := places.get(one.name))
    ]
    if len(fit) != len(inputs) or not all(fit):
        raise _misfit(path, inputs, given)
    call_size(path, inputs)


def check_output(
    path: Path, output: TensorSpec, spec: DataSpec, classes: Sequence[str] | Mapping[str, str] | None = None
) -> None:
    """Refuse an output that cannot stand for the labels of the data, as far as its form tells.

    Raises:
        ModelFileError: it is none of numbers, none of a row an example, or has too few or too many figures.
    """
    about = f"{path}: its output is {output}"
    if output.dtype != MAPPINGS and not _is_of_numbers(output):
        raise ModelFileError(f"{about}: not figures; name an output with scores: output=...")
    if spec.task == "classification" and output.dtype in ("int32", "int64"):
        raise ModelFileError(f"{about}: numbers of classes, not their scores; export the model with its scores")
    figures = figures_of(output)
    if len([side for side in output.shape if side not in (1, None)]) > 1:
        raise ModelFileError(f"{about}: not one row of figures an example")
    wanted = len(classes) if classes is not None and spec.task != "regression" else spec.outputs
    if figures in (None, wanted) or (figures == 1 and wanted == 2 and spec.task == "classification"):
        return
    what = {"classification": "classes", "multilabel": "labels", "regression": "targets"}[spec.task]
    what = what if wanted > 1 else what.removesuffix("s")
    declared = f"classes=[...] has {wanted} names" if classes is not None else f"the data have {wanted} {what}"
    advice = (
        ""
        if spec.task == "regression"
        else "; name what each of its figures stands for: classes=[...]"
        if classes is None
        else "; name as many"
    )
    raise ModelFileError(f"{about}: {_count(figures)} for an example, and {declared}{advice}")


def figures_of(output: TensorSpec) -> int | None:
    """Return how many figures an output has for an example; None where its form does not tell."""
    sides = [side for side in output.shape if side != 1]
    if len(sides) > 1 or None in sides or output.dtype == MAPPINGS:
        return None
    return sides[0] if sides else 1


def output_number(path: Path, outputs: Sequence[TensorSpec], name: str | None) -> int:
    """Return the place of the output that is measured among those of a file; ``Identity:0`` is also ``identity``.

    Raises:
        ModelFileError: there are several and none is named, or none has the name.
    """
    if name is None and len(outputs) == 1:
        return 0
    if name is None:
        raise _unnamed(path, outputs)
    for plain in (str, plain_name):
        names = [plain(output.name) for output in outputs]
        if names.count(plain(name)) == 1:
            return names.index(plain(name))
    raise ModelFileError(f"{path}: {_listed(outputs)}; none is called {name!r}")


def measured_output(path: Path, outputs: Sequence[TensorSpec], name: str | None) -> int:
    """Return the place of the output that an opened file gives: the only one, whatever its name, or that of a name.

    What a technique made of a model has one output, and not the name that it had.

    Raises:
        ModelFileError: there are several and none is named, or none has the name.
    """
    return 0 if len(outputs) == 1 else output_number(path, outputs, name)


def _unnamed(path: Path, outputs: Sequence[TensorSpec], fitting: Sequence[str] = ()) -> ModelFileError:
    """What is said where a case names none of several outputs; which of them fit the data, where that is known."""
    advice = " or ".join(f"output={name!r}" for name in fitting) or "output=..."
    return ModelFileError(f"{path}: {_listed(outputs)}; name the one that is to be measured: {advice}")


def _listed(outputs: Sequence[TensorSpec]) -> str:
    return f"has the output{'s' if len(outputs) > 1 else ''} {listed([str(output) for output in outputs])}"


def _could_stand_for(
    path: Path, output: TensorSpec, spec: DataSpec, classes: Sequence[str] | Mapping[str, str] | None
) -> bool:
    try:
        check_output(path, output, spec, classes)
    except ModelFileError:
        return False
    return True


def call_size(path: Path, inputs: Sequence[TensorSpec]) -> int | None:
    """Return how many examples a call of the model answers; None where any number fits.

    Raises:
        ModelFileError: its inputs do not take equally many.
    """
    sizes = {spec.batch for spec in inputs}
    fixed = sizes - {None}
    # beside an input for any number, one for 2 holds something else first, such as the layers of a state
    if len(fixed) > 1 or (None in sizes and fixed - {1}):
        raise ModelFileError(
            f"{path}: takes {listed([str(spec) for spec in inputs])}: not equally many examples in each input"
        )
    return next(iter(fixed), None)


def _is_of_numbers(spec: TensorSpec) -> bool:
    """Whether numpy has the type of an input or output as a kind of number."""
    try:
        return np.dtype(spec.dtype).kind in "biuf"
    except TypeError:
        return False


def _count(figures: int | None) -> str:
    return "one figure" if figures == 1 else f"{figures} figures"


def _misfit(path: Path, inputs: Sequence[TensorSpec], given: Sequence[TensorSpec]) -> ModelFileError:
    takes, have = (listed([str(spec) for spec in specs]) or "nothing" for specs in (inputs, given))
    if len(inputs) > 1 and not assigned(inputs, [one.name for one in given]):
        names = ", ".join(f"{spec.name!r}: ..." for spec in inputs)
        advice = f"give the data as a dict of arrays: {{{names}}}"
    elif not assigned(inputs, [one.name for one in given]):
        advice = "give the data as one array"
    else:
        advice = "give the data in the shape and type that it takes"
    return ModelFileError(f"{path}: takes {takes}; the data have {have}; {advice}")


def _with_all_axes(output: TensorSpec, size: int | None) -> TensorSpec:
    """An output in which what looks like a number of examples is an axis of the answer to the only one."""
    if size is None or output.batch in (None, 1, size):
        return output
    return output._replace(shape=(output.batch, *output.shape), batch=1)


def _without_batch(spec: TensorSpec) -> TensorSpec:
    """The form of an example where what looks like a number of examples is an axis of one."""
    return spec if spec.batch is None else spec._replace(shape=(spec.batch, *spec.shape))


# --- with the data at hand


def fitting_shape(given: Shape, spec: TensorSpec) -> Shape | None:
    """Return the shape that an example of a shape is given for an input; None where it does not fit.

    Axes of length one are no difference.
    """
    if len(given) == len(spec.shape) and all(
        own is None or side is None or side == own for side, own in zip(given, spec.shape, strict=True)
    ):
        return given
    sides = [side for side in given if side != 1]
    open_axes = [own for own in spec.shape if own != 1]
    if len(sides) != len(open_axes) or any(own not in (None, side) for side, own in zip(sides, open_axes, strict=True)):
        return None
    in_turn = iter(sides)
    return tuple(1 if own == 1 else next(in_turn) for own in spec.shape)


def is_one_example(inputs: Sequence[TensorSpec], batch: Batch) -> bool:
    """Whether a model takes an example without an axis for several, so that its first axis is one of the example."""
    given = arrays(batch)
    return len(given) == len(inputs) == 1 and given[0].shape[1:] == (inputs[0].batch, *inputs[0].shape)


def arranged(path: Path, inputs: Sequence[TensorSpec], batch: Batch) -> list[Array]:
    """Return the arrays of a batch in the order of a model's inputs, in the shapes that it takes, (n, ...) each.

    Args:
        path: of the model, which errors name.
        inputs: that it takes.
        batch: examples.

    Raises:
        ModelFileError: names or shapes do not fit; says what the model takes and what the data have.
    """
    examples = by_name(batch)
    places = assigned(inputs, list(examples))
    ordered: dict[str, Array] = {}
    for name, spec in places.items():
        array = examples[name]
        shape = fitting_shape(array.shape[1:], spec)
        if shape is not None:
            sides = [side for side in shape if side is not None]
            ordered[spec.name] = array if array.shape[1:] == shape else array.reshape(len(array), *sides)
    if len(ordered) != len(inputs):
        given = [TensorSpec(name, array.shape[1:], dtype_name(array)) for name, array in examples.items()]
        raise _misfit(path, inputs, given)
    return [ordered[spec.name] for spec in inputs]


def as_dtype(path: Path, array: Array, spec: TensorSpec) -> Array:
    """Return an array as the type that an input takes, where no value is changed by more than its precision.

    Raises:
        ModelFileError: values do not fit the type.
    """
    is_text = array.dtype.kind in _TEXT_KINDS
    where = f"{path}: input {spec.name or 'of the model'} takes {spec.dtype}, and the data have"
    if is_text or spec.dtype == "string":
        if not is_text or spec.dtype != "string":
            raise ModelFileError(f"{where} {dtype_name(array)}")
        return _texts(array)
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError as error:
        raise ModelFileError(f"{path}: input {spec}: no type that data can be given in") from error
    if array.dtype == dtype or dtype.kind == "f":
        return array.astype(dtype, copy=False)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if array.size and not (low <= array.min() and array.max() <= high):
        raise ModelFileError(f"{where} values from {array.min()} to {array.max()}, which do not fit")
    if array.dtype.kind == "f" and (array != np.rint(array)).any():
        raise ModelFileError(f"{where} {array.dtype.name} with fractions; give whole numbers")
    return array.astype(dtype)


def _texts(array: Array) -> Array:
    """Texts as an array of Python's own, which every runtime takes."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    texts = np.array([text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in array.flat], object)
    return texts.reshape(array.shape)
