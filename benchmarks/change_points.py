"""How often the search for steps in a history is right: planted steps found, false alarms, and how soon a step is seen.

Histories are drawn, since in recorded ones nobody knows where the steps are. Each is the level of a time over 60 to 200
commits:

- The noise multiplies. Its standard deviation is drawn from 1 to 3 % for each history: two runs of the same file, one
  after the other, were off by 2.8 % (median; ``docs/measuring.md``) on a machine that others share, which is a standard
  deviation of 3 % for one. The lower end stands for quieter machines.
- Its tails are heavy: Student's t with 4 degrees of freedom. Besides, 3 % of the values, each by itself, are 10 to 50 %
  too slow, as where another job took the machine.
- "Alike" noise follows a first-order autoregression of 0.3, as where a machine is slow for some commits in a row.
- "Hard" noise, by itself (``--hard``): autoregressions of 0.3 to 0.7; noise that is 2 to 4 times as wide from some
  commit on, or up to one, or for 5 to 24 commits, or ever wider (1 to 4 times); a season, a sine of 20 to 60 commits
  with an amplitude of 0.5 or 1 standard deviations of the noise.
- The planted step is 5 % up or down, with 8 commits or more on either side of it.

Beside it, on the same histories: Pelt of the package ruptures with squared error and the penalty 2 x variance x
log(commits) (BIC; the variance from the differences of neighbours), and a rule of thumb, an alarm where a value lies
more than 5 % off the median of the ten before it.

Run as a program: ``python benchmarks/change_points.py``; the figures are in ``docs/history.md``.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_opml.stats.change_points import find_steps

_STEP, _NEAR, _MARGIN = 1.05, 3, 8
_COMMITS, _DEVIATIONS = (60, 200), (0.01, 0.03)
_FREEDOM, _ODD = 4, 0.03
_ALIKE, _WARM_UP = 0.3, 50
_LONGEST_WAIT = 50

Find = Callable[[NDArray[np.float64]], Sequence[int]]


class History(NamedTuple):
    """Drawn values, and where the step was planted."""

    values: NDArray[np.float64]
    at: int | None


class Shares(NamedTuple):
    """Of histories with a step and of those without, the shares."""

    near: float
    outside: float
    false: float


def _draw(random: np.random.Generator, *, step: bool, alike: float = 0.0, deviation: float | None = None) -> History:
    count = int(random.integers(_COMMITS[0], _COMMITS[1] + 1))
    deviation = random.uniform(*_DEVIATIONS) if deviation is None else deviation
    noise = random.standard_t(_FREEDOM, count + _WARM_UP) / math.sqrt(_FREEDOM / (_FREEDOM - 2))
    for place in range(1, len(noise)) if alike else ():
        noise[place] = alike * noise[place - 1] + math.sqrt(1 - alike**2) * noise[place]
    values = 10 * (1 + deviation * noise[_WARM_UP:])
    at = None
    if step:
        at = int(random.integers(_MARGIN, count - _MARGIN + 1))
        values[at:] *= random.choice([_STEP, 1 / _STEP])
    odd = random.random(count) < _ODD
    values[odd] *= 1 + random.uniform(0.1, 0.5, odd.sum())
    return History(values, at)


def _alike(random: np.random.Generator, count: int, alike: float) -> NDArray[np.float64]:
    noise = random.standard_t(_FREEDOM, count + _WARM_UP) / math.sqrt(_FREEDOM / (_FREEDOM - 2))
    for place in range(1, len(noise)) if alike else ():
        noise[place] = alike * noise[place - 1] + math.sqrt(1 - alike**2) * noise[place]
    return noise[_WARM_UP:]


def _wider(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    widths = np.ones(count)
    at = int(random.integers(_MARGIN, count - _MARGIN))
    widths[at:] = random.uniform(2, 4)
    return widths[::-1] if random.random() < 0.5 else widths


def _wide_for_a_while(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    widths = np.ones(count)
    at = int(random.integers(5, count - 25))
    widths[at : at + int(random.integers(5, 25))] = random.uniform(2, 4)
    return widths


def _season(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = np.sin(2 * np.pi * (np.arange(count) / random.uniform(20, 60) + random.random()))
    return wave


_HARD: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "independent, as wide throughout": lambda random, count: _alike(random, count, 0.0),
    "autoregression of 0.3": lambda random, count: _alike(random, count, 0.3),
    "autoregression of 0.5": lambda random, count: _alike(random, count, 0.5),
    "autoregression of 0.7": lambda random, count: _alike(random, count, 0.7),
    "2 to 4 times as wide from a commit on": lambda random, count: _alike(random, count, 0.0) * _wider(random, count),
    "ever wider, up to 4 times": lambda random, count: _alike(random, count, 0.0) * np.linspace(1, 4, count),
    "2 to 4 times as wide for 5 to 24": lambda random, count: (
        _alike(random, count, 0) * _wide_for_a_while(random, count)
    ),
    "season, amplitude 1": lambda random, count: _alike(random, count, 0.0) + _season(random, count),
    "season, amplitude 0.5": lambda random, count: _alike(random, count, 0.0) + 0.5 * _season(random, count),
}


def _draw_hard(name: str, seed: int, *, step: bool) -> History:
    random = np.random.default_rng(seed)
    count = int(random.integers(_COMMITS[0], _COMMITS[1] + 1))
    deviation = random.uniform(*_DEVIATIONS)
    values = 10 * (1 + deviation * _HARD[name](random, count))
    at = None
    if step:
        at = int(random.integers(_MARGIN, count - _MARGIN + 1))
        values[at:] *= _STEP if random.random() < 0.5 else 1 / _STEP
    odd = random.random(count) < _ODD
    values[odd] *= 1 + random.uniform(0.1, 0.5, odd.sum())
    return History(values, at)


def _hard(plain: int, planted: int) -> None:
    print(f"hard noise, {planted} histories with a step of {_STEP - 1:.0%} and {plain} without:")
    for name in _HARD:
        with_step = [_draw_hard(name, 10**6 + seed, step=True) for seed in range(planted)]
        _line(name, _judged(_ours, with_step, [_draw_hard(name, seed, step=False) for seed in range(plain)]))


def _ours(values: NDArray[np.float64]) -> list[int]:
    return [step.at for step in find_steps(values.tolist())]


def _pelt(values: NDArray[np.float64]) -> list[int]:
    import ruptures

    variance = (statistics.median(np.abs(np.diff(values))) / (0.6745 * math.sqrt(2))) ** 2
    search = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(values)
    return list(search.predict(pen=2 * variance * math.log(len(values)))[:-1])


def _rule_of_thumb(values: NDArray[np.float64]) -> list[int]:
    medians = [statistics.median(values[place - 10 : place]) for place in range(10, len(values))]
    return [place for place, level in enumerate(medians, start=10) if abs(values[place] / level - 1) > _STEP - 1]


def _judged(find: Find, planted: Sequence[History], plain: Sequence[History]) -> Shares:
    near = outside = 0
    for history in planted:
        assert history.at is not None
        distances = [abs(place - history.at) for place in find(history.values)]
        near += any(distance <= _NEAR for distance in distances)
        outside += any(distance > _NEAR for distance in distances)
    false = sum(bool(find(history.values)) for history in plain)
    return Shares(near / len(planted), outside / len(planted), false / len(plain))


def _drawn(seed: int, count: int, alike: float, deviation: float | None) -> tuple[list[History], list[History]]:
    random = np.random.default_rng(seed)
    planted = [_draw(random, step=True, alike=alike, deviation=deviation) for _ in range(count)]
    return planted, [_draw(random, step=False, alike=alike, deviation=deviation) for _ in range(count)]


def _wait(history: History) -> float:
    """How many values it takes, the step's first included, until it is found within 3 commits."""
    assert history.at is not None
    for waited in range(1, min(_LONGEST_WAIT, len(history.values) - history.at) + 1):
        if any(abs(place - history.at) <= _NEAR for place in _ours(history.values[: history.at + waited])):
            return waited
    return math.inf


def _line(name: str, shares: Shares) -> None:
    print(
        f"  {name:34} {shares.near:6.1%} found within {_NEAR} commits, {shares.outside:6.1%} a step elsewhere, "
        f"{shares.false:6.1%} false alarms",
        flush=True,
    )


def _intervals(planted: Sequence[History]) -> None:
    widths, held = [], 0
    for history in planted:
        steps = [step for step in find_steps(history.values.tolist()) if abs(step.at - (history.at or 0)) <= 10]
        for step in steps[:1]:
            widths.append(step.high - step.low + 1)
            held += step.low <= (history.at or 0) <= step.high
    print(
        f"  the 95 % interval holds the step in {held / len(widths):.1%}; "
        f"{statistics.median(widths):g} commits wide (median)"
    )


def _waits(planted: Sequence[History], name: str) -> None:
    waits = sorted(map(_wait, planted))
    places = (waits[round(share * (len(waits) - 1))] for share in (0.5, 0.9))
    median, late = (f"{place:g}" if math.isfinite(place) else "not by the end or the 50th" for place in places)
    print(f"  {name:34} first found with {median} values after it (median), {late} (90th percentile)", flush=True)


def _watched(plain: Sequence[History]) -> None:
    """False alarms of who looks after each of the last 50 commits of a history without a step."""
    looks = [[bool(_ours(history.values[: len(history.values) - back])) for back in range(50)] for history in plain]
    ever, at_a_look = statistics.fmean(map(any, looks)), statistics.fmean(map(statistics.fmean, looks))
    print(f"  looked at after each of 50 commits: false alarms in {at_a_look:.1%} of looks, at some look in {ever:.1%}")


def _calibration(count: int) -> None:
    """False alarms for noise of other kinds and lengths."""
    kinds: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
        "normal": lambda random, size: random.standard_normal(size),
        "Cauchy": lambda random, size: random.standard_cauchy(size),
        "squared exponential": lambda random, size: random.exponential(size=size) ** 2,
        "two levels, as likely": lambda random, size: random.integers(0, 2, size).astype(float),
        "one in twenty is odd": lambda random, size: (random.random(size) < 0.05).astype(float),
        "counts around 3": lambda random, size: random.poisson(3, size).astype(float),
    }
    lengths = (6, 10, 20, 50, 200)
    print(f"false alarms for other independent noise, {count} histories of {', '.join(map(str, lengths))} values:")
    for name, draw in kinds.items():
        random = np.random.default_rng(1)
        shares = [sum(bool(_ours(draw(random, size))) for _ in range(count)) / count for size in lengths]
        print(f"  {name:34} {' '.join(f'{share:6.2%}' for share in shares)}", flush=True)


def _speed() -> None:
    for count in (100, 1_000):
        for steps in (0, 1, 5):
            values = np.random.default_rng(0).normal(10, 0.2, count)
            for number in range(steps):
                values[(number + 1) * count // (steps + 1) :] *= _STEP if number % 2 else 1 / _STEP
            seconds = []
            for _ in range(7):
                started = time.perf_counter()
                _ours(values)
                seconds.append(time.perf_counter() - started)
            print(f"  {count} values, {steps} steps: {1e3 * statistics.median(seconds):.1f} ms")


def main() -> None:
    """Print how often steps are found, and how often where there is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the first set of histories")
    parser.add_argument("--seeds", type=int, default=10, help="how many sets, to show what is luck")
    parser.add_argument("--histories", type=int, default=200, help="with a step, and as many without, in each set")
    parser.add_argument(
        "--hard", action="store_true", help="only noise that is alike, changes its width or has seasons"
    )
    given = parser.parse_args()
    if given.hard:
        _hard(3 * given.histories, given.histories)
        return
    ways: dict[str, Find] = {
        "pytest-opml": _ours,
        "ruptures Pelt, l2, BIC": _pelt,
        "5 % off the last ten": _rule_of_thumb,
    }
    for title, alike in (("independent noise", 0.0), (f"alike noise ({_ALIKE})", _ALIKE)):
        print(f"{title}, {given.histories} histories with a step of {_STEP - 1:.0%} and {given.histories} without:")
        planted, plain = _drawn(given.seed, given.histories, alike, None)
        for name, find in ways.items():
            _line(name, _judged(find, planted, plain))
        _intervals(planted)
        _waits(planted, "pytest-opml, as the history grows")
        _watched(plain)
        sets = [_judged(_ours, *_drawn(given.seed + n, given.histories, alike, None)) for n in range(given.seeds)]
        for name, choose in (("mean", statistics.fmean), ("fewest", min), ("most", max)):
            parts = (choose(getattr(shares, part) for shares in sets) for part in Shares._fields)
            _line(f"{given.seeds} such sets, {name}", Shares(*parts))
        for deviation in (0.01, 0.02, 0.03):
            planted, plain = _drawn(given.seed, given.histories, alike, deviation)
            _line(f"noise of {deviation:.0%}", _judged(_ours, planted, plain))
            _waits(planted, f"noise of {deviation:.0%}, as it grows")
    _calibration(10 * given.histories)
    print("time, median of 7:")
    _speed()


if __name__ == "__main__":
    main()
