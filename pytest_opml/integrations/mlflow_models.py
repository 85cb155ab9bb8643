"""Models that lie in MLflow: from an address to one file on this machine."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import MissingDependencyError, ModelFileError, SettingsError, StorageError, listed, one_line
from ..records.result import ModelSource
from ..storage.locks import exclusive, runtime_folder
from .mlflow import call_apart, knock

_SUFFIXES = (".keras", ".tflite", ".onnx")
_SAVED_MODEL = "saved_model.pb"
_DESCRIPTION = "MLmodel"
_LISTED = 200
_RUN = re.compile(r"runs:/+(?P<run>[^/@]+)/(?P<path>.+)")
_MODEL = re.compile(r"models:/+(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]{1,9}|latest))")
_LOGGED = re.compile(r"models:/+(?P<id>m-[^/@]+)")


class FetchedModel(NamedTuple):
    """A model of MLflow's on this machine.

    Attributes:
        source: what it is there.
        path: of its file, or of its SavedModel folder.
    """

    source: ModelSource
    path: Path


class _Place(NamedTuple):
    """What an address stands for, and where the files of it lie."""

    source: ModelSource
    uri: str


def fetch_model(address: str, uri: str, folder: Path, registry_uri: str | None = None) -> FetchedModel:
    """Download the model of an address.

    Args:
        address: ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, ``models:/NAME/latest`` or ``runs:/RUN/path``.
        uri: of the tracking store, as ``mlflow.set_tracking_uri`` takes it.
        folder: empty, for what is downloaded.
        registry_uri: of the registry of models, where it is not the tracking store.

    Raises:
        SettingsError: the text is no such address.
        StorageError: the store cannot be reached, or has no such name, alias, version or run.
        ModelFileError: what lies there is no one file that can be measured.
        MissingDependencyError: MLflow is not installed.
    """
    if not any(pattern.fullmatch(address) for pattern in (_RUN, _MODEL, _LOGGED)):
        raise SettingsError(
            f"{address}: write models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest or runs:/RUN/path"
        )
    source, place = call_apart(uri, lambda: _download(address, uri, registry_uri, folder), f"the model {address}")
    return FetchedModel(source, _one_file(address, place))


def _download(address: str, uri: str, registry_uri: str | None, folder: Path) -> tuple[ModelSource, Path]:
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    _check_database(uri)
    with exclusive(runtime_folder() / "mlflow.lock"):  # as where a run is logged: it may make the tables
        knock(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=registry_uri)
        place = _resolved(client, address)
    local = download_artifacts(artifact_uri=place.uri, dst_path=str(folder), tracking_uri=uri)
    return place.source, Path(local)


def _check_database(uri: str) -> None:
    """Refuse an SQLite file that is not there, which connecting to it would make.

    Raises:
        StorageError: it is not there.
    """
    path = uri.removeprefix("sqlite:///")
    if path != uri and path and not path.startswith(":memory:") and not Path(path).is_file():
        raise StorageError("no such file")


def _resolved(client: Any, address: str) -> _Place:
    if run := _RUN.fullmatch(address):
        info = client.get_run(run["run"]).info
        _check_artifact(client, info.run_id, run["path"].rstrip("/"))
        source = ModelSource(address=address, run_id=info.run_id, created=_moment(info.start_time))
        return _Place(source, f"{info.artifact_uri.rstrip('/')}/{run['path']}")
    if logged := _LOGGED.fullmatch(address):
        model = client.get_logged_model(logged["id"])
        source = ModelSource(
            address=address, name=model.name, run_id=model.source_run_id, created=_moment(model.creation_timestamp)
        )
        return _Place(source, model.artifact_location)
    parts = _MODEL.fullmatch(address)
    if parts is None:
        raise ValueError(f"{address} is no address")
    version = _version(client, parts["name"], parts["alias"], parts["version"])
    source = ModelSource(
        address=address,
        name=parts["name"],
        alias=parts["alias"],
        version=int(version.version),
        run_id=version.run_id or None,
        created=_moment(version.creation_timestamp),
    )
    place = client.get_model_version_download_uri(parts["name"], str(version.version))
    if logged := _LOGGED.fullmatch(place):
        place = client.get_logged_model(logged["id"]).artifact_location
    return _Place(source, place)


def _check_artifact(client: Any, run_id: str, path: str) -> None:
    """Check that a run has a file or folder, which MLflow says of no place in a line of its own.

    Raises:
        StorageError: it has not; what lies where it should be is listed.
    """
    folder = path.rpartition("/")[0]
    names = sorted(file.path for file in client.list_artifacts(run_id, folder or None))
    if path not in names:
        raise StorageError(f"the run {run_id} has no {path!r}; known: {listed(names) or 'none'}")


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def _version(client: Any, name: str, alias: str | None, version: str | None) -> Any:
    """The version of a registered model.

    Raises:
        StorageError: there is no such name, alias or version; those that there are are listed.
    """
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if not _is_missing(error):
            raise
        names = sorted(one.name for one in client.search_registered_models(max_results=_LISTED))
        near = get_close_matches(name, names)
        nearest = f"; nearest: {', '.join(near)}" if near else ""
        raise StorageError(f"no registered model {name!r}; known: {listed(names) or 'none'}{nearest}") from None
    if alias is not None:
        if alias not in model.aliases:
            aliases = listed(sorted(model.aliases)) or "none"
            raise StorageError(f"the model {name!r} has no alias {alias!r}; known: {aliases}")
        version = str(model.aliases[alias])
    elif version == "latest":
        versions = client.search_model_versions(f"name = '{name}'", max_results=_LISTED)
        version = max((str(one.version) for one in versions), key=int, default="1")
    try:
        return client.get_model_version(name, version)
    except MlflowException as error:
        if not _is_missing(error):
            raise
        raise StorageError(f"the model {name!r} has no version {version}") from None


def _is_missing(error: Any) -> bool:
    return str(error.error_code) == "RESOURCE_DOES_NOT_EXIST"


# --- what was downloaded


def _one_file(address: str, place: Path) -> Path:
    """The one model among the files of an address.

    Raises:
        ModelFileError: there is none, or more than one.
    """
    if place.is_file():
        models = [place] if place.suffix in _SUFFIXES else []
    else:
        files = sorted(file for file in place.rglob("*") if file.is_file())
        models = [file for file in files if file.suffix in _SUFFIXES]
        models += [file.parent for file in files if file.name == _SAVED_MODEL]
    if len(models) == 1:
        return _whole(address, models[0])
    kinds = f"{', '.join(_SUFFIXES)} and SavedModel folders"
    if models:
        names = ", ".join(str(model.relative_to(place)) for model in models)
        raise ModelFileError(f"{address}: holds {len(models)} models ({names}); name one as runs:/RUN/path/to/it")
    raise ModelFileError(f"{address}: {_why_none(place)}; {kinds} can be measured")


def _why_none(place: Path) -> str:
    """Say what lies at a place without a model that can be measured."""
    if place.is_file():
        return f"{place.name} is no file of a model"
    try:
        text = (place / _DESCRIPTION).read_text("utf-8", "replace")
    except OSError:
        return "holds no model"
    flavors = re.search(r"^flavors:\n((?:[ \t].*\n?)*)", text, re.MULTILINE)
    names = re.findall(r"^ {2}(\w[\w.-]*):", flavors[1] if flavors else "", re.MULTILINE)
    shown = ", ".join(names) or "no flavour"
    return f"is a model of {shown}, which is code that would run when it is opened"


def _whole(address: str, path: Path) -> Path:
    """The model as one file: MLflow puts the weights of an ONNX model beside it, each in a file of its own.

    Raises:
        ModelFileError: the file is damaged, or larger than one file of ONNX may be.
        MissingDependencyError: ONNX is not installed.
    """
    beside = [file for file in path.parent.iterdir() if file.is_file()] if path.suffix == ".onnx" else []
    if not _refers_to(path, [file for file in beside if file != path]):
        return path
    try:
        import onnx
        from google.protobuf.message import Error as ProtobufError
    except ImportError as error:
        raise MissingDependencyError(f"the model {address} (weights beside it)", "onnx", extra="onnx") from error
    whole = path.with_name(f"whole{path.suffix}")
    try:
        onnx.save_model(onnx.load(str(path)), str(whole))
    except (OSError, ValueError, RuntimeError, ProtobufError, onnx.checker.ValidationError) as error:
        raise ModelFileError(f"{address}: its weights lie beside it and cannot be put in: {one_line(error)}") from error
    return whole


def _refers_to(path: Path, beside: list[Path]) -> bool:
    """Tell whether a file names one of those beside it, as an ONNX model does with those of its weights."""
    content = path.read_bytes() if beside else b""
    return any(file.name.encode() in content and file.name != _DESCRIPTION for file in beside)
