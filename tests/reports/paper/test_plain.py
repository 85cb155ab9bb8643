from __future__ import annotations

import json

from pytest_opml.paper.assessment import assess
from pytest_opml.paper.claims import CLAIMS
from pytest_opml.reports.paper.plain import paper_document
from tests.support.builders import make_run
from tests.support.paper_results import paper_result


def test_all_of_it_is_plain_data() -> None:
    results = [paper_result("float16", ratio=1.3), paper_result()]
    document = json.loads(json.dumps(paper_document(assess([make_run(results)])), allow_nan=False))
    assert [table["table"] for table in document["tables"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["model"] for ranking in document["rankings"] for row in ranking["rows"] if row["explanation"]] == [
        "Resnet-50 Top-1"
    ]
    assert [claim["id"] for claim in document["claims"]] == [claim.id for claim in CLAIMS]
    by_id = {claim["id"]: claim for claim in document["claims"]}
    assert by_id["float16-slower-for-each"]["verdict"] == "pass"
    (finding,) = by_id["float16-slower-for-each"]["findings"]
    assert finding["cases"] == [result.case.id for result in results]
    assert finding["low"] < finding["value"] < finding["high"]
    rows = [row for table in document["tables"] for row in table["rows"] if row["case"]]
    assert {row["case"] for row in rows} == {result.case.id for result in results}
    assert rows[0]["figures"]["size_mb"]["ratio"] is not None
