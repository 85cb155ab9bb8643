"""Cases of models and data that a command line names, with the defaults of whoever has a model already."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, UsageError
from ..records.preprocess import Preprocess
from ..storage.regular_files import open_regular

_WILD = "*?["


def model_names(texts: Iterable[str]) -> list[str]:
    """Return the models that texts name, as ``Case`` takes them, each once.

    Args:
        texts: paths, patterns of paths such as ``models/*.onnx``, addresses, or names.

    Raises:
        UsageError: a pattern matches nothing.
    """
    names: list[str] = []
    for text in texts:
        matching = [text]
        if any(sign in text for sign in _WILD) and not Path(text).exists() and not registry.is_address(text):
            matching = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute ones
            if not matching:
                raise UsageError(f"{text}: no file matches")
        names += [_as_path("model", one) for one in matching]
    return list(dict.fromkeys(names))


def _as_path(kind: str, text: str) -> str:
    """A name that is registered stays; another one that lies here is a path, which a folder does not look like."""
    is_name = text in registry.names(kind) or registry.is_path(kind, text) or text in registry.sections()
    return text if is_name or not Path(text).exists() else f"./{text}"


def named_case(model: str, technique: str, fields: Mapping[str, Any]) -> Case:
    """Return the case of a model that is measured as it is, unless the fields say otherwise.

    A file is not trained. All of the data are test data, where they have no parts of their own and nothing needs a
    part to train on.

    Args:
        model: as ``model_names`` returns it.
        technique: of the case.
        fields: the other fields that are given.

    Raises:
        CaseDefinitionError: they make no case.
        SettingsError: a section of the settings is not as it may be.
    """
    values = {"model": model, "technique": technique, **fields}
    section = registry.sections().get(model)
    of_section = section.fields if section else {}
    name = section.model if section else model
    if "dataset" in values:
        values["dataset"] = _as_path("dataset", values["dataset"])
    elif "dataset" not in of_section:
        raise CaseDefinitionError(f"{model}: no data: name them with --data, or in [tool.opml.model]")
    if registry.is_path("model", name) and "unfreeze" not in of_section:
        values.setdefault("unfreeze", 0)
    is_only_measured = values.get("unfreeze", of_section.get("unfreeze")) == 0 and technique == "baseline"
    dataset = values.get("dataset") or of_section["dataset"]
    if "split" not in values and is_only_measured and _is_one_part(dataset):
        values["split"] = "0-100"
    return Case(**values)


def _is_one_part(dataset: str) -> bool:
    """Whether a path holds data without a test part; of what cannot be told, and of data that are no path, not so."""
    path = Path(dataset).expanduser()
    if not registry.is_path("dataset", dataset):
        return False
    if path.is_dir():
        return not all((path / part).is_dir() for part in ("train", "test"))
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            return "y_test.npy" not in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_preprocess(text: str) -> Preprocess:
    """Return what ``scale=0.0039,mean=0.485,0.456,0.406,layout=nchw`` says; a value of several numbers has commas.

    Raises:
        CaseDefinitionError: it is not written like that, or a value is not allowed.
    """
    values: dict[str, list[str]] = {}
    key = ""
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip() and name.strip() not in values:
            key = name.strip()
        elif equals or not key:
            raise CaseDefinitionError(f"preprocess: {part!r} in {text!r} is no key=value, each key once")
        values.setdefault(key, []).append(value.strip() if equals else part.strip())
    return Preprocess(**{name: _figures(parts) for name, parts in values.items()})


def _figures(parts: Sequence[str]) -> Any:
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return ",".join(parts)
    return numbers[0] if len(numbers) == 1 else numbers


def _number(text: str) -> float:
    """A number, or a fraction such as ``1/255``."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except ZeroDivisionError:
        raise ValueError("a fraction of nothing") from None
