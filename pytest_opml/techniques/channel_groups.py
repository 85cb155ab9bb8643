"""Which channels of a network belong together, so that removing one removes the others.

Every channel that a convolution or dense layer produces has a number. Tensors carry the numbers of their channels
through the graph: an addition or multiplication makes two numbers one, a concatenation puts lists of them behind each
other, and flattening repeats them. Channels that are united by any pair form a space, whose channels compete with each
other. What reaches the input, the output, or a layer that is not understood stays whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

Ids = npt.NDArray[np.intp]

_PASSING = frozenset(
    (  # noqa: SIM905 - a list would take thirty lines of one word each
        "Activation ReLU LeakyReLU ELU Dropout SpatialDropout2D GaussianNoise GaussianDropout ActivityRegularization "
        "Identity ZeroPadding2D Cropping2D UpSampling2D MaxPooling2D AveragePooling2D GlobalAveragePooling2D "
        "GlobalMaxPooling2D Rescaling"
    ).split()
)
# What joins a block to the trunk that goes past it; a product is a gate, as of squeeze and excite.
_JOINING = frozenset(("Add", "Subtract", "Average", "Maximum", "Minimum"))
_UNITING = _JOINING | {"Multiply", "Divide", "TrueDivide"}
# Operations without a layer, as x * relu6(x + 3) / 6 makes them.
_ELEMENTWISE = frozenset(("Relu", "Relu6", "Sigmoid", "HardSigmoid", "Silu", "HardSilu", "Tanh", "Gelu", "Elu"))


def nodes_of(model: keras.Model) -> list[Any]:
    """The calls of layers and operations that a model consists of, each after those that it depends on."""
    import keras

    by_depth = keras.Model(model.inputs, model.outputs)._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


class Groups:
    """Sets of numbers that can be united (union by the smaller number)."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def new(self, count: int) -> Ids:
        """``count`` numbers not in any set yet."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def find(self, number: int) -> int:
        """Return the number that stands for the set."""
        while self._parents[number] != number:
            self._parents[number] = number = self._parents[self._parents[number]]
        return number

    def unite(self, first: Iterable[int], second: Iterable[int]) -> None:
        """Make one set of each pair."""
        for a, b in zip(first, second, strict=True):
            low, high = sorted((self.find(int(a)), self.find(int(b))))
            self._parents[high] = low

    def roots(self, numbers: Iterable[int]) -> Ids:
        """Return the number that stands for the set of each."""
        return np.array([self.find(int(number)) for number in numbers], dtype=np.intp)


class Channels:
    """The channels of a functional or sequential model.

    Attributes:
        inputs: layer name -> numbers of the channels that its weights take, of the layers that can be cut.
        outputs: likewise, of the channels that it gives; also of layers that reshape.
        produced: names of the layers that can lose filters, with the numbers of their channels.
        normalised: name of such a layer -> the batch normalisation that follows it, and nothing else does.
    """

    def __init__(self, model: keras.Model) -> None:
        import keras

        self.inputs: dict[str, Ids] = {}
        self.outputs: dict[str, Ids] = {}
        self.produced: dict[str, Ids] = {}
        self.normalised: dict[str, Any] = {}
        self._units, self._blocks = Groups(), Groups()
        self._whole: list[Ids] = []
        self._trunks: list[Ids] = []
        self._tensors: dict[int, Ids] = {}
        self._nodes = nodes = nodes_of(model)
        uses = Counter(id(node.operation) for node in nodes)
        for node in nodes:
            self._pass(node, uses[id(node.operation)])
        for tensor in model.outputs:
            self._leave_whole(self._tensors[id(tensor)])
        followers: dict[int, list[Any]] = {}
        for node in nodes:
            for tensor in node.input_tensors:
                followers.setdefault(id(tensor), []).append(node.operation)
        for node in nodes:
            after = followers.get(id(node.outputs[0]), [])
            alone = node.operation.name in self.produced and len(after) == 1 and after[0].name in self.inputs
            if alone and isinstance(after[0], keras.layers.BatchNormalization):
                self.normalised[node.operation.name] = after[0]

    def roots(self, ids: Ids) -> Ids:
        """Return the number that stands for each channel and all that are united with it."""
        return self._units.roots(ids)

    def spaces(self, *, trunks: bool = True) -> list[Ids]:
        """Return the distinct channels of each space that may lose some, in the order of the graph.

        Args:
            trunks: those that residual blocks are added to, too.
        """
        barred = self._whole if trunks else [*self._whole, *self._trunks]
        whole = set(self._blocks.roots(np.concatenate([*barred, np.empty(0, np.intp)])))
        spaces: dict[int, set[int]] = {}
        for ids in self.produced.values():
            space = self._blocks.find(int(ids[0]))
            if space not in whole:
                spaces.setdefault(space, set()).update(self.roots(ids).tolist())
        return [np.array(sorted(members), dtype=np.intp) for members in spaces.values()]

    def nodes_with(self, space: Ids) -> list[Any]:
        """Return the calls of layers and operations that take in or give channels of a space, in their order."""
        touched = {number for number, ids in self._tensors.items() if np.isin(self.roots(np.unique(ids)), space).any()}
        return [
            node
            for node in self._nodes
            if node.input_tensors and any(id(tensor) in touched for tensor in (*node.input_tensors, *node.outputs))
        ]

    def _new(self, count: int) -> Ids:
        ids = self._units.new(count)
        self._blocks.new(count)
        self._blocks.unite(ids[1:], ids[:-1])
        return ids

    def _unite(self, first: Ids, second: Ids) -> None:
        self._units.unite(first, second)
        self._blocks.unite(first, second)

    def _leave_whole(self, ids: Ids) -> None:
        self._whole.append(ids)

    def _pass(self, node: Any, uses: int) -> None:
        """Give the outputs of a node their channels."""
        sources = [self._tensors[id(tensor)] for tensor in node.input_tensors]
        understood = sources and (uses == 1 or not _has_weights(node.operation))
        passed_on = self._understood(node, sources) if understood else None
        if passed_on is not None and len(node.outputs) == 1 and len(passed_on) == node.outputs[0].shape[-1]:
            self._tensors[id(node.outputs[0])] = passed_on
            return
        for layer_of in (self.inputs, self.outputs, self.produced):
            layer_of.pop(node.operation.name, None)
        for ids in sources:
            self._leave_whole(ids)
        for tensor in node.outputs:
            ids = self._new(tensor.shape[-1] or 1 if len(tensor.shape) > 1 else 1)
            self._leave_whole(ids)
            self._tensors[id(tensor)] = ids

    def _understood(self, node: Any, sources: list[Ids]) -> Ids | None:
        """The channels of the node's output, or None where it is not understood."""
        operation, kind = node.operation, type(node.operation).__name__
        first, shape = sources[0], node.input_tensors[0].shape
        if getattr(operation, "data_format", "channels_last") != "channels_last":
            return None
        if (kind == "Conv2D" and operation.groups == 1) or kind == "Dense":
            self.inputs[operation.name] = first
            self.outputs[operation.name] = self.produced[operation.name] = ids = self._new(node.outputs[0].shape[-1])
            if _mixes(operation):
                self._leave_whole(ids)
            return ids
        if _mixes(operation):
            return None
        if (kind == "DepthwiseConv2D" and operation.depth_multiplier == 1) or (
            kind == "BatchNormalization" and operation.axis in (-1, len(shape) - 1, [len(shape) - 1])
        ):
            self.inputs[operation.name] = self.outputs[operation.name] = first
            return first
        if kind == "Normalization" or (kind == "Rescaling" and not _is_scalar(operation)):
            self._leave_whole(first)  # it has a figure for each channel, of the input as a rule
            return first
        if kind in _PASSING or (kind in _ELEMENTWISE and len(sources) == 1):
            return first
        if kind in _UNITING:
            return self._united(node, sources)
        if kind == "Concatenate":
            axis = operation.axis % len(shape)
            return np.concatenate(sources) if axis == len(shape) - 1 else self._united(node, sources)
        if kind in ("Flatten", "Reshape"):
            reshaped = self._reshaped(shape, node.outputs[0].shape, first)
            if reshaped is not None:
                self.outputs[operation.name] = reshaped
            return reshaped
        return None

    def _united(self, node: Any, sources: list[Ids]) -> Ids | None:
        arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
        if any(np.ndim(argument) for argument in arguments if isinstance(argument, np.ndarray)):
            return None  # a constant for each channel
        longest = max(sources, key=len)
        for ids in sources:
            if len(ids) == len(longest):
                self._unite(longest, ids)
            elif len(ids) == 1:
                self._leave_whole(ids)  # one for all channels
            else:
                return None
        if len(sources) > 1 and type(node.operation).__name__ in _JOINING:
            self._trunks.append(longest)
        return longest

    @staticmethod
    def _reshaped(before: tuple[int | None, ...], after: tuple[int | None, ...], ids: Ids) -> Ids | None:
        if after[-1] == len(ids):
            return ids
        if None in before[1:] or len(after) != 2:
            return None
        return np.tile(ids, int(np.prod(np.array(before[1:-1], dtype=np.intp))))


def _has_weights(operation: Any) -> bool:
    return bool(getattr(operation, "weights", None))


def _is_scalar(operation: Any) -> bool:
    return np.ndim(operation.scale) == 0 and np.ndim(operation.offset) == 0


def _mixes(operation: Any) -> bool:
    """Whether an activation makes each channel depend on the others."""
    activation = getattr(operation, "activation", None)
    return getattr(activation, "__name__", "") in ("softmax", "log_softmax", "glu", "sparsemax")
