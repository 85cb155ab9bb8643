"""What a run makes of what its fleet answers; the nodes are played."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import SettingsError, UsageError
from pytest_opml.progress import Progress
from pytest_opml.records.result import Key
from pytest_opml.records.run import Failure
from pytest_opml.runner.baselines import Baselines
from pytest_opml.runner.fleet import fleet_run
from pytest_opml.runner.fleet.base import Description, FleetNode, Told, UnitEnd
from pytest_opml.runner.fleet.fleet_run import FleetRun
from pytest_opml.runner.fleet.fleet_runner import FleetRunner, units_of
from pytest_opml.runner.fleet.node_types import NodeWait
from pytest_opml.runner.fleet.orders import OrderedCase, RunOrder, UnitAnswer, UnitOrder
from pytest_opml.runner.fleet.schedule import Attempt
from pytest_opml.runner.options import RunOptions
from pytest_opml.runner.plan import NO_OVERRIDES, CollectedRun
from pytest_opml.runner.shared_results import MeasuredCase
from pytest_opml.settings import build_settings
from tests.support.builders import make_device, make_result

Answer = Callable[[Attempt, UnitOrder], UnitEnd]


def case_of(technique: str = "baseline", seed: int = 0) -> Case:
    return Case(dataset="digits", model="efficientnet_lite0", technique=technique, seed=seed)


CASES = (case_of("int8"), case_of("float16"), case_of(seed=1))
NODES = [FleetNode("a", "cpu", 2), FleetNode("b", "cpu", 2), FleetNode("c", "v100", 2)]


def measured(case: Case) -> MeasuredCase:
    return MeasuredCase(result=make_result().model_copy(update={"case": case, "device": make_device("cpu")}))


def answered(attempt: Attempt, unit: UnitOrder, node: str = "a") -> UnitEnd:
    outcomes = {ordered.case.id: measured(ordered.case) for ordered in unit.cases}
    return UnitEnd(attempt, node, UnitAnswer(outcomes, device=make_device("cpu"), seconds=1.0))


class PlayedFleet:
    """Ends one attempt a poll, by the next of what is to be answered, and then as a sound node does."""

    def __init__(self, _settings: object, _root: Path) -> None:
        self.answers: deque[Answer] = deque()
        self.submitted: list[Attempt] = []
        self.orders: dict[str, RunOrder] = {}
        self.waiting: deque[tuple[Attempt, UnitOrder]] = deque()
        self.is_closed = False
        self.started: set[str] = set()

    def nodes(self) -> list[FleetNode]:
        return NODES

    def nodes_of(self, kind: str) -> list[FleetNode]:
        return [node for node in self.nodes() if node.kind == kind]

    def starts(self, kind: str) -> bool:
        return kind in self.started

    def failures(self) -> list[str]:
        return []

    def check_kinds(self, _kinds: object) -> None:
        pass

    def ask(self, _kind: str, _settings: object, *, needs_tensorflow: bool, avoid: Sequence[str] = ()) -> None:
        assert not avoid
        assert needs_tensorflow

    def description(self, kind: str, wait: NodeWait) -> Description:
        wait.tell("waiting for it")
        return Description("a", make_device(kind), "")

    def use(self, kind: str, order: RunOrder) -> None:
        self.orders[kind] = order

    def submit(self, attempt: Attempt, unit: UnitOrder) -> None:
        self.submitted.append(attempt)
        self.waiting.append((attempt, unit))

    def poll(self, _seconds: float) -> list[UnitEnd]:
        attempt, unit = self.waiting.popleft()
        answer = self.answers.popleft() if self.answers else answered
        return [answer(attempt, unit)]

    def told(self) -> Mapping[str, Told]:
        return {}

    def close(self) -> None:
        self.is_closed = True


class Driver:
    """A run on the played fleet, and what it has heard."""

    def __init__(self, project: Path, *cases: Case, **more: object) -> None:
        table = {"fleet": "auto", "gpu": "cpu", "store": "none", "cache_dir": str(project / "cache")}
        settings = build_settings(table | more, {}, project)
        plan = CollectedRun(cases={case.id: f"test of {case.id}" for case in cases}, collected_cases=cases)
        self.heard: list[tuple[Case | None, Progress]] = []
        self.run = FleetRun(
            settings, project, {"cpu": plan}, lambda text: self.hear(None, Progress(text, is_waiting=True))
        )
        assert isinstance(self.run.fleet, PlayedFleet)
        self.fleet = self.run.fleet
        device = self.run.devices.of("cpu")
        options = RunOptions(settings=settings, device=device, plan=plan)
        self.arrived: list[tuple[OrderedCase, MeasuredCase]] = []
        self.runner = FleetRunner(
            self.run,
            options,
            Baselines(settings, project, None),
            self.hear,
            lambda ordered, outcome: self.arrived.append((ordered, outcome)),
        )
        self.run.start()

    def hear(self, case: Case | None, progress: Progress) -> None:
        self.heard.append((case, progress))

    def outcome(self, case: Case) -> MeasuredCase:
        return self.runner.run_case(case, NO_OVERRIDES)

    def failure(self, case: Case) -> Failure:
        failure = self.outcome(case).failure
        assert failure
        return failure


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    monkeypatch.setattr(fleet_run, "open_fleet", PlayedFleet)
    return Driver(tmp_path, *CASES)


def lost(attempt: Attempt, _unit: UnitOrder) -> UnitEnd:
    return UnitEnd(attempt, "b", None, "the node died", is_lost=True)


def full_disk(attempt: Attempt, _unit: UnitOrder) -> UnitEnd:
    node = next(node.id for node in NODES if node.id not in attempt.avoid)
    return UnitEnd(attempt, node, UnitAnswer({}, fault="cache /c: No space left on device"))


def test_a_reference_and_what_is_compared_with_it_are_one_unit() -> None:
    int8, float16, other = CASES
    assert units_of(CASES) == [[int8.reference, int8, float16], [other]]
    assert units_of([int8.reference, int8]) == [[int8.reference, int8]]


def test_all_units_are_submitted_at_once_and_each_case_arrives_once(driver: Driver) -> None:
    assert len(driver.fleet.submitted) == 2
    for case in CASES:
        assert driver.outcome(case).result
    names = [ordered.case.id for ordered, _ in driver.arrived]
    assert sorted(names) == sorted({case.id for case in CASES} | {CASES[0].reference.id})
    judged = {ordered.case.id for ordered, _ in driver.arrived if ordered.is_judged}
    assert judged == {case.id for case in CASES}  # the reference was not collected
    assert len(driver.fleet.submitted) == 2


def test_a_unit_of_a_lost_node_is_submitted_again(driver: Driver) -> None:
    driver.fleet.answers.append(lost)
    assert driver.outcome(CASES[0]).result
    first, again = driver.fleet.submitted[0], driver.fleet.submitted[2]
    assert (again.key, again.number) == (first.key, 2)


def test_what_nodes_took_adds_up_over_the_attempts_that_they_answered(driver: Driver) -> None:
    driver.fleet.answers.extend([lost, full_disk])
    for case in CASES:
        assert driver.outcome(case).result
    assert driver.runner.node_time == (1, 2.0)  # two units of a second each; of the lost one nobody had heard


def test_a_unit_that_ends_all_its_nodes_is_given_up_in_the_end(driver: Driver) -> None:
    driver.fleet.answers.extend([lost] * 20)
    failure = driver.failure(CASES[2])
    assert failure.kind == "error"
    assert failure.message.endswith("the node died")
    assert len(driver.fleet.submitted) <= 20


def test_a_node_without_room_gets_the_unit_no_more(driver: Driver) -> None:
    driver.fleet.answers.append(full_disk)
    assert driver.outcome(CASES[0]).result
    assert driver.fleet.submitted[-1].avoid == ("a",)


def test_where_no_node_has_room_the_cases_have_no_result(driver: Driver) -> None:
    driver.fleet.answers.extend([full_disk] * 20)
    assert driver.failure(CASES[0]).message.endswith(": cache /c: No space left on device")


def test_a_kind_whose_nodes_are_all_gone_is_waited_for_and_then_given_up(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.fleet, "nodes", list)
    monkeypatch.setattr(driver.fleet, "poll", lambda _seconds: [])
    monkeypatch.setattr(driver.run, "_wait_s", 0.05)
    assert driver.failure(CASES[0]).message == "the fleet has had no cpu node for 0.05 s (--opml-wait)"
    text = "waiting for cpu nodes, of which none is there now"
    assert driver.heard == [
        (None, Progress("waiting for it", is_waiting=True)),
        (CASES[0], Progress(text, is_waiting=True)),
    ]
    (late,) = (one for one in driver.fleet.waiting if one[1].cases[0].case.id == CASES[0].reference.id)
    monkeypatch.setattr(driver.fleet, "poll", lambda _seconds: [answered(*late)])
    assert driver.failure(CASES[2])  # nothing came of it either, and what comes late changes nothing
    assert driver.failure(CASES[0])


def test_a_kind_that_is_started_gets_another_node_where_the_only_one_has_failed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.fleet.started.add("cpu")
    monkeypatch.setattr(driver.fleet, "nodes", lambda: NODES[:1])
    monkeypatch.setattr(driver.run, "_wait_s", 0.05)
    late = case_of("int4")
    driver.fleet.waiting.clear()
    driver.fleet.answers.append(full_disk)
    reference = make_result()
    assert driver.runner.run_case(late, NO_OVERRIDES, reference=reference).result
    assert driver.fleet.submitted[-1].avoid == ("a",)  # so that it waits for a node that is not there yet
    monkeypatch.setattr(driver.fleet, "poll", lambda _seconds: [])
    monkeypatch.setitem(driver.run._avoided, f"cpu {CASES[2].id}", ("a",))
    assert driver.failure(CASES[2]).message == "the fleet has had no cpu node for 0.05 s (--opml-wait)"
    assert driver.heard[-1][1].stage == "waiting for cpu nodes, which the cluster starts"


def test_a_fault_of_ours_costs_its_unit_alone(driver: Driver) -> None:
    driver.fleet.answers.append(lambda attempt, _unit: UnitEnd(attempt, None, None, "ValueError: a bug"))
    outcomes = [driver.outcome(case) for case in CASES]
    assert [bool(outcome.failure) for outcome in outcomes].count(True) in (1, 2)
    failures = [outcome.failure.message for outcome in outcomes if outcome.failure]
    assert all("ValueError: a bug" in message for message in failures)


def test_a_case_that_nobody_knew_before_is_submitted_when_it_is_asked_for(driver: Driver) -> None:
    late = case_of("int4")
    assert not driver.run.is_submitted(Key(late.id, "cpu"))
    reference = driver.outcome(CASES[0].reference).result
    assert driver.runner.run_case(late, NO_OVERRIDES, reference=reference).result
    unit = driver.run._units[f"cpu {late.id}"]
    assert ([ordered.case for ordered in unit.cases], unit.reference) == ([late], reference)


def test_what_travels_is_of_no_machine_and_no_history(driver: Driver) -> None:
    order = driver.fleet.orders["cpu"]
    assert (order.settings.store, order.settings.json_path, order.settings.baseline) == (None, None, None)
    assert order.plan.collected_cases == ()


def test_what_was_made_elsewhere_is_not_opened_here(driver: Driver) -> None:
    for part in (driver.runner.model, driver.runner.artifact):
        with pytest.raises(UsageError, match="the run is on a fleet"):
            part(CASES[0], NO_OVERRIDES)


def test_the_end_of_a_run_ends_its_work_on_the_nodes(driver: Driver) -> None:
    driver.run.close()
    assert driver.fleet.is_closed


# --- making apart from measuring

MADE_APART = {"make_on": "v100", "cache_shared": "/c"}


def made(attempt: Attempt, _unit: UnitOrder) -> UnitEnd:
    return UnitEnd(attempt, "c", UnitAnswer({}, device=make_device("v100"), seconds=1.0))


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    monkeypatch.setattr(fleet_run, "open_fleet", PlayedFleet)
    return Driver(tmp_path, *CASES, **MADE_APART)


def test_measuring_waits_for_the_making_on_nodes_of_another_kind(apart: Driver) -> None:
    first, second = (f"make {case.reference.id}" for case in (CASES[0], CASES[2]))
    assert [(one.key, one.kind) for one in apart.fleet.submitted] == [(first, "v100"), (second, "v100")]
    apart.fleet.answers.extend([made, made])
    for case in CASES:
        assert apart.outcome(case).result
    assert [one.kind for one in apart.fleet.submitted] == ["v100", "v100", "cpu", "cpu"]
    assert {apart.fleet.orders[kind].made_on for kind in ("v100", "cpu")} == {make_device("v100")}
    assert {kind: order.settings.gpu for kind, order in apart.fleet.orders.items()} == {"v100": "v100", "cpu": "cpu"}


def test_a_making_of_a_lost_node_is_submitted_again_and_what_was_given_up_is_made_where_it_is_measured(
    apart: Driver,
) -> None:
    apart.fleet.answers.append(lost)
    again = apart.fleet.submitted[0]
    apart.fleet.answers.extend([made, lambda attempt, _unit: UnitEnd(attempt, "c", None, "ValueError: a bug")])
    for case in CASES:
        assert apart.outcome(case).result
    keys = [one.key for one in apart.fleet.submitted]
    assert keys.count(again.key) == 2
    assert [one.number for one in apart.fleet.submitted if one.kind == "cpu"] == [1, 1]


def test_where_no_node_is_left_to_make_what_is_measured_is_made_there(
    apart: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart.run, "_wait_s", 0.0)
    monkeypatch.setattr(apart.fleet, "nodes", lambda: NODES[:2])
    monkeypatch.setattr(apart.fleet, "poll", lambda _seconds: [])
    makings = list(apart.fleet.waiting)
    apart.fleet.waiting.clear()

    def poll(_seconds: float) -> list[UnitEnd]:
        if not apart.fleet.waiting:
            return []
        return [answered(*apart.fleet.waiting.popleft())]

    monkeypatch.setattr(apart.fleet, "poll", poll)
    assert apart.outcome(CASES[0]).result
    assert not apart.run._makings.is_awaited(f"make {CASES[2].reference.id}")  # the wait is not begun for each
    assert all(apart.outcome(case).result for case in CASES)
    monkeypatch.setattr(apart.fleet, "poll", lambda _seconds: [made(*making) for making in makings])
    count = len(apart.fleet.submitted)
    late = case_of("int4")
    monkeypatch.setattr(apart.fleet, "nodes", lambda: NODES)
    assert not apart.run.is_submitted(Key(late.id, "cpu"))
    assert len(apart.fleet.submitted) == count  # a making that ends late hands nothing over


def test_files_as_they_are_and_what_needs_the_device_are_not_made_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_run, "open_fleet", PlayedFleet)
    timed = case_of("filter-prune-latency-0.2")
    driver = Driver(tmp_path, timed, Case(dataset="digits", model="m.onnx", unfreeze=0), **MADE_APART)
    made_there = [ordered.case.id for _, unit in driver.fleet.waiting if unit.is_making for ordered in unit.cases]
    assert made_there == [timed.reference.id]
    assert sorted(one.kind for one in driver.fleet.submitted) == ["cpu", "v100"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"cache_shared": None}, "--opml-make-on=v100: what is made there comes to the other nodes through a shared"),
        ({"score": {"time": "total"}}, "score.time: with --opml-make-on=v100, models are not trained on the device"),
        (
            {"gate": {"training_s": {"max": 10}}},
            r"tool.opml.gate.training_s.max = 10, for .*: with --opml-make-on=v100, models are not trained",
        ),
    ],
)
def test_what_needs_the_making_on_the_device_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: dict[str, object], text: str
) -> None:
    monkeypatch.setattr(fleet_run, "open_fleet", lambda *_: pytest.fail("a cluster is asked for nothing"))
    with pytest.raises(SettingsError, match=text):
        Driver(tmp_path, *CASES, **{key: value for key, value in (MADE_APART | table).items() if value})
