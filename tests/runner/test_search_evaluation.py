"""Chains as cases of a session, which stands in for one that trains and measures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, CaseFailed
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.history.store import open_store
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check
from pytest_opml.runner import plan
from pytest_opml.runner.plan import NO_OVERRIDES
from pytest_opml.runner.search_evaluation import SearchEvaluation
from pytest_opml.runner.search_space import parse_space
from pytest_opml.runner.search_standings import Attempt, Trial
from pytest_opml.settings import Settings, build_settings
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_case, make_device, make_result, make_run, make_side_by_side

SPACE = parse_space({"stages": [["prune-0.5"], ["float16", "int8"]]}, "space")
# errors of 100, ratio of times, megabytes
FIGURES = {"baseline": (10, 1.0, 14.0), "prune-0.5": (11, 1.0, 7.0), "float16": (10, 1.0, 7.0), "int8": (12, 0.5, 3.5)}


@dataclass
class FakeSession:
    """Answers at once with figures in which steps add up."""

    settings: Settings
    device: Any = field(default_factory=make_device)
    total: int = 6_000
    broken: tuple[str, ...] = ()
    asked: list[tuple[str, bool]] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)

    def dataset(self, case: Case) -> Any:
        test = (case.subset or self.total) // 3
        labels = np.arange(3 * test) % 10
        return SimpleNamespace(
            y_train=labels[test:], y_test=labels[:test], task="classification", classes=tuple("0123456789")
        )

    def run(self, case: Case, overrides: plan.TestOverrides = NO_OVERRIDES, *, is_asked: bool = True) -> Result:
        self.asked.append((case.id, is_asked))
        if case.technique in self.broken:
            raise CaseFailed("error", "it fell over")
        result = make_figures(case, self.total)
        self.results[case.id] = result
        return result

    def judge(self, case: Case, overrides: plan.TestOverrides = NO_OVERRIDES) -> tuple[Check, ...]:
        budgets = self.settings.gate.applicable(case.id, self.device.profile, overrides.budgets)
        return judge(budgets, JudgedResult(self.results[case.id], self.results.get(case.reference.id)))


def make_figures(case: Case, total: int) -> Result:
    errors, ratio, size = 10.0, 1.0, 14.0
    for step in case.technique.split("+"):
        own, own_ratio, own_size = FIGURES[step]
        errors, ratio, size = errors * own / 10, ratio * own_ratio, size * own_size / 14
    samples = (case.subset or total) // 3
    labels = np.arange(samples, dtype=np.uint16) % 10
    predicted = labels.copy()
    predicted[: round(errors / 100 * samples)] += 1
    beside = make_side_by_side(ratio).model_copy(update={"reference": case.reference.id})
    result = make_result(
        case=case,
        accuracy=float((predicted == labels).mean()),
        inference_s=10 * ratio,
        size_mb=size,
        test_samples=samples,
        predictions=pack(labels, predicted),
        vs_reference=None if case.technique == "baseline" else beside,
        training_s=60.0 * (case.subset or total) / total,
    )
    return result.model_copy(update={"artifact": result.artifact.model_copy(update={"entry": f"artifact-{case.id}"})})


def settings(tmp_path: Path, gate: dict[str, Any] | None = None, store: str = "none") -> Settings:
    return build_settings({"gate": gate or {}, "store": store}, {}, tmp_path)


def evaluation(session: FakeSession, case: Case | None = None, **fields: Any) -> SearchEvaluation:
    return SearchEvaluation(session, session.settings, case or make_case(), fields.pop("space", SPACE), **fields)  # type: ignore[arg-type]


def test_the_best_chain_comes_out_and_is_told_of_trial_by_trial(tmp_path: Path) -> None:
    session, told = FakeSession(settings(tmp_path)), []
    one = evaluation(session, on_trial=lambda _, trial, is_stored: told.append((trial.attempt, is_stored)))
    one.run(math.inf)
    best = one.result.best
    assert best is not None
    assert best.case.technique == "prune-0.5+int8"
    assert [attempt for attempt, _ in told] == list(one.race.trials)
    assert not any(is_stored for _, is_stored in told)
    assert set(one.result.finalists) == {chain for chain, rung in one.race.trials if rung == one.race.last}


def test_rungs_are_shares_of_the_examples_that_are_many_enough_and_balanced(tmp_path: Path) -> None:
    session = FakeSession(settings(tmp_path))
    assert evaluation(session).sizes == [2_000, 6_000]
    assert evaluation(FakeSession(settings(tmp_path), total=60_000)).sizes == [6_667, 20_000, 60_000]
    assert evaluation(FakeSession(settings(tmp_path), total=1_797)).sizes == [1_797]
    assert evaluation(session, make_case(subset=3_000)).sizes == [1_000, 3_000]
    assert evaluation(session, make_case(label_skew=1.0)).sizes == [6_000]
    assert evaluation(session, make_case(clients=10, client=0)).sizes == [6_000]
    assert evaluation(session, make_case(clients=10)).sizes == [2_000, 6_000]
    uneven = SimpleNamespace(
        y_train=np.repeat([0, 1], [3_900, 100]), y_test=np.repeat([0, 1], [1_950, 50]), task="classification",
        classes=("a", "b"),
    )  # fmt: skip
    session.dataset = lambda case: uneven  # type: ignore[method-assign]
    assert evaluation(session).sizes == [6_000]


def test_only_what_is_tried_on_all_examples_is_asked_for_under_its_own_name(tmp_path: Path) -> None:
    session = FakeSession(settings(tmp_path))
    one = evaluation(session, make_case(name="prod"))
    assert one.case_of(Attempt("int8", 1)) == make_case("int8", name="prod")
    assert one.case_of(Attempt("int8", 0)) == make_case("int8", name="prod.2000", subset=2_000)
    one._evaluate(Attempt("baseline", 0))
    one._evaluate(Attempt("baseline", 1))
    assert session.asked == [("prod.2000", False), ("prod", True)]


def test_a_chain_that_breaks_a_budget_is_not_the_best_and_few_examples_do_not_decide(tmp_path: Path) -> None:
    session = FakeSession(settings(tmp_path, {"accuracy": {"max_drop": 0.015}, "size_mb": {"max": 8}}))
    one = evaluation(session)
    one.run(math.inf)
    best = one.result.best
    assert best is not None
    assert best.case.technique == "prune-0.5+float16"
    trials = one.race.trials
    assert not any(trial.broken for (_, rung), trial in trials.items() if rung == 0)
    assert trials[Attempt("baseline", 1)].broken == ("size_mb max",)
    assert trials[Attempt("baseline", 0)].margins["size_mb max"] == pytest.approx(math.log10(14 / 8))
    assert "accuracy min" not in trials[Attempt("int8", 0)].margins


def test_the_budgets_of_a_marker_count(tmp_path: Path) -> None:
    from pytest_opml.gate.budgets import parse_budgets

    session = FakeSession(settings(tmp_path))
    one = evaluation(session, overrides=plan.TestOverrides(parse_budgets({"size_mb": {"min": 10.0}}, "marker")))
    one.run(math.inf)
    assert one.result.best is not None
    assert one.result.best.case.technique == "baseline"


def test_a_chain_without_a_result_leaves_the_others(tmp_path: Path) -> None:
    session = FakeSession(settings(tmp_path), broken=("int8",))
    one = evaluation(session)
    one.run(math.inf)
    assert one.result.best is not None
    assert "int8" not in one.result.best.case.technique.split("+")[0]
    assert one.race.trials[Attempt("int8", 0)].score is None
    assert Attempt("int8", 0) not in one.results


def test_what_the_history_has_of_the_same_artifact_on_this_machine_is_taken_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SearchEvaluation, "_entry", lambda self, attempt: f"artifact-{self.case_of(attempt).id}")
    store = f"sqlite:///{tmp_path}/history.db"
    session = FakeSession(settings(tmp_path, store=store))
    with open_store(store):
        pass
    first = evaluation(session)
    first.run(math.inf)
    with open_store(store) as history:
        history.append(make_run(list(session.results.values())))
    again = FakeSession(settings(tmp_path, store=store))
    second = evaluation(again)
    second.run(math.inf)
    assert again.asked == []
    assert list(second.race.trials) == list(first.race.trials)
    assert second.result.best == first.result.best
    assert {run.results[0].case.id for run in second.stored} == set(session.results)

    monkeypatch.setattr(SearchEvaluation, "_entry", lambda self, attempt: "artifact-of-other-code")
    changed = FakeSession(settings(tmp_path, store=store))
    evaluation(changed).run(math.inf)
    assert len(changed.asked) == len(session.asked)

    monkeypatch.setattr(SearchEvaluation, "_entry", lambda self, attempt: f"artifact-{self.case_of(attempt).id}")
    elsewhere = FakeSession(settings(tmp_path, store=store), device=make_device().model_copy(update={"cpu": "another"}))
    evaluation(elsewhere).run(math.inf)
    assert len(elsewhere.asked) == len(session.asked)


def test_a_budget_on_the_baseline_of_a_chain_needs_it_measured_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SearchEvaluation, "_entry", lambda self, attempt: f"artifact-{self.case_of(attempt).id}")
    store = f"sqlite:///{tmp_path}/history.db"
    session = FakeSession(settings(tmp_path, {"accuracy": {"max_regression": 0.1}}, store))
    with open_store(store) as history:
        history.append(make_run([make_figures(make_case(), session.total)]))
    one = evaluation(session)
    trial = one._evaluate(Attempt("baseline", 1))
    assert session.asked == [(make_case().id, True)]
    assert trial.broken == ()  # nothing earlier to compare with is no reason
    assert isinstance(trial, Trial)


def test_a_chain_that_trains_is_none_for_a_case_that_several_devices_train(tmp_path: Path) -> None:
    with pytest.raises(CaseDefinitionError, match=r"case: devices = 2: technique prune-0\.5 trains the model on"):
        evaluation(FakeSession(settings(tmp_path)), make_case(devices=2))
