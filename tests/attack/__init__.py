"""The attack: what the project promises of hostile input, broken ways and sudden ends, tried many times from a seed.

A module of this package with a function ``attack`` is a topic (see `Topic`); ``python -m tests.attack`` runs them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from tests.attack.tally import Tally


class Attack(Protocol):
    """Try ``tries`` times, each drawn from ``seed`` and its number alone; one tally for each kind of thing tried."""

    def __call__(self, tries: int, seed: int) -> Sequence[Tally]: ...


@dataclass(frozen=True)
class Topic:
    """One module of the attack.

    Attributes:
        name: of the module.
        attack: its function ``attack``.
        tries: its ``TRIES``: how many the whole attack makes, unless it is told.
        sample: its ``SAMPLE``: how many of them stand in the suite; 0 for none.
        tensorflow: its ``TENSORFLOW``, False where it says nothing: whether the sample starts TensorFlow or workers.
    """

    name: str
    attack: Attack
    tries: int
    sample: int
    tensorflow: bool


def topics() -> dict[str, Topic]:
    """Import the modules of this package and return those that attack something, by name."""
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith(("_", "test_"))
    )
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return {
        name: Topic(name, module.attack, module.TRIES, module.SAMPLE, getattr(module, "TENSORFLOW", False))
        for name, module in modules.items()
        if hasattr(module, "attack")
    }
