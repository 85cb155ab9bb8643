"""Print the Markdown table of a run's record, one row a case: ``python bench/studies/table.py RECORD.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def _network(case: dict[str, Any]) -> str:
    return f"{case['model']} top{case['unfreeze']}"


def rows(record: dict[str, Any]) -> list[list[str]]:
    """One row for each result in the order measured, with the differences to its reference if that has a result."""
    results = {result["id"]: result for result in record["results"]}
    networks = {_network(result["case"]) for result in results.values()}
    rows_of_cases = []
    for result in results.values():
        case = result["case"]
        reference = results.get(result["id"].replace(f"/{case['technique']}", "/baseline", 1))
        score = result["op_score"]["value"]
        rows_of_cases.append(
            [
                f"{'' if len(networks) == 1 else _network(case) + ' '}`{case['technique']}`",
                f"{result['accuracy']['value']:.4f}",
                f"{result['accuracy']['value'] - reference['accuracy']['value']:+.4f}" if reference else "",
                f"{result['inference_s']['value']:.2f}",
                f"{result['artifact']['size_bytes'] / 1e6:.2f}",
                f"{result['training']['training_s']:.0f}",
                f"{result['preparation_s']:.1f}",
                f"{score:.3f}",
                f"{score - reference['op_score']['value']:+.3f}" if reference else "",
            ]
        )
    return rows_of_cases


if __name__ == "__main__":
    header = ["case", "accuracy", "change", "inference s", "MB", "training s", "preparation s", "OpScore", "difference"]
    for row in [header, ["---"] * len(header), *rows(json.loads(Path(sys.argv[1]).read_text("utf-8")))]:
        print("|", " | ".join(row), "|")
