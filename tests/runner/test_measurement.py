from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.datasets.held_out import HeldOut
from pytest_opml.errors import CaseFailed, ModelFileError, ThreadsError
from pytest_opml.measure.busy_cores import BusyCores
from pytest_opml.measure.device import detect
from pytest_opml.measure.sizes import measure_file
from pytest_opml.records.device import Device, GpuUse
from pytest_opml.records.result import Conditions, Latency, OtherLoad, Result, WarmUp
from pytest_opml.runner import measurement, tasks
from pytest_opml.runner.builder import UNTRAINED
from pytest_opml.runner.measurement import client_notes, size_notes, timing_notes
from pytest_opml.runner.tasks import BuiltCase, make_artifact, measure_artifact, measure_when_quiet
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit
from tests.support.builders import make_conditions, make_device
from tests.support.fake_nvml import FakeNvml, v100
from tests.support.inputs import prepared
from tests.support.workbench import Workbench

MakeCase = Callable[..., Case]


@pytest.fixture(scope="module")
def result(make_case: MakeCase, workbench: Workbench) -> Result:
    return workbench.measure(make_case())


def test_every_figure_belongs_to_the_file(result: Result, make_case: MakeCase, workbench: Workbench) -> None:
    path = workbench.make(make_case()).path
    content = path.read_bytes()
    data = prepared(make_case())
    predicted = open_artifact(path, threads=2).predict(data.x_test.take(np.arange(599))).argmax(axis=1)
    assert result.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert result.artifact.size_bytes == len(content) == result.size_mb * 1e6
    assert result.artifact.deflated_bytes == pytest.approx(len(zlib.compress(content)), rel=0.01)
    assert result.accuracy.value == np.mean(predicted == data.y_test)
    assert result.test_samples == len(data.y_test)


def test_time_is_the_median_pass_scaled_to_the_reference_test_set(result: Result) -> None:
    assert len(result.passes_s) == 10
    scale = result.reference_samples / result.test_samples
    assert result.inference_s.value == pytest.approx(float(np.median(result.passes_s)) * scale)
    assert (
        min(result.passes_s) * scale
        <= result.inference_s.low
        <= result.inference_s.high
        <= max(result.passes_s) * scale
    )


def test_the_score_follows_from_the_three_axes(result: Result) -> None:
    score = math.log10((1 - result.accuracy.value) * result.inference_s.value * result.size_mb)
    assert result.op_score.value == pytest.approx(score)
    assert result.op_score.low < score < result.op_score.high


def test_latency_has_enough_samples_for_its_percentiles(result: Result) -> None:
    latency = result.latency_ms
    assert latency.samples == 662
    assert latency.p50 is not None
    assert latency.p90 is not None
    assert latency.p99 is not None
    assert 0 < latency.p50 <= latency.p90 <= latency.p99


def test_the_rest_is_there_too(result: Result) -> None:
    assert 0 < result.auc <= 1
    assert min(result.recall, result.precision, result.f1) > 0
    assert result.artifact.parameters > 10_000
    assert result.artifact.layers > 5
    assert result.memory.peak_bytes > result.memory.added_bytes >= 0
    assert (result.preparation_s, result.artifact.changes) == (0.0, {})
    assert len(result.training.epochs) == 2


def test_techniques_share_one_trained_model(make_case: MakeCase, workbench: Workbench) -> None:
    models = workbench.entries("model")
    clustered = workbench.make(make_case("cluster-16"))
    assert clustered.training == workbench.make(make_case()).training
    assert workbench.entries("model") == models
    assert clustered.preparation_s > 0


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"seed": 1}, {"unfreeze": 2}, {"batch": 64}, {"split": "70-30"}, {"size": 8}]
)
def test_what_changes_the_model_changes_its_place_in_the_cache(
    make_case: MakeCase, workbench: Workbench, change: dict[str, object]
) -> None:
    assert workbench.make(make_case(**change)).path != workbench.make(make_case()).path


def test_what_ran_and_what_the_hardware_does_for_it_are_recorded(make_case: MakeCase, workbench: Workbench) -> None:
    pytest.importorskip("openvino")
    result = workbench.measure(make_case("openvino-int8"))
    artifact = result.artifact
    assert (artifact.format, artifact.runtime, artifact.file) == ("openvino", "openvino", "model")
    assert (artifact.execution["device"], artifact.execution["precision"]) == ("cpu", "f32")
    assert list(artifact.arithmetic) == ["openvino int8"]
    assert 0.01 < artifact.arithmetic["openvino int8"] < 100
    finished = make_case(model=str(workbench.make(make_case("openvino")).path), unfreeze=0, precision="auto")
    again = workbench.measure(finished).artifact
    assert (again.format, again.arithmetic) == ("openvino", {})
    assert again.execution["precision"] in ("f32", "bf16", "f16")


def test_another_machine_trains_for_itself(make_case: MakeCase, workbench: Workbench) -> None:
    other = workbench.on(workbench.device.model_copy(update={"cpu": "another"}))
    assert other.make(make_case()).path != workbench.make(make_case()).path


@pytest.mark.parametrize(
    ("weights", "seconds"),
    [
        ({"training": 1.0}, lambda r: r.training_s),
        ({"inference": 1.0, "training": 1.0}, lambda r: r.training_s + r.inference_s.value),
        ({"inference": 0.7, "training": 0.3}, lambda r: 0.3 * r.training_s + 0.7 * r.inference_s.value),
    ],
)
def test_the_score_can_take_another_time(
    make_case: MakeCase, workbench: Workbench, weights: dict[str, float], seconds: Callable[[Result], float]
) -> None:
    result = workbench.planned(time_weights=weights).measure(make_case())
    assert result.op_score.log_seconds == pytest.approx(math.log10(seconds(result)))


def test_weights_that_are_not_there_are_named(make_case: MakeCase, workbench: Workbench) -> None:
    with pytest.raises(ModelFileError, match=r"weights /no/such/file: no such file"):
        workbench.make(make_case(weights="/no/such/file"))


def test_nothing_is_measured_that_is_not_there(make_case: MakeCase, workbench: Workbench, tmp_path: Path) -> None:
    paths = replace(workbench.paths, case_dir=tmp_path)
    with pytest.raises(CaseFailed, match=r"the artifact was removed before it was measured$"):
        measure_artifact(make_case(), BuiltCase(artifact="0" * 32), workbench.plan, paths)


@pytest.mark.parametrize(("technique", "megabytes"), [("baseline", 16.3), ("float16", 8.2), ("cluster-8192", 8.9)])
def test_the_papers_smallest_network_runs_under_each_of_its_techniques(
    technique: str, megabytes: float, workbench: Workbench
) -> None:
    common = {"dataset": "digits", "model": "efficientnetb0", "weights": "none", "size": 32, "subset": 60, "epochs": 1}
    case = Case.model_validate(common | {"technique": technique})
    built = workbench.make(case)
    assert measure_file(built.path).size_bytes / 1e6 == pytest.approx(megabytes, rel=0.05)
    assert bool(built.changes) == (technique != "baseline")
    answers = open_artifact(built.path, threads=2).predict(prepared(case).x_test.take([0, 1]))
    assert np.allclose(answers.sum(axis=1), 1, atol=0.01)


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        ("float16", "the model was trained in float32, and half precision saves space here, not time"),
        ("float16+cluster-16", "the model was trained in float32, and half precision saves space here, not time"),
        ("float16,train=mixed", "half precision saves space here, not time"),
        ("float16,train=float32", "half precision saves space here, not time"),
        ("cluster-16+float16", "half precision saves space here, not time"),
        ("cluster-16", None),
    ],
)
def test_a_device_without_half_precision_is_noted_with_what_it_meant_for_the_training(
    make_case: MakeCase, workbench: Workbench, technique: str, words: str | None
) -> None:
    device = workbench.device.model_copy(update={"float16_in_hardware": False})
    result = workbench.on(device).measure(make_case(technique))
    noted = [note for note in result.notes if "float16" in note]
    assert noted == ([f"this device has no float16 arithmetic: {words}"] if words else [])
    assert result.training.policy == ("mixed_float16" if technique == "float16,train=mixed" else "float32")


def test_a_device_with_half_precision_is_not_noted(make_case: MakeCase, workbench: Workbench) -> None:
    device = workbench.device.model_copy(update={"float16_in_hardware": True})
    result = workbench.on(device).measure(make_case("float16"))
    assert not [note for note in result.notes if "float16" in note]
    assert result.training.policy == "mixed_float16"


# --- how it was timed


def test_a_candidate_is_timed_beside_its_reference(make_case: MakeCase, workbench: Workbench) -> None:
    workbench.make(make_case())
    result = workbench.planned(vs_reference=SamplingPlan(seconds=0.3)).measure(make_case("cluster-16"))
    assert result.vs_reference is not None
    assert result.vs_reference.reference == make_case().id
    for ratio in (result.vs_reference.offline, result.vs_reference.single):
        assert 0.2 < ratio.value < 5  # the same graph with other weights
        assert ratio.low <= ratio.value <= ratio.high
        assert ratio.quads >= 3
        assert ratio.seconds >= 0.3


def test_a_candidate_s_time_is_its_reference_s_times_the_ratio(
    make_case: MakeCase, workbench: Workbench, result: Result
) -> None:
    # as if the machine had been a hundred times as slow when the reference was measured, as no other work makes it
    seconds, latency = result.inference_s.scaled(100.0), result.latency_ms
    slow = result.model_copy(update={"inference_s": seconds})
    limits = {"inference_s": (TimeLimit(1e-6, above=True),)}
    plan = SamplingPlan(seconds=0.3, limits=limits, max_seconds=4.0)
    case = make_case("cluster-16")
    candidate = workbench.planned(vs_reference=plan, on_times=plan, reference=slow).measure(case)
    times = candidate.vs_reference
    assert times is not None
    assert latency.p50 is not None
    assert candidate.inference_s.value == pytest.approx(seconds.value * times.offline.value)
    assert candidate.inference_s.low < seconds.low * times.offline.value
    assert candidate.latency_ms.p50 == pytest.approx(latency.p50 * times.single.value)
    assert candidate.op_score.log_seconds == pytest.approx(math.log10(candidate.inference_s.value))
    own = float(np.median(candidate.passes_s)) * candidate.reference_samples / candidate.test_samples
    assert candidate.inference_s.value > 10 * own
    # the limit was decided in turn with the reference, and the passes are as many as give a figure
    assert 3 <= len(candidate.passes_s) <= 10
    assert len(candidate.passes_s) in (3, 10) or sum(candidate.passes_s) >= 1.0
    assert times.offline.repeat is not None
    assert times.single.repeat is None
    assert candidate.sampling["inference_s"].repeat == pytest.approx(seconds.value * times.offline.repeat)


def test_it_is_timed_alone_where_that_is_wanted(make_case: MakeCase, workbench: Workbench) -> None:
    workbench.make(make_case())
    result = workbench.planned(vs_reference=SamplingPlan(seconds=0.0)).measure(make_case("cluster-16"))
    assert result.vs_reference is None


def test_it_is_timed_alone_where_the_reference_was_not_made(make_case: MakeCase, workbench: Workbench) -> None:
    case = make_case("cluster-16", seed=123)
    workbench.make(case)
    assert workbench.builder(case.reference).find() is None
    result = workbench.planned(vs_reference=SamplingPlan(seconds=0.3)).measure(case)
    assert result.vs_reference is None


def test_it_is_measured_alone_as_soon_as_the_machine_is_quiet_and_not_at_all_before(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = replace(workbench.paths, case_dir=tmp_path)
    workbench.make(make_case())
    case = make_case("cluster-16")
    built = make_artifact(case, workbench.build, paths)
    plan = replace(workbench.plan, vs_reference=SamplingPlan(seconds=0.3))
    waited: list[float] = []

    def wait(is_quiet: bool) -> None:
        def wait_for(_device: Device, longest_s: float) -> bool:
            waited.append(longest_s)
            return is_quiet

        monkeypatch.setattr(tasks, "wait_until_quiet", wait_for)

    wait(is_quiet=False)
    assert measure_when_quiet(case, built, plan, paths, 5.0) is None
    wait(is_quiet=True)
    result = measure_when_quiet(case, built, plan, paths, 6.0)
    assert result is not None
    assert (result.case, result.vs_reference) == (case, None)
    assert waited == [5.0, 6.0]


def test_what_disturbed_each_part_is_recorded(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = workbench.make(make_case())._replace(disturbed="noise")
    texts = iter([["heat"], ["work"], []])
    monkeypatch.setattr(measurement.LoadWatch, "disturbances", lambda *_: next(texts))
    monkeypatch.setattr(measurement, "of_warm_up", lambda _: ["unsteady"])
    training = built.training.model_copy(update={"disturbed": "training"})
    data = prepared(make_case())
    held_out = HeldOut(data.x_test, data.y_test, data.classes, data.task, data.columns, data.test_digest)
    result = measurement.measure(make_case(), built._replace(training=training), held_out, workbench.plan)
    assert result.conditions.disturbed == {
        "cold_start": "heat",
        "offline": "work; unsteady",
        "single": "unsteady",
        "training": "training",
        "preparation": "noise",
    }


def test_a_cold_start_is_apart_from_what_is_timed_warm(result: Result) -> None:
    assert result.cold_start.load_s > 0
    assert result.latency_ms.p50 is not None
    # the first call of a graph optimises it, which takes many times what an answer takes
    assert result.cold_start.first_call_s * 1e3 > 2 * result.latency_ms.p50


def test_the_conditions_are_recorded(result: Result, workbench: Workbench) -> None:
    found = result.conditions
    assert (found.batch, found.threads, found.gpu_use) == (128, workbench.device.threads, None)
    assert found.busy_cores is None or 0 < found.busy_cores <= found.threads + 0.2
    assert found.offline_warm_up.rounds >= 3
    assert found.single_warm_up.rounds >= 3
    assert found.other_load.cores >= 0
    assert result.memory.device_peak_bytes is None
    assert result.energy_j is None
    assert result.throughput == pytest.approx(10_000 / result.inference_s.value)


def test_times_of_a_runtime_that_does_not_keep_to_its_threads_are_no_result(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench.make(make_case())
    monkeypatch.setattr(BusyCores, "cores", 2.6)
    with pytest.raises(ThreadsError, match=r"^keras kept 2\.60 cores busy while it was timed, with 2 threads"):
        workbench.measure(make_case())


def test_a_gpu_is_watched_while_the_passes_run(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow computes on the CPU here; the driver that is asked is the one of a V100 that gets too hot
    used = [5_000_000 + 10_000 * sample for sample in range(30)]
    gpu = v100(energy_mj=used, temperature_c=[60, 84], throttle_bits=[0, 0x20], processes=[[1]])
    FakeNvml(gpu).install(monkeypatch)
    device = detect("v100", 2)
    result = workbench.on(device).measure(make_case())
    use = result.conditions.gpu_use
    assert use is not None
    assert use.samples == len(result.passes_s) + 2
    assert use.energy_j == pytest.approx(10.0 * (use.samples - 1))
    assert result.energy_j == pytest.approx(use.energy_j * 10_000 / (len(result.passes_s) * 599))
    assert use.max_temperature_c == 84
    assert "the GPU was throttled (software thermal slow-down) while this was timed" in result.notes


def conditions(**changes: object) -> Conditions:
    return make_conditions().model_copy(update=changes)


LATENCY = Latency(p50=1.0, p90=1.1, p99=1.2, samples=662)
UNSTEADY = WarmUp(rounds=50, settled=False)


@pytest.mark.parametrize(
    ("found", "latency", "words"),
    [
        (conditions(), LATENCY, None),
        (conditions(other_load=OtherLoad(cores=0.1, stolen_cores=0.1, throttle_events=0)), LATENCY, None),
        (
            conditions(other_load=OtherLoad(cores=0.94, stolen_cores=0.0, throttle_events=None)),
            LATENCY,
            "other work took 0.9 of 8 cores while this was timed",
        ),
        (
            conditions(other_load=OtherLoad(cores=0.0, stolen_cores=0.5, throttle_events=None)),
            LATENCY,
            "the hypervisor gave 0.5 of 8 cores to others while this was timed",
        ),
        (
            conditions(other_load=OtherLoad(cores=0.0, stolen_cores=0.0, throttle_events=2)),
            LATENCY,
            "a processor was slowed for its heat while this was timed",
        ),
        (conditions(offline_warm_up=UNSTEADY), LATENCY, "the last rounds of warming up did not agree within 10 %"),
        (conditions(single_warm_up=UNSTEADY), LATENCY, "the last rounds of warming up did not agree within 10 %"),
        (
            conditions(),
            Latency(p50=1.0, p90=1.1, p99=None, samples=300),
            "not enough samples for p99: 300 of 662",
        ),
        (
            conditions(gpu_use=GpuUse(seconds=1, samples=3, other_processes=(4711, 4712))),
            LATENCY,
            "other processes used the GPU (4711, 4712) while this was timed",
        ),
        (
            conditions(gpu_use=GpuUse(seconds=1, samples=3, problem="the driver is lost")),
            LATENCY,
            "the GPU could not be watched: the driver is lost",
        ),
    ],
)
def test_what_may_have_disturbed_a_timing_is_noted(found: Conditions, latency: Latency, words: str | None) -> None:
    notes = timing_notes(found, latency, make_device())
    assert len(notes) == (words is not None)
    assert all(note.startswith(words or "") for note in notes)


def test_a_file_that_is_partly_the_state_of_an_optimizer_says_so() -> None:
    (note,) = size_notes(67, 100)
    assert note.startswith("67 % of the file is the optimizer's state")
    assert size_notes(0, 100) == size_notes(12, 70_000) == []


@pytest.mark.parametrize(
    ("client", "training", "notes"),
    [
        (None, {"examples": 100}, []),
        (0, {}, []),
        (0, {"examples": 1_198}, ["trained on the 1,198 examples of client 0 of 3"]),
        (
            2,
            {"examples": 40, "absent_classes": ("cat", "dog")},
            ["trained on the 40 examples of client 2 of 3; it has no example of class cat, dog"],
        ),
        (
            1,
            {"examples": 40, "absent_classes": tuple("abcdefghijkl")},
            ["trained on the 40 examples of client 1 of 3; it has no example of 12 of the 20 classes"],
        ),
    ],
)
def test_what_a_client_had_to_learn_from_is_noted(
    client: int | None, training: dict[str, Any], notes: list[str], make_case: MakeCase
) -> None:
    trained = UNTRAINED.model_copy(update=training)
    assert client_notes(make_case(clients=3, client=client), trained, 20) == notes
