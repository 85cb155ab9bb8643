"""Does `opml search` find the best chain, and at which part of the cost of trying all?

    python benchmarks/search.py record FILE...   # evaluates each chain once for each FILE, and adds it there
    python benchmarks/search.py replay FILE...   # searches among what each FILE holds, with several seeds

``record`` goes on where it was stopped. Each FILE is a recording of its own: the first has the case's seed 0, the next
1, and so on; what is trained, and the test images, follow from it. The seconds are those of the processor, which a busy
machine changes less than others. Each seed of ``replay`` but 0 draws the test examples and the ratios of the times
anew, and shuffles the chains; a search begins with an empty cache, and pays for each first step that it is the first to
need.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from tabulate import tabulate

from pytest_opml.analysis.op_score import op_score
from pytest_opml.case import Case
from pytest_opml.errors import CaseFailed
from pytest_opml.gate.budgets import Budget, parse_budgets
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check
from pytest_opml.runner.search import TOLERANCE, Race, search
from pytest_opml.runner.search_space import SearchSpace, steps_of
from pytest_opml.runner.search_standings import Attempt, Standings, Trial
from pytest_opml.runner.search_trials import broken_by, gain_of, interval_of, margins_of
from pytest_opml.runner.session import Session
from pytest_opml.settings import build_settings
from pytest_opml.stats.derived_time import derive_estimate
from pytest_opml.stats.evidence import Interval
from pytest_opml.stats.intervals import proportion
from pytest_opml.stats.predictions import pack, unpack

STAGES = (("filter-prune-0.3",), ("prune-0.5", "prune-0.8"), ("cluster-64",), ("float16", "dynamic-int8", "int8"))
MODEL = {"dataset": "digits", "model": "small_cnn", "weights": "none", "unfreeze": "all", "size": 16, "epochs": 3}


def chains() -> list[str]:
    """All chains of the space, each behind its beginnings: 42, the baseline included."""
    texts = ["+".join(filter(None, steps)) for steps in product(*(("", *stage) for stage in STAGES))]
    allowed = [text or "baseline" for text in texts if "cluster-64+dynamic-int8" not in text]
    return sorted(allowed, key=lambda text: (text != "baseline", text.count("+")))


def processor_s() -> float:
    """Seconds of the processor that this process and those that it started have taken."""
    own = psutil.Process()
    return sum(map(_processor_s, (own, *own.children(recursive=True))))


def _processor_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:  # its seconds are its parent's by now
        return 0.0


def record(path: Path, cache: Path, seed: int) -> None:
    done = {one["chain"] for one in lines(path)}
    options = {"cache_dir": str(cache), "store": "none", "compare_seconds": 2.0}
    session = Session(build_settings({}, options, Path.cwd()), Path.cwd(), lambda *_: None)
    for chain in chains():
        case = Case(**MODEL, technique=chain, seed=seed)
        if chain in done:
            continue
        if chain != "baseline":
            session.run(case.reference)
        before, began, result, error = processor_s(), time.monotonic(), None, ""
        try:
            result = session.run(case).model_dump(mode="json")
        except CaseFailed as failure:
            error = str(failure)
        spent = {"processor_s": processor_s() - before, "wall_s": time.monotonic() - began}
        with path.open("a") as stream:
            stream.write(json.dumps({"chain": chain, "seed": seed, **spent, "error": error, "result": result}))
            stream.write("\n")
        print(chain, seed, {name: round(value, 1) for name, value in spent.items()}, error, flush=True)


def lines(path: Path) -> Iterator[dict]:
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


# --- replay


@dataclass(frozen=True)
class Recorded:
    """What is known of a space: each chain with its result and the seconds of the processor that it took by itself.

    Attributes:
        results: by chain.
        own: seconds of an evaluation whose beginnings are in the cache.
        steps: seconds that making a beginning takes, which is then in the cache; 0 where it trains nothing.
    """

    results: dict[str, Result]
    own: dict[str, float]
    steps: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        """Read what ``record`` has written."""
        evaluated = [one for one in lines(path) if one["result"]]
        results = {one["chain"]: Result.model_validate(one["result"]) for one in evaluated}
        seconds = {one["chain"]: one["processor_s"] for one in evaluated}
        trained = {chain: result.training.training_s for chain, result in results.items()}
        before = {chain: "+".join(steps_of(chain)[:-1]) or "baseline" for chain in results}
        is_trained = {chain: chain == "baseline" or trained[chain] > trained[before[chain]] for chain in results}
        measuring = median(seconds[chain] for chain in results if not is_trained[chain])
        steps = {chain: max(0.0, seconds[chain] - measuring) if is_trained[chain] else 0.0 for chain in results}
        return cls(results, {chain: seconds[chain] - steps[chain] for chain in results}, steps)

    def resampled(self, seed: int) -> dict[str, Result]:
        """The results as another test set of the same kind and other times would have them; seed 0: as they are."""
        if not seed:
            return self.results
        random = np.random.default_rng(seed)
        baseline = self.results["baseline"]
        chosen = random.integers(baseline.test_samples, size=baseline.test_samples)
        return {chain: _resampled(result, baseline, chosen, random) for chain, result in self.results.items()}


def _resampled(result: Result, baseline: Result, chosen: np.ndarray, random: np.random.Generator) -> Result:
    answers = unpack(result.predictions or "")
    labels, predicted = answers.labels[chosen], answers.predicted[chosen]
    right = int((labels == predicted).sum())
    share = proportion(right, len(chosen))
    changes: dict = {
        "predictions": pack(labels, predicted),
        "accuracy": share,
        "quality": result.quality.model_copy(update=share.model_dump()),
    }
    inference = baseline.inference_s
    if result.vs_reference:
        ratio = result.vs_reference.offline
        factor = float(np.exp(ratio.error * random.standard_normal()))
        ratio = ratio.model_copy(update={name: getattr(ratio, name) * factor for name in ("value", "low", "high")})
        changes["vs_reference"] = result.vs_reference.model_copy(update={"offline": ratio})
        inference = derive_estimate(baseline.inference_s, ratio)
    changes |= {
        "inference_s": inference,
        "op_score": op_score(share, inference, result.size_mb, samples=len(chosen)),
    }
    return result.model_copy(update=changes)


@dataclass
class Replay:
    """A search among recorded results, with the cost that it would have had from an empty cache."""

    recorded: Recorded
    results: dict[str, Result]
    budgets: tuple[Budget, ...]
    spent: float = 0.0
    count: int = 0

    def __post_init__(self) -> None:
        self._built: set[str] = set()

    def checks(self, chain: str) -> tuple[Check, ...]:
        """The verdicts of the gate on a chain."""
        return judge(self.budgets, JudgedResult(self.results[chain], self.results["baseline"]))

    def compare(self, one: Trial, beside: Trial) -> Interval:
        """The interval of a difference of scores."""
        return interval_of(self.results[one.chain], self.results[beside.chain], 0.1)

    def evaluate(self, attempt: Attempt) -> Trial:
        """Try a chain; beginnings that are in the cache by now cost nothing more."""
        chain, result = attempt.chain, self.results[attempt.chain]
        steps = steps_of(chain)
        beginnings = ["baseline", *("+".join(steps[: count + 1]) for count in range(len(steps)))]
        seconds = self.recorded.own[chain]
        seconds += sum(self.recorded.steps.get(one, 0.0) for one in beginnings if one not in self._built)
        self._built |= set(beginnings)
        self.spent, self.count = self.spent + seconds, self.count + 1
        checks = self.checks(chain)
        return Trial(
            chain=chain,
            rung=attempt.rung,
            seconds=seconds,
            training_s=result.training.training_s,
            score=result.op_score.value,
            gain=gain_of(result, self.results["baseline"]),
            broken=broken_by(checks),
            margins=margins_of(checks),
            base_margins=margins_of(checks, of_reference=True),
        )


def replay(paths: list[Path], seeds: int, gate: dict) -> None:
    """Search with each recording and seed, and print the best chain of all beside the one that was chosen."""
    rows, missed = [], 0
    budgets = parse_budgets(gate, "here")
    for path, seed in product(paths, range(seeds)):
        recorded = Recorded.read(path)
        results = recorded.resampled(seed)
        chains = list(results)
        np.random.default_rng(seed).shuffle(chains)
        space = SearchSpace(name="recorded", chains=("baseline", *(one for one in chains if one != "baseline")))
        trying, whole = Replay(recorded, results, budgets), Replay(recorded, results, budgets)
        race = Race(Standings(space, (1797,)), trying.compare)
        search(race, trying.evaluate, lambda: math.inf)
        trials = [whole.evaluate(Attempt(chain, 0)) for chain in results]
        best = min((one for one in trials if one.is_candidate), key=lambda one: one.score or 0.0, default=None)
        if best is None or race.best is None:
            kept = best.chain if best else "none"
            print(f"{path.name}, seed {seed}: chain that keeps the budgets: {kept}; found: {race.best}")
            missed += best is not None
            continue
        rows.append(
            {
                "recording": path.name,
                "seed": seed,
                "best of all": best.chain,
                "its OpScore": f"{best.score:.3f}",
                "search": race.best.chain,
                "OpScore": f"{race.best.score:.3f}",
                "more": f"{race.best.score - best.score:.3f}",
                "breaks": ", ".join(broken_by(trying.checks(race.best.chain))) or "none",
                "tried": f"{trying.count} of {len(chains)}",
                "processor s": f"{trying.spent:.0f} of {whole.spent:.0f}",
                "share": f"{trying.spent / whole.spent:.2f}",
            }
        )
    print(tabulate(rows, headers="keys", disable_numparse=True))
    allowed = sum(float(row["more"]) <= TOLERANCE and float(row["share"]) <= 1 / 3 for row in rows)
    print(
        f"{allowed} of {len(rows) + missed} within {TOLERANCE} of the best at no more than a third of the cost; "
        f"budgets: {gate}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "replay"))
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    if given.action == "record":
        for seed, path in enumerate(given.files):
            record(path, given.cache, seed)
        return
    for gate in ({}, {"accuracy": {"max_drop": 0.01}}, {"accuracy": {"max_drop": 0.01}, "size_mb": {"max": 0.065}}):
        replay(given.files, given.seeds, gate)


if __name__ == "__main__":
    main()
