"""The results of several runs together, and which of them belong beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any

from ..records.case_record import CaseRecord
from ..records.result import Result
from ..records.run import RunRecord
from .figures import TRANSFER, Place
from .stand_ins import EXAMPLES, dataset_of, network_of

# In which two cases on different data may differ as well, since the data ask for it.
_OF_THE_DATA = ("dataset", "size", "subset", "batch", "epochs", "seed")
# Data that the paper's tables have no figures of.
_NOT_IN_THE_PAPER = ("clients", "label_skew", "quantity_skew")


class Measured:
    """The results of runs; of a case that several runs have on one machine, the newest.

    A result without a size, time or test example, which only a record of others can have, is left out.

    Args:
        runs: in any order.
    """

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self.runs = tuple(sorted(runs, key=lambda run: run.started))
        self._by_case = {
            (_unnamed(result.case), result.device.machine): result
            for run in self.runs
            for result in run.results
            if _is_measured(result)
        }
        self._series: dict[tuple[str, ...], dict[tuple[object, ...], list[Result]]] = {}

    @property
    def results(self) -> tuple[Result, ...]:
        """All of them, as they were measured."""
        return tuple(self._by_case.values())

    @cached_property
    def trained(self) -> Measured:
        """The same without networks whose frozen layers are random: sizes and times are real, answers say nothing."""
        trained = copy(self)
        trained._by_case = {key: one for key, one in self._by_case.items() if not has_random_layers(one.case)}
        trained._series = {}
        return trained

    def of_technique(self, technique: str) -> Iterator[Result]:
        """Yield the results of a technique."""
        return (result for result in self.results if result.case.technique == technique)

    @property
    def references(self) -> Iterator[Result]:
        """The models as trained."""
        return self.of_technique("baseline")

    def beside(self, result: Result, **fields: Any) -> Result | None:
        """Return the result on the same machine of the case that differs in these fields; None where there is none."""
        case = _unnamed(result.case).model_copy(update=fields)
        return self._by_case.get((case, result.device.machine))

    def reference_of(self, result: Result) -> Result | None:
        """Return the result of the model as trained; None where it is missing, or is the result itself."""
        return None if result.case.technique == "baseline" else self.beside(result, technique="baseline")

    def on_profile(self, result: Result, profile: str) -> Result | None:
        """Return the result of the same case on a kind of hardware."""
        case = _unnamed(result.case)
        return next((r for r in self.results if r.device.profile == profile and _unnamed(r.case) == case), None)

    def on_dataset(self, result: Result, dataset: str) -> Result | None:
        """Return the result of the same network, layers and technique on another data set of the paper's.

        Args:
            result: on one data set.
            dataset: as the paper names it. One that stands for it counts beside one that stands for another, since the
                two are of one kind. What the data ask for may differ, such as the size of the images; of several
                results the one that differs in the least.
        """
        own = dataset_of(result.case.dataset)
        candidates = []
        for one in self.alike_but(result, *_OF_THE_DATA):
            counterpart = dataset_of(one.case.dataset)
            if own and counterpart and (counterpart.name, counterpart.is_itself) == (dataset, own.is_itself):
                differing = sum(getattr(one.case, name) != getattr(result.case, name) for name in _OF_THE_DATA)
                candidates.append((differing, one))
        return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else None

    def alike_but(self, result: Result, *fields: str) -> Sequence[Result]:
        """Return the results on the same machine whose cases are alike in all but these fields, itself among them."""
        return self._series_of(fields).get(_key_without(result, fields), ())

    def series(self, *fields: str) -> Iterator[Sequence[Result]]:
        """Yield all results, those together whose cases on one machine are alike in all but these fields."""
        yield from self._series_of(fields).values()

    def _series_of(self, fields: tuple[str, ...]) -> dict[tuple[object, ...], list[Result]]:
        if fields not in self._series:
            series = self._series[fields] = {}
            for result in self.results:
                series.setdefault(_key_without(result, fields), []).append(result)
        return self._series[fields]


def place_of(result: Result) -> Place | None:
    """Return what a result is of, in the paper's words; None where the paper has nothing like it."""
    case = result.case
    network, dataset = network_of(case.model), dataset_of(case.dataset)
    if network is None or not is_of_papers_data(case):
        return None
    return Place(
        network.name,
        dataset.name if dataset else None,
        technique_of(case),
        case.unfreeze if isinstance(case.unfreeze, int) else None,
        case.split,
        result.device.profile,
    )


def is_of_papers_data(case: CaseRecord) -> bool:
    """Tell whether the examples of a case are as the paper's, neither skewed nor those of clients."""
    return all(getattr(case, name) is None for name in _NOT_IN_THE_PAPER)


def technique_of(case: CaseRecord) -> str:
    """Return the technique as ``Place`` names it: a layer transfer that was trained again, from whichever source."""
    if case.technique.startswith(f"{TRANSFER}:") and not is_untrained_transfer(case):
        return TRANSFER
    return case.technique


def is_untrained_transfer(case: CaseRecord) -> bool:
    """Tell whether a case is a layer transfer that was not trained again afterwards."""
    return case.technique.startswith(f"{TRANSFER}:") and "retrain=no" in case.technique


def has_random_layers(case: CaseRecord) -> bool:
    """Tell whether some layers of a network stay as they were drawn at random."""
    return case.weights == "none" and case.unfreeze not in (0, "all")


def training_examples(result: Result) -> int | None:
    """Return how many examples a model was trained by; None where its record does not tell."""
    case, share = result.case, result.case.test_share
    if result.training.examples:
        return result.training.examples
    if case.clients is not None:
        return None
    if share is not None:
        return round(result.test_samples * (1 - share) / share)
    examples = case.subset or EXAMPLES.get(case.dataset, 0)
    return examples - result.test_samples if examples > result.test_samples else None


def _unnamed(case: CaseRecord) -> CaseRecord:
    return case if case.name is None else case.model_copy(update={"name": None})


def _is_measured(result: Result) -> bool:
    sizes = (result.artifact.size_bytes, result.artifact.layers, result.test_samples, result.reference_samples)
    return min(*sizes, result.inference_s.value, result.inference_s.low) > 0


def _key_without(result: Result, fields: tuple[str, ...]) -> tuple[object, ...]:
    """Return what the cases of a series share, without the name that a user gave."""
    values = dict(result.case)
    given = (tuple(v.items()) if isinstance(v, dict) else v for k, v in values.items() if k not in (*fields, "name"))
    return (result.device.machine, *given)
