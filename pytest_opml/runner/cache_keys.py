"""What can change a result: the keys under which models, steps and artifacts of a case lie in the cache."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import registry
from ..case import Case, parse_chain
from ..datasets.images import image_form
from ..datasets.model_inputs import size_text
from ..errors import ModelFileError
from ..models.pretrained import check_weights, is_pretrained, weights_of_other
from ..records import clients
from ..records.case_record import ImageSize
from ..storage.digests import digest_path
from ..tensors import DataSpec

if TYPE_CHECKING:
    from ..datasets.splits import Split
    from ..records.device import Device
    from ..techniques.base import OtherModel, Technique

# The packages whose version can change a trained model or an artifact.
RESULT_MAKERS = (
    *("pytest-opml", "tensorflow", "keras", "numpy", "scikit-learn", "h5py", "pillow"),
    *("tensorflow-model-optimization", "tf-keras", "litert-quantizer", "onnxruntime", "tf2onnx", "openvino"),
)
# The code that makes artifacts: folders and files below the package.
SOURCES = (
    "datasets",
    "models",
    "runtimes",
    "techniques",
    "runner/builder.py",
    "runner/cache_keys.py",
    "runner/case_data.py",
    "runner/exported_models.py",
    "runner/file_facts.py",
)
# What TensorFlow, XLA and the libraries below read from the environment, and what changes the last digits of a figure.
# Keras' own configuration is set by us: see ``runtimes/keras_configuration.py``.
ENVIRONMENT = (
    *("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "XLA_FLAGS"),
    *("NVIDIA_TF32_OVERRIDE", "TF_CUDNN_USE_AUTOTUNE"),
)
_NO_WEIGHTS_FILE = ("imagenet", "none")
# Fields of a case that change nothing of its trained model, or stand in the key in another form.
_NOT_IN_KEYS = ("technique", "name", "quality", "weights", "devices")


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the key of an entry: a digest, of 32 hexadecimal digits, of all that can change the result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@cache
def source_digest(package: Path | None = None) -> str:
    """Return a digest of this package's own code that makes artifacts, so that a change of it makes them anew.

    Args:
        package: the folder of the package; that of the running code if None.

    Raises:
        FileNotFoundError: a part of that code is not where it is looked for, so that its changes would go unnoticed.
    """
    package = package or Path(str(files("pytest_opml")))
    digest = hashlib.sha256()
    for path in _source_files(package):
        digest.update(str(path.relative_to(package)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(package: Path) -> list[Path]:
    paths: list[Path] = []
    for name in SOURCES:
        place = package / name
        if not place.exists():
            raise FileNotFoundError(f"{place}: the code that makes artifacts is not where the cache looks for it")
        paths += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return paths


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions_of_makers() -> dict[str, str | None]:
    """Return the versions of the packages that can change a result; None for those that are not installed."""
    return {name: _installed(name) for name in RESULT_MAKERS}


def _image_size(case: Case, spec: DataSpec) -> ImageSize:
    """The size of the images that the data are handed out as, for a model that takes any; the case's for other data."""
    form = image_form(spec.inputs[0]) if len(spec.inputs) == 1 else None
    if not (form and form[0] and form[1]):
        return case.size
    return form[0] if form[0] == form[1] else size_text(form[0], form[1])


def _stamp(path: Path) -> str:
    """The digest of a user's file or folder."""
    try:
        return digest_path(path)
    except OSError as error:
        raise ModelFileError(f"{error.filename or path}: cannot be read: {error.strerror}") from error


def _weights_of(case: Case) -> str:
    """The name of a case's weights, or the digest of their file, wherever it lies.

    Raises:
        ModelFileError: the file is not there, cannot be read, or is not what was trained here.
    """
    if case.weights in _NO_WEIGHTS_FILE:
        return case.weights
    path = Path(case.weights).expanduser()
    if is_pretrained(case.weights):
        return check_weights(path).sha256
    if not path.is_file():
        raise ModelFileError(f"weights {case.weights}: no such file; known besides a path: imagenet, none, opml")
    return _stamp(path)


def _source_of(factory: Any) -> str:
    """The text of the module that a factory comes from, so that a user's own changes are seen."""
    try:
        return inspect.getsource(inspect.getmodule(factory) or factory)
    except (OSError, TypeError):
        return repr(factory)


class CaseKeys:
    """The keys of one case: of its trained model, of what each step of its chain makes, and of its artifact.

    Args:
        case: whose keys they are.
        data: loaded for it; its digest is part of every key, so that changed data are noticed.
        device: that the model is trained on.

    Attributes:
        steps: the techniques of the chain, in the order in which they are applied.
        policy: Keras' dtype policy that the model is trained under.
    """

    def __init__(self, case: Case, data: Split, device: Device) -> None:
        self.case, self._data, self._device = case, data, device
        self.steps: list[Technique] = parse_chain(case.technique)
        self._texts = case.technique.split("+")
        self.policy = "float32" if case.unfreeze == 0 else self.steps[0].training_policy(device)
        self._own = self._conditions(case, self.policy)

    @property
    def artifact(self) -> str:
        """The key of what the whole chain makes."""
        return self.step(len(self.steps))

    def step(self, count: int) -> str:
        """Return the key of what the first ``count`` steps make."""
        steps = self.steps[:count]
        teachers = {(model.name, model.unfreeze): model for step in steps for model in step.other_models()}
        return key_of(
            self._own
            | {
                "techniques": self._texts[:count],
                "technique_code": [_source_of(type(step)) for step in steps],
                "others": [self._conditions(self.teacher_case(model), "float32") for model in teachers.values()],
            }
        )

    @property
    def model(self) -> str:
        """The key of the case's own trained model."""
        return key_of(self._own)

    def teacher(self, teacher: OtherModel) -> str:
        """Return the key of another model that is trained on the data of the case.

        Raises:
            ModelFileError: its file or its weights are missing or cannot be read.
        """
        return key_of(self._conditions(self.teacher_case(teacher), "float32"))

    def teacher_case(self, teacher: OtherModel) -> Case:
        """Return the case of a teacher or a source: another model, otherwise the same."""
        unfreeze = self.case.unfreeze if teacher.unfreeze is None else teacher.unfreeze
        changed: dict[str, Any] = {
            "model": teacher.name,
            "technique": "baseline",
            "weights": weights_of_other(self.case.weights, teacher.name),
            "unfreeze": unfreeze,
        }
        # are those of the case's own model
        changed |= dict.fromkeys(("name", "classes", "output", "provider", "precision"))
        return Case(**self.case.model_dump() | {"size": _image_size(self.case, self._data.spec)} | changed)

    def _conditions(self, case: Case, policy: str) -> dict[str, Any]:
        device, is_divided = self._device, case.devices > 1 and case.unfreeze != 0
        path = registry.is_path("model", case.model)
        return {
            # what a client has is in the digest of the data, so that all together share the model of no clients at all
            "case": case.model_dump(exclude={*_NOT_IN_KEYS, *clients.FIELDS}),
            **({"devices": case.devices} if is_divided else {}),
            "policy": policy,
            "data": self._data.fingerprint,
            "weights": _weights_of(case),
            "code": source_digest(),
            "builder": _stamp(Path(case.model)) if path else _source_of(registry.get("model", case.model)),
            "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            "versions": versions_of_makers(),
            "device": [device.profile, device.cpu, device.threads, device.gpu and device.gpu.name],
        }
