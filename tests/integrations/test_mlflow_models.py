"""Against a real registry: an SQLite file, and the files of runs beside it."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest

from pytest_opml.errors import MissingDependencyError, ModelFileError, SettingsError, StorageError
from pytest_opml.integrations.mlflow_models import fetch_model
from tests.support.linear_onnx import save_linear
from tests.support.mlflow_store import Logged, Registry

pytestmark = pytest.mark.slow  # a store of MLflow's own

MLMODEL = """artifact_path: model
flavors:
  {flavor}:
    data: {data}
  python_function:
    loader_module: mlflow.{flavor}
run_id: 0123
"""


class Store(NamedTuple):
    """A registry, what lies in it, and the files that it was made of."""

    uri: str
    first: Logged
    second: Logged
    folder: Path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(folder / "store")
    first = registry.log(save_linear(folder / "first" / "linear.onnx", 1), "prod", "champion")
    external = save_linear(folder / "external" / "model.onnx", 2, beside="weights-0f3c").parent
    (external / "MLmodel").write_text(MLMODEL.format(flavor="onnx", data="model.onnx"), "utf-8")
    (external / "conda.yaml").write_text("dependencies: []\n", "utf-8")
    second = registry.log(external, "prod", "challenger")
    keras = folder / "keras" / "data"
    keras.mkdir(parents=True)
    (keras / "model.keras").write_bytes(b"as it is")
    (keras.parent / "MLmodel").write_text(MLMODEL.format(flavor="tensorflow", data="data"), "utf-8")
    registry.log(keras.parent, "petnet", "keras")
    pickle = folder / "pickle"
    pickle.mkdir()
    (pickle / "model.pkl").write_bytes(b"\x80\x04K\x01.")
    (pickle / "MLmodel").write_text(MLMODEL.format(flavor="sklearn", data="model.pkl"), "utf-8")
    registry.log(pickle, "petnet", "pickle")
    (saved := folder / "saved" / "data" / "model").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"graph")
    registry.log(folder / "saved", "petnet", "saved")
    for name in ("a.tflite", "b.tflite"):
        (folder / "two").mkdir(exist_ok=True)
        (folder / "two" / name).write_bytes(b"TFL3")
    registry.log(folder / "two", "petnet", "two")
    return Store(registry.uri, first, second, folder)


def test_an_alias_and_a_version_give_the_file_and_say_which_it_was(store: Store, tmp_path: Path) -> None:
    by_alias = fetch_model("models:/prod@champion", store.uri, tmp_path / "a")
    by_version = fetch_model("models:/prod/1", store.uri, tmp_path / "b")
    original = (store.folder / "first" / "linear.onnx").read_bytes()
    assert by_alias.path.read_bytes() == by_version.path.read_bytes() == original
    assert by_alias.source.model_dump(exclude={"created"}) == {
        "address": "models:/prod@champion",
        "name": "prod",
        "alias": "champion",
        "version": 1,
        "run_id": store.first.run_id,
    }
    assert by_alias.source.created
    assert (by_version.source.alias, by_version.source.version) == (None, 1)
    assert by_alias.source.described == "models:/prod@champion, version 1"
    assert fetch_model("models:/prod/latest", store.uri, tmp_path / "c").source.version == 2


def test_a_file_of_a_run_is_named_by_its_path(store: Store, tmp_path: Path) -> None:
    address = f"runs:/{store.first.run_id}/model/linear.onnx"
    fetched = fetch_model(address, store.uri, tmp_path)
    assert fetched.path.name == "linear.onnx"
    assert (fetched.source.run_id, fetched.source.version) == (store.first.run_id, None)


def test_weights_that_lie_beside_an_onnx_model_are_put_into_it(store: Store, tmp_path: Path) -> None:
    fetched = fetch_model("models:/prod@challenger", store.uri, tmp_path / "fetched")
    (alone := tmp_path / "alone.onnx").write_bytes(fetched.path.read_bytes())
    images = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    original = str(store.folder / "external" / "model.onnx")
    answers = [onnxruntime.InferenceSession(path).run(None, {"images": images})[0] for path in (original, str(alone))]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize(("alias", "name"), [("keras", "model.keras"), ("saved", "model")])
def test_the_model_of_a_flavour_is_its_file_or_its_folder(store: Store, tmp_path: Path, alias: str, name: str) -> None:
    fetched = fetch_model(f"models:/petnet@{alias}", store.uri, tmp_path)
    assert fetched.path.name == name
    assert fetched.path.is_dir() == (alias == "saved")


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("models:/prodd@champion", StorageError, "no registered model 'prodd'; known: petnet, prod; nearest: prod"),
        ("models:/prod@chmpion", StorageError, "the model 'prod' has no alias 'chmpion'; known: challenger, champion"),
        ("models:/prod/9", StorageError, "the model 'prod' has no version 9"),
        ("runs:/0123456789abcdef/model", StorageError, "Run with id=0123456789abcdef not found"),
        (
            "models:/petnet@pickle",
            ModelFileError,
            "is a model of sklearn, python_function, which is code that would run",
        ),
        ("models:/petnet@two", ModelFileError, "holds 2 models (a.tflite, b.tflite); name one as runs:/RUN/path"),
        ("models:/prod", SettingsError, "write models:/NAME@ALIAS"),
        ("models:/prod/Production", SettingsError, "write models:/NAME@ALIAS"),
        ("runs:/0123", SettingsError, "write models:/NAME@ALIAS"),
    ],
)
def test_what_is_not_there_or_cannot_be_measured_is_told_in_one_line(
    store: Store, tmp_path: Path, address: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        fetch_model(address, store.uri, tmp_path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_path_that_a_run_does_not_have_is_told(store: Store, tmp_path: Path) -> None:
    for path, listed in (("nothing", "model"), ("model/linear.onx", "model/linear.onnx"), ("nothing/here", "none")):
        with pytest.raises(StorageError) as caught:
            fetch_model(f"runs:/{store.first.run_id}/{path}", store.uri, tmp_path)
        assert f"the run {store.first.run_id} has no {path!r}; known: {listed}" in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        fetch_model("models:/prod@champion", f"sqlite:///{tmp_path}/none.db", tmp_path / "fetched")
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"mlflow http://me:\*\*\*@127.0.0.1:9: .*refused"):
        fetch_model("models:/prod@champion", "http://me:secret@127.0.0.1:9", tmp_path)


def test_without_mlflow_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("mlflow"):
            raise ModuleNotFoundError(name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError) as caught:
        fetch_model("models:/prod@champion", "http://127.0.0.1:9", tmp_path)
    assert "the model models:/prod@champion needs the package mlflow-skinny: pip install 'pytest-opml[mlflow]'" in str(
        caught.value
    )
