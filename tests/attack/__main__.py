"""Run the attack, or some topics of it: ``python -m tests.attack [TOPIC ...] [--tries N] [--seed S] [--markdown]``."""

from __future__ import annotations

import argparse
import sys

from tests.attack import topics
from tests.attack.tally import markdown


def main() -> None:
    """Print one line for each thing tried, or the table of docs/reliability.md; end with 1 where any was wrong."""
    every = topics()
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(every)}; all unless named")
    parser.add_argument("--tries", type=int, help="of each topic, instead of its own number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/reliability.md")
    given = parser.parse_args()
    if unknown := set(given.topics) - set(every):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    tallies = []
    for topic in (every[name] for name in given.topics or every):
        for tally in topic.attack(topic.tries if given.tries is None else given.tries, given.seed):
            tallies.append(tally)
            print("; ".join(tally.cells()), *tally.wrong, sep="\n  ", file=sys.stderr, flush=True)
    if given.markdown:
        print(markdown(tallies))
    sys.exit(any(tally.wrong for tally in tallies))


if __name__ == "__main__":
    main()
