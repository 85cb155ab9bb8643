"""Keras' global configuration: ours wherever a model is built, converted or measured, whatever the user's says.

Keras reads it once, when it is imported, from ``keras.json`` in ``KERAS_HOME`` and from the environment, and any module
may change it later. A number type or a layout of images that comes from there would change what a case is without a
word, and be in no key of the cache.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..errors import SettingsError

BACKEND = "tensorflow"
# By the names that Keras 3 and tf_keras share in ``backend``.
VALUES: Mapping[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
POLICY = "float32"
_ALLOWED = {"floatx": ("float16", "float32", "float64"), "image_data_format": ("channels_last", "channels_first")}
# What Keras and TensorFlow read when they are imported, and must not: two end training early.
_UNSET = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_USE_LEGACY_KERAS")


def check_file() -> None:
    """Check that Keras can be imported with the user's ``keras.json``, which else ends the process without a word.

    Raises:
        SettingsError: it has a value that Keras refuses.
    """
    path = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return  # Keras passes over it, too
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: must be an object; Keras cannot be imported with it")
    for name, allowed in _ALLOWED.items():
        if name in values and values[name] not in allowed:
            raise SettingsError(f"{path}: {name} = {values[name]!r}: Keras takes {', '.join(allowed)}")
    if not isinstance(values.get("epsilon", 0.0), float):
        raise SettingsError(f"{path}: epsilon = {values['epsilon']!r}: Keras takes a number with a point")


def prepare_environment() -> None:
    """Set what Keras reads from the environment when it is imported; for a process that is ours, before that."""
    os.environ["KERAS_BACKEND"] = BACKEND
    for name in _UNSET:
        os.environ.pop(name, None)


@contextmanager
def home_left_alone() -> Iterator[None]:
    """Around the first import of Keras 3 or of ``tf_keras``: nothing is written to the user's home.

    Both write a ``keras.json`` there where there is none.
    """
    home = _home()
    if (home / "keras.json").exists():
        yield
        return
    before = os.environ.get("KERAS_HOME")
    os.environ["KERAS_HOME"] = nowhere = f"{os.devnull}/keras"  # where nothing can be written, which Keras passes over
    try:
        yield
    finally:
        if before is None:
            del os.environ["KERAS_HOME"]
        else:
            os.environ["KERAS_HOME"] = before
        config = sys.modules.get("keras.src.backend.config")
        if config is not None and getattr(config, "_KERAS_DIR", None) == nowhere:
            vars(config)["_KERAS_DIR"] = str(home)  # where weights are downloaded to; nothing public sets it


def _home() -> Path:
    """Return the folder of Keras' files, as Keras determines it."""
    if named := os.environ.get("KERAS_HOME"):
        return Path(named).expanduser()
    home = Path("~").expanduser()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"  # noqa: S108 - as it does


@contextmanager
def without_pictures() -> Iterator[None]:
    """Around an import of Keras 3, in a process that is ours: it draws no pictures, and imports no matplotlib for them.

    That would write its list of fonts to the user's home.
    """
    is_new = "matplotlib" not in sys.modules
    if is_new:
        sys.modules["matplotlib"] = cast("ModuleType", None)  # importing it is an ImportError, which Keras passes over
    try:
        yield
    finally:
        if is_new:
            del sys.modules["matplotlib"]


def configure(keras: Any = None) -> None:
    """Give Keras our configuration; for a process that is ours, after the modules of the user were imported.

    Args:
        keras: Keras 3 or ``tf_keras``; Keras 3, which is imported for it, if None.

    Raises:
        SettingsError: Keras was imported with another backend.
    """
    if keras is None:
        with without_pictures():
            keras = _imported()
    _assign(keras, VALUES, POLICY)
    if limits := getattr(keras, "config", None):
        for name in ("set_max_epochs", "set_max_steps_per_epoch"):
            getattr(limits, name, lambda _none: None)(None)


@contextmanager
def configured() -> Iterator[None]:
    """Give Keras 3 our configuration for as long as the context lasts, in a process that is the user's own.

    Raises:
        SettingsError: Keras was imported with another backend.
    """
    keras = _imported()
    before, policy = {name: getattr(keras.backend, name)() for name in VALUES}, keras.mixed_precision.global_policy()
    _assign(keras, VALUES, POLICY)
    try:
        yield
    finally:
        _assign(keras, before, policy)


def _imported() -> Any:
    if "keras" not in sys.modules:
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = BACKEND
        try:
            with home_left_alone():
                import_module("keras")
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before
    keras: Any = sys.modules["keras"]
    if (backend := keras.backend.backend()) != BACKEND:
        raise SettingsError(
            f"Keras was imported with the backend {backend} in this process; models are opened with {BACKEND}: "
            f"set KERAS_BACKEND={BACKEND} before keras is imported"
        )
    return keras


def _assign(keras: Any, values: Mapping[str, Any], policy: Any) -> None:
    for name, value in values.items():
        getattr(keras.backend, f"set_{name}")(value)
    keras.mixed_precision.set_global_policy(policy)  # last: the default one follows from the number type
