"""Simulate runs on a fleet, and compare how long they take with what no schedule could undercut.

    python benchmarks/fleet_schedule.py [--seeds 5] [--mix NAME] [--queue order] [--lifetime-hours 72] [--slow 0.05]

The schedule is the real one (``pytest_opml/runner/fleet/schedule.py``); the fleet and its engine are simulated event by
event (``tests/support/simulated_fleet.py``): 1,000 nodes of 5 kinds, one slot each, and 100,000 works.

- Expected seconds are lognormal (deviation of the logarithm: 0.6); the real ones are off by a lognormal factor (0.5).
- A node lives 72 hours on average (exponential) and is replaced after 20 minutes on average; what it was at is lost.
- 2 % of the nodes are bad: their disk is full, and work fails there after 30 s. 5 % run at half the speed.
- 0.2 % of the works fail by themselves. A measuring whose making was given up makes it again, and takes longer for
  that.
- Lost nodes report their work as finished ten minutes later, when another has it.

The *strict* bound is the greatest of: for each kind, the earliest time at which its nodes can have done the work that
only they may do; the same for all work and all nodes; and the longest chain of works that need each other, on nodes of
full speed. Its capacity is that of the nodes that really lived in the simulation, second by second: none for bad nodes
and for slots whose node is not replaced yet, half for slow ones. Its work is that of works that were done, in their
real seconds, as if they could be divided, were known before, and nothing were lost with a node or done twice.

A chain of long works loses tries with their nodes whatever the order is. The second ratio is to a bound that has the
longest chain with the seconds of its lost tries ("losses"), where that is the greater one: what it leaves is what the
schedule let wait, or gave to slow nodes.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' support is of this checkout

from pytest_opml.runner.fleet.schedule import Schedule
from tests.support.fleet_works import Mix, draw_works
from tests.support.simulated_fleet import FleetSetup, Outcome, SimulatedFleet

KINDS = ("a100", "v100", "p100", "t4", "cpu")
EVEN_NODES = dict.fromkeys(KINDS, 200)
EVEN = dict.fromkeys(KINDS, 1.0)
MIXES = {
    "even": Mix(nodes=EVEN_NODES, weights=EVEN),
    "one kind has most": Mix(nodes=EVEN_NODES, weights={**EVEN, "v100": 12.0}, measured=2),
    "few nodes of a kind": Mix(nodes={"a100": 20, "v100": 100, "p100": 180, "t4": 200, "cpu": 500}, weights=EVEN),
    "heavy making": Mix(nodes=EVEN_NODES, weights=EVEN, made=0.9, training_s=6000.0, conversion_s=1200.0),
    "few long works": Mix(nodes=EVEN_NODES, weights=EVEN, works=5_000, training_s=7200.0, measuring_s=3600.0),
    "long works": Mix(nodes=EVEN_NODES, weights=EVEN, works=20_000, training_s=7200.0, measuring_s=3600.0),
}


def simulate(mix: Mix, setup: FleetSetup, seed: int) -> tuple[Outcome, Schedule]:
    """Return what came of one simulated run, and its schedule."""
    works, seconds = draw_works(mix, seed)
    started = time.process_time()
    schedule = Schedule(works, mix.nodes)
    built_s = time.process_time() - started
    outcome = SimulatedFleet(schedule, works, seconds, setup, seed).run()
    return outcome._replace(driver_s=outcome.driver_s + built_s), schedule


def _line(name: str, seed: int, outcome: Outcome, schedule: Schedule) -> str:
    works = len(schedule.done) + len(schedule.given_up)
    bound = max(outcome.bound, outcome.chain)
    return (
        f"{name:20} {seed:4} {works:7,} {outcome.makespan / 3600:7.2f} h {bound / 3600:7.2f} h {outcome.bound_by:6}"
        f" {outcome.strict_ratio:6.3f} {outcome.ratio:6.3f} {outcome.driver_s:5.1f} s {outcome.attempts / works:6.3f}"
        f" {len(schedule.given_up):9,} {len(schedule.set_aside):6} {len(schedule.slow_nodes(1.5, 5)):5}"
        f" {outcome.longest_avoid:6}"
    )


def main() -> None:
    """Print for each mix of works and each seed how long the run took, and how far that is from the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many runs of each mix")
    parser.add_argument("--mix", choices=MIXES, help="only this one")
    parser.add_argument("--works", type=int, help="instead of the number that the mix has")
    parser.add_argument("--lifetime-hours", type=float, default=72.0, help="of a node, on average")
    parser.add_argument("--slow", type=float, default=0.05, help="share of the nodes that run at half the speed")
    parser.add_argument(
        "--queue",
        choices=("order", "ready"),
        default="order",
        help="whether work has its place from the start (Slurm), or joins the end of the queue when it is ready (Ray)",
    )
    given = parser.parse_args()
    print(
        f"{'mix':20} seed   works  makespan     bound by     strict  ratio  driver  tries  given up  aside  slow  avoid"
    )
    for name in [given.mix] if given.mix else MIXES:
        mix = dataclasses.replace(MIXES[name], works=given.works or MIXES[name].works)
        setup = FleetSetup(
            nodes=mix.nodes,
            lifetime_s=given.lifetime_hours * 3600,
            slow=given.slow,
            by_readiness=given.queue == "ready",
        )
        for seed in range(1, given.seeds + 1):
            outcome, schedule = simulate(mix, setup, seed)
            print(_line(name, seed, outcome, schedule), flush=True)


if __name__ == "__main__":
    main()
