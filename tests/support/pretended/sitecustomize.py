"""Lets a process find the accelerator that ``PRETENDED`` or its node's label names, where there is a processor only.

Python imports this module when it starts, if its folder is on the path, as it is on the nodes of a pretended fleet.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_MODULE = "pytest_opml.measure.device"
_LABELS = json.loads(os.environ.get("RAY_OVERRIDE_LABELS", "{}"))  # of a node that an autoscaler has started
_KIND = os.environ.get("PRETENDED") or _LABELS.get("ray.io/accelerator-type", "").lower()


class _Finder:
    """Finds one module, and has it pretend once it is loaded."""

    def find_spec(self, name: str, path: Sequence[str] | None, _target: object = None) -> Any:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            _pretend(module)

        spec.loader.exec_module = exec_module
        return spec


def _pretend(module: Any) -> None:
    detect, kind = module.detect, _KIND

    def pretending(wanted: str, threads: int | None) -> Any:
        if wanted not in ("auto", kind):
            return detect(wanted, threads)
        device = detect("cpu", threads)
        return device.model_copy(update={"profile": kind, "cpu": f"{device.cpu} beside a {kind}"})

    module.detect = pretending


if _KIND:
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
