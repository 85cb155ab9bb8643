"""What the plugin costs a pytest run that does not use it: without it and with it, in turn.

    python benchmarks/idle.py
    python benchmarks/idle.py --against ../another-checkout

With ``--against`` the plugin of another checkout of this repository is a third way, in the same run, so that both
meet the same machine. The figures and the machine are in ``CONTRIBUTING.md``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HERE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run pytest.

    Attributes:
        name: as it is printed.
        tree: the checkout that ``pytest_opml`` is imported from.
        arguments: of pytest.
    """

    name: str
    tree: Path
    arguments: tuple[str, ...] = ()

    def seconds(self, folder: Path) -> float:
        """Run pytest in a folder once, and return how long that took."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self.arguments]
        # Other plugins that happen to be installed are kept out: only ours differs between the ways.
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(self.tree)}
        environment |= {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
        return time.perf_counter() - started


def with_plugin_of(tree: Path, name: str) -> Way:
    """The plugin of a checkout, whose ``pyproject.toml`` says which module it is."""
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    return Way(name=name, tree=tree, arguments=("-p", project["entry-points"]["pytest11"]["opml"]))


def measured(ways: Sequence[Way], rounds: int) -> list[list[float]]:
    """Seconds of each way in each round; every round goes through the ways in another order."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_idle.py").write_text("def test_idle(): pass\n")
        for way in ways:
            way.seconds(folder)
        seconds: list[list[float]] = [[] for _ in ways]
        for number in range(rounds):
            turned = [(number + place) % len(ways) for place in range(len(ways))]
            for place in turned if number // len(ways) % 2 else reversed(turned):
                seconds[place].append(ways[place].seconds(folder))
    return seconds


def difference(first: Sequence[float], second: Sequence[float]) -> str:
    """By how much the second is slower, round by round."""
    milliseconds = [(b - a) * 1e3 for a, b in zip(first, second, strict=True)]
    low, median, high = statistics.quantiles(milliseconds, n=4)
    return f"{median:+.1f} ms (median of {len(milliseconds)} pairs; middle half {low:+.1f} to {high:+.1f} ms)"


def main() -> None:
    """Print the median of each way, and the differences of the paired runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40, help="rounds; each runs every way once")
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout of this repository")
    given = parser.parse_args()
    ways = [Way(name="without the plugin", tree=_HERE), with_plugin_of(_HERE, "with the plugin")]
    if given.against:
        ways.append(with_plugin_of(given.against.resolve(), f"with that of {given.against}"))
    seconds = measured(ways, given.pairs)
    for way, taken in zip(ways, seconds, strict=True):
        print(f"{way.name}: {statistics.median(taken) * 1e3:.0f} ms")
    for way, taken in zip(ways[1:], seconds[1:], strict=True):
        print(f"{way.name}, against without: {difference(seconds[0], taken)}")
    if given.against:
        print(f"here, against {given.against}: {difference(seconds[2], seconds[1])}")


if __name__ == "__main__":
    main()
