from __future__ import annotations

from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally, markdown


def test_outcomes_become_a_row_of_the_table() -> None:
    outcomes = [Outcome(f"file {seed}", ONE_LINE) for seed in range(1200)]
    outcomes += [Outcome("file 1200", WENT_ON), Outcome("file 1201", WRONG, "a traceback")]
    tally = Tally.of("files", "damaged files", outcomes)
    assert tally.wrong == ("file 1201: a traceback",)
    assert markdown([tally]).splitlines()[-1] == (
        "| files | damaged files | 1,202 | 1,200 one line, 1 went on rightly | 1 |"
    )
