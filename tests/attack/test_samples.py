"""A sample of each topic in every run of the tests, and the whole of it with ``-m attack``."""

from __future__ import annotations

import pytest

from tests.attack import Topic, topics

_SEED = 17


def _marked(topic: Topic) -> list[pytest.MarkDecorator]:
    return [pytest.mark.tensorflow] * topic.tensorflow


SAMPLES = [pytest.param(topic, id=name, marks=_marked(topic)) for name, topic in topics().items() if topic.sample]
WHOLE = [pytest.param(topic, id=name, marks=_marked(topic)) for name, topic in topics().items()]


@pytest.mark.parametrize("topic", SAMPLES)
def test_a_sample_breaks_no_promise(topic: Topic) -> None:
    assert not [wrong for tally in topic.attack(topic.sample, _SEED) for wrong in tally.wrong]


@pytest.mark.attack
@pytest.mark.parametrize("topic", WHOLE)
def test_the_whole_breaks_no_promise(topic: Topic) -> None:
    assert not [wrong for tally in topic.attack(topic.tries, _SEED) for wrong in tally.wrong]
