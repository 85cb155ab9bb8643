from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
import tf_keras

from pytest_opml.errors import SettingsError
from pytest_opml.runtimes.keras_configuration import (
    check_file,
    configure,
    configured,
    home_left_alone,
    without_pictures,
)
from tests.support.processes import python_path

OURS = ("float32", 1e-7, "channels_last", "float32")


def read(module: Any) -> tuple[Any, ...]:
    backend = module.backend
    policy = module.mixed_precision.global_policy().name
    return backend.floatx(), backend.epsilon(), backend.image_data_format(), policy


def change(module: Any) -> None:
    module.backend.set_floatx("float16")
    module.backend.set_epsilon(1e-3)
    module.backend.set_image_data_format("channels_first")
    module.mixed_precision.set_global_policy("mixed_float16")


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def changed(request: pytest.FixtureRequest) -> Iterator[Any]:
    change(request.param)
    yield request.param
    configure(request.param)


def test_it_is_ours_whatever_was_set_before(changed: Any) -> None:
    if changed is keras:
        keras.config.set_max_epochs(1)
    configure(changed)
    assert read(changed) == OURS
    assert keras.config.max_epochs() is None


def test_in_the_process_of_the_user_it_is_theirs_again_afterwards() -> None:
    change(keras)
    try:
        theirs = read(keras)
        with configured():
            assert read(keras) == OURS
        assert read(keras) == theirs
    finally:
        configure(keras)


def test_another_backend_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax")))
    with pytest.raises(SettingsError, match="the backend jax in this process; models are opened with tensorflow"):
        configure()


def test_neither_the_file_nor_the_environment_of_a_user_changes_what_a_worker_has(tmp_path: Path) -> None:
    theirs = {"backend": "jax", "floatx": "float16", "epsilon": 1e-3, "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(theirs), "utf-8")
    program = (
        "import pytest_opml.runner.launchers.preload, os, json, keras\n"
        "from tests.runtimes.test_keras_configuration import read\n"
        "print(json.dumps([keras.backend.backend(), *read(keras), keras.config.max_epochs(),\n"
        "    os.environ.get('TF_USE_LEGACY_KERAS')]))\n"
    )
    environment = os.environ | {
        "KERAS_HOME": str(tmp_path),
        "KERAS_BACKEND": "torch",
        "KERAS_MAX_EPOCHS": "1",
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": python_path(),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["tensorflow", *OURS, None, None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"floatx": "float8"}, "floatx = 'float8': Keras takes float16, float32, float64"),
        ({"image_data_format": "rows"}, "image_data_format = 'rows': Keras takes channels_last, channels_first"),
        ({"epsilon": 1}, "epsilon = 1: Keras takes a number with a point"),
        (["float32"], "must be an object"),
        ({"floatx": "float16", "epsilon": 0.1}, None),
        ("", None),
    ],
)
def test_a_file_that_keras_cannot_be_imported_with_is_named(
    content: Any, words: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    check_file()
    (tmp_path / "keras.json").write_text(json.dumps(content) if content else "no JSON", "utf-8")
    if words is None:
        check_file()
        return
    with pytest.raises(SettingsError) as caught:
        check_file()
    assert str(caught.value).startswith(f"{tmp_path / 'keras.json'}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("named", [None, "of the user"])
def test_nothing_is_written_to_a_home_without_a_file_of_keras(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SimpleNamespace(_KERAS_DIR="")
    monkeypatch.setitem(sys.modules, "keras.src.backend.config", config)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    if named:
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / named))
    home = tmp_path / (named or ".keras")
    with home_left_alone():
        config._KERAS_DIR = os.environ["KERAS_HOME"]
        with pytest.raises(OSError, match="Not a directory"):
            Path(config._KERAS_DIR).mkdir(parents=True)
    assert Path(config._KERAS_DIR) == home  # where weights are
    assert os.environ.get("KERAS_HOME") == (str(home) if named else None)
    home.mkdir()
    (home / "keras.json").write_text("{}")
    with home_left_alone():
        assert os.environ.get("KERAS_HOME") == (str(home) if named else None)


def test_keras_imports_nothing_for_pictures_and_others_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with without_pictures(), pytest.raises(ImportError):
        import_module("matplotlib")
    assert "matplotlib" not in sys.modules
    theirs = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "matplotlib", theirs)
    with without_pictures():
        assert import_module("matplotlib") is theirs
    assert sys.modules["matplotlib"] is theirs
