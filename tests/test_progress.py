from __future__ import annotations

import pytest

from pytest_opml import progress
from pytest_opml.progress import Progress, listen, report_note, report_progress


def test_whoever_listens_hears_all_that_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_listeners", [])
    report_progress("nobody listens yet")
    first: list[Progress] = []
    second: list[Progress] = []
    listen(first.append)
    report_progress("training", 1, 10)
    listen(second.append)
    report_progress("measuring")
    report_note("a store is down")
    note = Progress("a store is down", is_note=True)
    assert first == [Progress("training", 1, 10), Progress("measuring"), note]
    assert second == [Progress("measuring"), note]


@pytest.mark.parametrize(
    ("found", "text"), [(Progress("step", 3, 9), "step 3/9"), (Progress("measuring"), "measuring")]
)
def test_progress_reads_as_a_line(found: Progress, text: str) -> None:
    assert str(found) == text
