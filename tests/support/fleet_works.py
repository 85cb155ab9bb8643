"""Works for a fleet, drawn by chance: models that are trained, converted and measured."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_opml.runner.fleet.schedule import Work


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Works of a run: studies, each of one model that is trained, converted, and measured on some kinds of nodes.

    Attributes:
        nodes: of each kind.
        weights: how often each kind is measured on.
        works: how many there are.
        training_s: on average, expected; so with the others.
        conversion_s: of each of 1 to 4 techniques.
        measuring_s: of a reference and its candidates on one kind.
        made: the share of studies that train and convert; the rest has finished files.
        measured: kinds that a study is measured on, at most.
        pinned: the share of makings that need one kind of device.
        spread: standard deviation of the logarithm of the expected seconds.
        surprise: that of the ratio of the real to the expected seconds.
    """

    nodes: Mapping[str, int]
    weights: Mapping[str, float]
    works: int = 100_000
    training_s: float = 1200.0
    conversion_s: float = 300.0
    measuring_s: float = 600.0
    made: float = 0.5
    measured: int = 5
    pinned: float = 0.2
    spread: float = 0.6
    surprise: float = 0.5


def draw_works(mix: Mix, seed: int) -> tuple[list[Work], dict[str, float]]:
    """Return works, each behind those that it needs, and the seconds that they really take, by key."""
    chance = random.Random(seed)
    works: list[Work] = []
    seconds: dict[str, float] = {}

    def add(key: str, kinds: tuple[str, ...], mean: float, needs: tuple[str, ...] = ()) -> str:
        expected = mean * chance.lognormvariate(-(mix.spread**2) / 2, mix.spread)
        works.append(Work(key=key, kinds=kinds, seconds=expected, needs=needs))
        seconds[key] = expected * chance.lognormvariate(-(mix.surprise**2) / 2, mix.surprise)
        return key

    everywhere = tuple(mix.nodes)
    for number in itertools.count():
        if len(works) >= mix.works:
            break
        measured = {*chance.choices(everywhere, [mix.weights[kind] for kind in everywhere], k=mix.measured)}
        needs: tuple[str, ...] = ()
        if chance.random() < mix.made:

            def kinds() -> tuple[str, ...]:
                return (chance.choice(everywhere),) if chance.random() < mix.pinned else everywhere

            training = add(f"{number}/train", kinds(), mix.training_s)
            steps = range(chance.randint(1, 4))
            needs = tuple(add(f"{number}/step{step}", kinds(), mix.conversion_s, (training,)) for step in steps)
        for kind in sorted(measured):
            add(f"{number}/{kind}", (kind,), mix.measuring_s, needs)
    return works, seconds
