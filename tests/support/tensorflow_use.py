"""Which tests start TensorFlow. They take most of the time, and ``pytest -m "not tensorflow"`` leaves them out.

A test is marked by what it uses: a fixture that trains or measures, or a library in its module or in its own code. What
starts TensorFlow in a process of its own has to say so, by ``pytest.mark.tensorflow``; one that does neither fails.
"""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.forkserver import ForkServer
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

MARKER = "tensorflow"
LIBRARIES = frozenset({"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"})
# Each trains a model, or is there for tests that have workers do so.
FIXTURES = frozenset({"trained", "workbench", "bench"})
_AT_IMPORT = re.compile(rf"^(import|from) ({'|'.join(LIBRARIES)})\b", re.MULTILINE)
_NOTES, _CURRENT = "TESTS_TENSORFLOW_NOTES", "TESTS_CURRENT"


def imports_it_at_once(file: Path) -> bool:
    """Whether a module of tests imports TensorFlow as soon as it is imported itself; all its tests start it then."""
    return bool(_AT_IMPORT.search(file.read_text("utf-8")))


def uses_it(test: pytest.Function) -> bool:
    """Whether a test's module, its fixtures or its code show that it starts TensorFlow."""
    libraries = (value.__name__.partition(".")[0] for value in vars(test.module).values() if _is_module(value))
    names = _names_in(test.function.__code__) if hasattr(test.function, "__code__") else set()
    return not (
        LIBRARIES.isdisjoint(libraries) and LIBRARIES.isdisjoint(names) and FIXTURES.isdisjoint(test.fixturenames)
    )


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


def _names_in(code: CodeType) -> set[str]:
    """Names that a function and those within it use, those of the modules that it imports among them."""
    inner = (_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def watch_processes(folder: Path) -> None:
    """Have each Python process that is started from now on note when it imports TensorFlow."""
    os.environ[_NOTES] = str(folder / "tensorflow.txt")
    interpreters = str(Path(__file__).with_name("interpreters"))
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([interpreters, *filter(None, paths)])


@contextmanager
def refused(test: pytest.Item) -> Iterator[None]:
    """Fail the test where the block imports TensorFlow, starts the server of the workers, or a process that does so."""
    seen: list[str] = []
    plain_import, plain_start = builtins.__import__, ForkServer.ensure_running

    def noting_import(name: str, *scopes: Any, **options: Any) -> ModuleType:
        level = options.get("level", scopes[3] if len(scopes) > 3 else 0)
        if not level and name.partition(".")[0] in LIBRARIES:
            seen.append(f"it imports {name}")
        return plain_import(name, *scopes, **options)

    def noting_start(server: ForkServer) -> None:
        seen.append("it starts workers")
        plain_start(server)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "__import__", noting_import)
        patch.setattr(ForkServer, "ensure_running", noting_start)
        yield
    notes = Path(os.environ[_NOTES])
    if notes.exists() and _written(test) in notes.read_text("utf-8").splitlines():
        seen.append("a process that it starts imports tensorflow")
    if seen:
        pytest.fail(f"{test.nodeid} lacks the marker {MARKER}: {seen[0]}", pytrace=False)


def _written(test: pytest.Item) -> str:
    """The id of a test as one line that an environment variable can hold."""
    return ascii(test.nodeid)


def name_test(test: pytest.Item) -> None:
    """Let the processes that are started know for which test they are."""
    os.environ[_CURRENT] = _written(test)
