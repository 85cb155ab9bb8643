"""Models of PyTorch, exported to ONNX files in the cache before anything else is done for their cases."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..case import Case
from ..datasets.images import as_float_planes
from ..datasets.splits import prepare
from ..errors import CaseDefinitionError
from ..models.torch_export import example_inputs, export, torch_model
from ..storage.cache import Cache
from ..storage.digests import digest_path
from ..tensors import TensorSpec

# The kind of the cache's entries that hold them.
EXPORTED = "exported"
_FILE = "model.onnx"


def exported(case: Case, data_dir: Path | None, cache: Cache) -> Case:
    """Return a case as it is built: with an ONNX file in the place of a function that returns a ``torch.nn.Module``.

    The function is called each time, since what it loads may have changed; the file lies under its own digest, so that
    all that follows from it is found again.

    Raises:
        CaseDefinitionError: the case trains or optimises the model, or its data do not say what the model takes.
        MissingDependencyError: PyTorch is not installed.
        ModelFileError: it cannot be exported.
    """
    model = torch_model(case)
    if model is None:
        return case
    where = f"model {case.model}"
    if case.unfreeze != 0 or case.technique != "baseline":
        raise CaseDefinitionError(
            f"{where}: a model of PyTorch is measured as it is, by way of ONNX: write unfreeze=0, and no technique but "
            "baseline"
        )
    if model.example is None:
        specs = _taken(case, data_dir)
        example, names = example_inputs(specs), [spec.name or "input" for spec in specs]
    else:
        example = model.example
        names = ["input"] if len(example) == 1 else [f"input{number}" for number in range(len(example))]
    with tempfile.TemporaryDirectory(prefix="opml-torch-") as folder:
        path = Path(folder) / _FILE
        export(model, example, names, path, where)

        def fill(entry: Path) -> None:
            shutil.copyfile(path, entry / _FILE)

        file = cache.entry(EXPORTED, digest_path(path)[:32], fill) / _FILE
    return case.model_copy(update={"model": str(file)})


def _taken(case: Case, data_dir: Path | None) -> tuple[TensorSpec, ...]:
    """What a module takes by the look of the data: images of 8 bits as floats (channels, height, width)."""
    specs = prepare(case.model_copy(update={"preprocess": None}), data_dir).spec.inputs
    return tuple(as_float_planes(spec, case.preprocess) for spec in specs)
