from __future__ import annotations

import pytest

from pytest_opml.errors import CaseDefinitionError
from pytest_opml.runner.plan import AskedCases
from tests.support.builders import make_case


def test_the_ids_are_those_that_were_asked_for_and_not_those_of_their_references() -> None:
    asked = AskedCases()
    asked.add(make_case("int8", name="prod"))
    asked.add(make_case("int8", name="prod"))
    assert list(asked) == ["prod/int8"]
    assert "prod/int8" in asked
    assert "prod" not in asked


@pytest.mark.parametrize(("first", "second"), [("baseline", "baseline"), ("baseline", "int8"), ("int8", "float16")])
def test_two_cases_of_one_id_are_refused_with_what_they_differ_in(first: str, second: str) -> None:
    asked = AskedCases()
    asked.add(make_case(first, name="prod"))
    with pytest.raises(CaseDefinitionError) as caught:
        asked.add(make_case(second, name="prod", seed=1, size=32))
    text = "two cases of this run have the id prod, with size = 'own' and 32; seed = 0 and 1: give one another name"
    assert str(caught.value) == text
