"""The packages that are installed, against those that this package's own metadata asks for."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import TYPE_CHECKING

from .finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OWN = "pytest-opml"
_TOPIC = "installed"
# Of what must be there, what decides results; the others are told only where something is wrong.
_NAMED = ("tensorflow", "keras", "ai-edge-litert")


def packages() -> Iterator[Finding]:
    """Look at Python, this package, what it cannot do without, and each of its extras."""
    from packaging.requirements import Requirement

    yield Finding(_TOPIC, "python", "ok", f"{platform.python_version()}, {sys.executable}")
    try:
        yield Finding(_TOPIC, _OWN, "ok", version(_OWN))
    except PackageNotFoundError:
        text = "its metadata are missing, so its models, data sets and techniques have no names"
        yield Finding(_TOPIC, _OWN, "problem", text, "install it with pip, also from its own folder (pip install -e .)")
        return
    requirements = [Requirement(text) for text in requires(_OWN) or ()]
    needed = [needs for needs in requirements if needs.marker is None or needs.marker.evaluate({"extra": ""})]
    yield from _needed(needed)
    for extra in metadata(_OWN).get_all("Provides-Extra") or ():
        of_extra = [needs for needs in requirements if needs not in needed and _belongs(needs, extra)]
        yield _extra(extra, of_extra)


def _belongs(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is not None and requirement.marker.evaluate({"extra": extra})


def _needed(requirements: list[Requirement]) -> Iterator[Finding]:
    wrong = {requirement.name: _lacking(requirement) for requirement in requirements}
    by_name = {requirement.name: requirement for requirement in requirements}
    for name in dict.fromkeys([*(name for name in _NAMED if name in wrong), *filter(wrong.get, wrong)]):
        if wrong[name]:
            requirement = f"{name}{by_name[name].specifier}"
            yield Finding(_TOPIC, name, "problem", wrong[name], f"pip install {shlex.quote(str(requirement))}")
        else:
            yield Finding(_TOPIC, name, "ok", version(name))
    others = [name for name in wrong if name not in _NAMED]
    sound = sum(not wrong[name] for name in others)
    yield Finding(_TOPIC, "other packages", "ok", f"{sound} of {len(others)} are there in the versions needed")


def _extra(extra: str, requirements: list[Requirement]) -> Finding:
    lacking = [f"{needs.name}: {reason}" for needs in requirements if (reason := _lacking(needs))]
    if lacking:
        return Finding(_TOPIC, f"extra {extra}", "note", "; ".join(lacking), f"pip install '{_OWN}[{extra}]'")
    there = ", ".join(f"{needs.name} {version(needs.name)}" for needs in requirements)
    return Finding(_TOPIC, f"extra {extra}", "ok", there)


def _lacking(requirement: Requirement) -> str:
    """Say what is wrong with a package; empty where nothing is."""
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return "not installed"
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"version {installed} is installed, {requirement.specifier} is needed"
