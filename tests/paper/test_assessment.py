from __future__ import annotations

from pytest_opml.paper.assessment import assess
from pytest_opml.paper.claims import CLAIMS
from pytest_opml.paper.errata import errata
from pytest_opml.paper.figures import TITLES
from tests.support.builders import make_run
from tests.support.paper_results import paper_result


def test_without_a_wish_it_is_the_whole() -> None:
    whole = assess([make_run([paper_result()])])
    assert [table.number for table in whole.tables] == list(TITLES)
    assert [checked.claim for checked in whole.claims] == list(CLAIMS)
    assert whole.errata == errata()
    assert len(whole.measured.results) == 1


def test_only_what_was_asked_for() -> None:
    tables = assess([], [5, 1, 5])
    assert ([table.number for table in tables.tables], tables.claims, tables.errata) == ([1, 5], (), ())
    claims = assess([], has_claims=True)
    assert (claims.tables, len(claims.claims), claims.errata) == ((), len(CLAIMS), ())
