"""What a model of OpenVINO says of itself: a folder with one ``.xml``, its graph, and the ``.bin`` of its weights."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.parsers import expat

import numpy as np

from ..errors import MissingDependencyError, ModelFileError, one_line
from ..records.case_record import NumberPrecision
from ..storage.regular_files import open_regular
from ..tensors import Signature, TensorSpec
from .execution import PRECISION_KEY, as_precision
from .trust import check_operations

if TYPE_CHECKING:
    import openvino

_OWN = re.compile(r"opset\d{1,3}", re.ASCII)


class OpenVinoFile(NamedTuple):
    """A model as OpenVINO has read it; nothing of it was run.

    Attributes:
        model: the model.
        signature: what it takes and gives.
        foreign_operations: names of its operations that are not OpenVINO's own.
        precision: that the file asks to be computed in, as one of ours does; None for others.
    """

    model: openvino.Model
    signature: Signature
    foreign_operations: tuple[str, ...]
    precision: NumberPrecision | None


def is_openvino(folder: Path) -> bool:
    """Whether a folder holds one model of OpenVINO: one ``.xml`` with the ``.bin`` of its name beside it."""
    graphs = [file for file in folder.iterdir() if file.suffix == ".xml"]
    return len(graphs) == 1 and os.path.lexists(graphs[0].with_suffix(".bin"))


def read_openvino(folder: Path, *, trusted: bool = False) -> OpenVinoFile:
    """Read the model in a folder; nothing of it is run.

    Args:
        folder: that ``is_openvino``.
        trusted: whether it may hold operations that are not OpenVINO's own.

    Raises:
        ModelFileError: it is none, is damaged, or holds such operations and is not trusted.
        MissingDependencyError: OpenVINO is not installed.
    """
    core = openvino_core(f"opening {folder}")
    (graph,) = (file for file in folder.iterdir() if file.suffix == ".xml")
    foreign = _foreign_operations(folder, graph)
    check_operations(folder, foreign, trusted=trusted)
    try:
        model = core.read_model(str(graph), str(graph.with_suffix(".bin")))
        signature = Signature(
            tuple(_spec(port, port.get_node().get_friendly_name()) for port in model.inputs),
            tuple(_spec(port, f"output{number}") for number, port in enumerate(model.outputs)),
        )
    except Exception as error:  # its errors share no base class
        raise ModelFileError(f"{folder}: not a model that OpenVINO can run: {reason_of(error)}") from error
    if not signature.inputs or not signature.outputs:
        raise ModelFileError(f"{folder}: not a model that OpenVINO can run: has no inputs or no outputs")
    asked = model.get_rt_info(PRECISION_KEY).value if model.has_rt_info(PRECISION_KEY) else None
    return OpenVinoFile(model, signature, foreign, None if asked is None else as_precision(folder, str(asked)))


def openvino_core(feature: str) -> Any:
    """Return OpenVINO's ``Core``, the one of this process.

    With its first device, a ``Core`` gives the thread a stack for signal handlers, and takes it away when it ends. Of
    two that end in the order in which they began, the second puts back the stack of the first, which is gone: the next
    signal, such as Ctrl-C, then ends the process by SIGSEGV. So there is one, and it stays.

    Args:
        feature: that needs it, for the message.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError(feature, "openvino", extra="openvino") from error
    return _made_once(openvino.Core)


@cache
def _made_once(core: Callable[[], Any]) -> Any:
    return core()


def reason_of(error: Exception) -> str:
    """Return what OpenVINO says in one line: its last, which those before lead up to with places in its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(lines[-1] if lines else error)


def _foreign_operations(folder: Path, graph: Path) -> tuple[str, ...]:
    """The names of layers that belong to no opset, which only a library of their own computes."""
    names: set[str] = set()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "layer" and not _OWN.fullmatch(attributes.get("version", "")):
            names.add(f"{attributes.get('version', '')}:{attributes.get('type', '')}".removeprefix(":"))

    def refuse(*_: Any) -> None:
        raise ModelFileError(f"{folder}: not a model that OpenVINO can run: {graph.name} declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    try:
        with open_regular(graph) as stream:
            parser.ParseFile(stream)
    except OSError as error:
        raise ModelFileError(f"{folder}: cannot be read: {error.strerror}") from error
    except expat.ExpatError as error:
        text = f"{graph.name} is damaged, or no XML"
        raise ModelFileError(f"{folder}: not a model that OpenVINO can run: {text}") from error
    return tuple(sorted(names))


def _spec(port: Any, name: str) -> TensorSpec:
    """An input or output, by the shortest of its names; one of unknown shape has an axis of any length."""
    shape = port.partial_shape
    sides: list[int | None] = [None, None]
    if not shape.rank.is_dynamic:
        sides = [None if side.is_dynamic else int(side.get_length()) for side in shape] or [None]
    names = sorted(port.get_names(), key=lambda one: (len(one), one)) or [name]
    try:
        dtype = np.dtype(port.element_type.to_dtype()).name
    except (RuntimeError, TypeError, KeyError):  # of those that NumPy lacks
        dtype = str(port.element_type.get_type_name())
    return TensorSpec(names[0], tuple(sides[1:]), dtype, sides[0])
