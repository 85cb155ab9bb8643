from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, DatasetError, ModelFileError
from pytest_opml.runner.case_files import check_files
from tests.support.weights import make_weights

CACHE = Path("cache")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*registry.sys.path])
    monkeypatch.setattr(registry, "_roots", [])
    for name in ("models/petnet.onnx", "models/petnet-v2.onnx", "models/notes.txt", "data/pets.npz", "weights.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def make(**fields: Any) -> Case:
    return Case(**{"dataset": "digits", "model": "models/petnet.onnx", "unfreeze": 0} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dataset": "data/pets.npz"},
        {"dataset": "data/"},
        {"model": "./models"},
        {"weights": "weights.h5"},
        {"model": "models:/prod@champion"},
        {"model": "small_cnn", "unfreeze": 1},
        {"dataset": "json:loads", "model": "no.such.thing:build".replace("no.such", "json")},
    ],
)
def test_what_is_there_may_be_anything(fields: dict[str, Any]) -> None:
    check_files(make(**fields), CACHE)


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        (
            {"model": "models/petnet.onx"},
            ModelFileError,
            "model models/petnet.onx: no such file or folder; nearest: models/petnet.onnx, models/petnet-v2.onnx",
        ),
        (
            {"model": "model/petnet.onnx"},
            ModelFileError,
            "model model/petnet.onnx: no such file or folder; nearest: models",
        ),
        ({"model": "petnet.keras", "unfreeze": 1}, ModelFileError, "model petnet.keras: no such file or folder"),
        (
            {"dataset": "data/pet.npz"},
            DatasetError,
            "data set data/pet.npz: no such file or folder; nearest: data/pets.npz",
        ),
        (
            {"weights": "weight.h5"},
            ModelFileError,
            "weights weight.h5: no such file or folder; nearest: weights.h5; "
            "known besides a path: imagenet, none, opml",
        ),
        ({"dataset": "mydatta:load"}, CaseDefinitionError, "there is no module mydatta in the path of this process"),
    ],
)
def test_what_is_not_there_is_told_with_near_names(fields: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        check_files(make(**fields), CACHE)
    assert text in str(caught.value)
    assert isinstance(caught.value, CaseDefinitionError) or str(caught.value) == text


def test_a_module_beside_the_settings_is_there_and_one_that_is_hidden_is_told(project: Path) -> None:
    (project / "mydata.py").touch()
    (project / "json.py").touch()
    registry.make_importable(project)
    registry.make_importable(project)
    assert registry.sys.path.count(str(project)) == 1
    check_files(make(dataset="mydata:load"), CACHE)
    with pytest.raises(CaseDefinitionError) as caught:
        check_files(make(dataset="json:load"), CACHE)
    assert f"{project / 'json.py'} is hidden by {__import__('json').__file__}" in str(caught.value)
    with pytest.raises(CaseDefinitionError, match=f"there is no module mydatta in {project} or what is installed"):
        check_files(make(dataset="mydatta:load"), CACHE)


def test_weights_that_are_trained_here_are_looked_for_and_those_of_a_teacher_too(project: Path) -> None:
    def check(**fields: Any) -> str:
        case = Case(**{"dataset": "digits", "model": "resnet50", "weights": "opml"} | fields)
        with pytest.raises((ModelFileError, CaseDefinitionError)) as caught:
            check_files(case, project / "cache")
        return str(caught.value)

    assert check() == "weights 'opml' of resnet50 are not here; run: opml paper pretrain resnet50"
    assert check(model="efficientnet_lite0").startswith(
        "case: weights = 'opml': efficientnet_lite0 cannot have weights"
    )
    make_weights("resnet50", project / "cache")
    check_files(Case(dataset="digits", model="resnet50", weights="opml"), project / "cache")
    text = "weights 'opml' of resnet101 are not here; run: opml paper pretrain resnet101"
    assert check(technique="layer-transfer:resnet101") == text
    assert check(technique="distill:resnet101") == text
