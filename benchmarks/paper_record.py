"""Makes the record of a run small enough to be committed, for the page docs/paper.md.

    python benchmarks/paper_record.py run.json docs/records/paper-smoke.json
    opml paper --run docs/records/paper-smoke.json --run docs/records/paper-cifar10.json -o docs/paper.md

What the page does not rest on is left out: slices, confusion matrices, the samples of latencies and the machine's other
processes. The page is the same as that of the whole record; where it is not, nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pytest_opml.history.record_files import json_of, read_record, record_of
from pytest_opml.paper.assessment import assess
from pytest_opml.records.result import Result
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.paper.markdown import paper_markdown
from pytest_opml.storage.whole_files import written_whole


def small(record: RunRecord) -> RunRecord:
    """Return a record without what the page does not rest on."""
    return record.model_copy(update={"results": tuple(map(_small, record.results)), "checks": (), "collected": {}})


def _small(result: Result) -> Result:
    latency = result.latency_ms.model_copy(update={"ladders": {}, "intervals": {}})
    names = result.class_names if len(result.class_names) <= 10 else ()
    left_out: dict[str, Any] = {"slices": (), "confusion": None, "columns": {}, "sampling": {}, "class_names": names}
    return result.model_copy(update=left_out | {"latency_ms": latency})


def main() -> int:
    """Write the small record; 1 where the page would change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="record that --opml-json wrote")
    parser.add_argument("target", type=Path, help="file to write")
    arguments = parser.parse_args()
    record = read_record(arguments.source)
    text = small(record).model_dump_json().encode() + b"\n"
    again = record_of(json_of(text, "the small record"), "the small record")
    if paper_markdown(assess([again])) != paper_markdown(assess([record])):
        print("the page of the small record differs from that of the whole one", file=sys.stderr)
        return 1
    with written_whole(arguments.target) as file:
        file.write(text)
    print(f"{arguments.target}: {len(text):,} bytes of {arguments.source.stat().st_size:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
