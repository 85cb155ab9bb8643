"""Count how a case moves through the modules, from the session to its result.

    python benchmarks/case_route.py

It measures one case and its reference, with a cold cache, and follows the case through every call of this package that
is handed it, those of the workers included, which run in this process here. A *move* goes from the module that hands
the case on to the one that is handed it; a *climb* is a move into a higher layer of the import contract, and a *return*
is a move into a module that was left before. A module that gets only the result of its call back is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from pytest_opml.case import Case
from pytest_opml.progress import Progress
from pytest_opml.runner.launchers.base import Launcher, ProcessLimits, Value, ignore_progress
from pytest_opml.runner.plan import CollectedRun
from pytest_opml.runner.session import Session
from pytest_opml.settings import build_settings

PACKAGE = "pytest_opml."
ROOT = Path(__file__).parents[1]


def floors() -> dict[str, int]:
    """The layers of the import contract by module or package, the lowest first."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = [[name.strip().removeprefix(PACKAGE) for name in row.split("|")] for row in layers]
    return {name: number for number, row in enumerate(reversed(rows)) for name in row}


class Route:
    """The modules that one case was handed to, in order."""

    def __init__(self, case: Any, floors: dict[str, int], start: str) -> None:
        self._case, self._floors = case, floors
        self.modules = [start]
        self.climbs = self.returns = 0

    def _floor(self, module: str) -> int:
        parts = module.split(".")
        names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next(self._floors[name] for name in names if name in self._floors)

    def _move(self, module: str) -> None:
        if module == self.modules[-1]:
            return
        self.climbs += self._floor(module) > self._floor(self.modules[-1])
        self.returns += module in self.modules
        self.modules.append(module)

    def _is_handed(self, frame: FrameType) -> bool:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = [frame.f_locals.get(name) for name in names if name not in ("self", "cls")]
        return any(type(value) is type(self._case) and value == self._case for value in values)

    def trace(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call that is handed the case; given to ``sys.setprofile``."""
        module, caller = _module(frame), frame.f_back
        if event != "call" or module is None or frame.f_code.co_name.startswith("<") or not self._is_handed(frame):
            return
        while caller is not None and (_module(caller) is None or caller.f_code.co_name.startswith("<")):
            caller = caller.f_back
        if caller is not None:
            self._move(str(_module(caller)))
        self._move(module)


def _module(frame: FrameType) -> str | None:
    name = str(frame.f_globals.get("__name__", ""))
    return name.removeprefix(PACKAGE) if name.startswith(PACKAGE) and "case_record" not in name else None


@contextlib.contextmanager
def traced(route: Route) -> Iterator[None]:
    """Follow the case while the block runs."""
    sys.setprofile(route.trace)
    try:
        yield
    finally:
        sys.setprofile(None)


class _Inline(Launcher):
    """Runs each task in this process, so that the case can be followed into it."""

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,  # noqa: ARG002 - the role's signature
        on_progress: Callable[[Progress], None] = ignore_progress,  # noqa: ARG002
    ) -> Value:
        return task(*arguments)


def main() -> None:
    """Print the route of one candidate, behind its reference, and what it counts."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    case = Case(dataset="digits", model="small_cnn", technique="cluster-16", size=16, epochs=1, weights="none")
    with tempfile.TemporaryDirectory() as folder:
        told = {"cache_dir": f"{folder}/cache", "store": "none", "gpu": "cpu", "compare_seconds": 0.1}
        settings = build_settings({}, told, Path(folder))
        session = Session(settings, Path(folder), lambda _case, _progress: None, plan=CollectedRun({case.id: "here"}))
        session._runner._launcher = _Inline()
        route = Route(case, floors(), "plugin.fixtures")
        with traced(route):
            session.run(case)
    modules = Counter(route.modules)
    print(" -> ".join(route.modules))
    print(f"{route.climbs} climbs, {route.returns} returns; entered most often: {modules.most_common(3)}")


if __name__ == "__main__":
    main()
