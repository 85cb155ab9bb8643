"""What is made of damaged model files and data sets: opened rightly, or one line.

Files are opened in processes with a deadline, as a case's files are: some in one, and each in one of its own where that
ends without an answer. What a run tells in one line ends it with exit code 4 (the file was refused) or 11 (its process
crashed). Nothing else is right: no traceback, no figure of something else, no file for which the deadline passes.

Run as a program (``python benchmarks/fuzz_files.py``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

from pytest_opml.runner.launchers.base import ProcessLimits
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import fuzz  # of this checkout

_TOGETHER = 20  # files in a process


def main() -> None:
    """Print what came of each kind of file, and each outcome that is not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--data", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of the first file")
    parser.add_argument("--only", default="", help="part of the name of the files that are damaged")
    parser.add_argument("--show", action="store_true", help="print every outcome")
    given = parser.parse_args()
    start_server()
    launcher = ProcessLauncher(None)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as workers:
        work = Path(folder)
        data = fuzz.write_data(work)
        models = launcher.run(fuzz.write_models, (work,), ProcessLimits(600, None))
        seeds = range(given.seed, given.seed + max(given.models, given.data))
        jobs = {
            "model files": [fuzz.Job(_turn(models, seed, given.only), seed, data[0]) for seed in seeds[: given.models]],
            "data sets": [fuzz.Job(_turn(data, seed, given.only), seed) for seed in seeds[: given.data]],
        }
        wrong = 0
        for name, some in jobs.items():
            together = [some[first : first + _TOGETHER] for first in range(0, len(some), _TOGETHER)]
            made = workers.map(partial(fuzz.outcomes, launcher=launcher, work=work), together)
            wrong += _told(name, chain.from_iterable(made), given.show)
    sys.exit(1 if wrong else 0)


def _turn(paths: list[Path], seed: int, only: str) -> Path:
    fitting = [path for path in paths if only in path.name] or paths
    return fitting[seed % len(fitting)]


def _told(name: str, outcomes: Iterable[fuzz.Outcome], show: bool) -> int:
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts[outcome.kind] += 1
        if show or outcome.kind == "wrong":
            print(f"{outcome.name}: {outcome.kind}: {outcome.text}", flush=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"{name}: {sum(counts.values())}: {kinds}", flush=True)
    return counts["wrong"]


if __name__ == "__main__":
    main()
