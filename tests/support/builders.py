"""Records for tests, complete and plausible, of which a test names only the figures that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from pytest_opml.analysis.op_score import op_score
from pytest_opml.case import Case
from pytest_opml.measure.quality import Quality
from pytest_opml.metrics import percentiles
from pytest_opml.records.device import Device, Gpu
from pytest_opml.records.result import (
    Artifact,
    CaseOutcome,
    ColdStart,
    Conditions,
    Epoch,
    Estimate,
    Latency,
    Memory,
    OtherLoad,
    QualityFigure,
    Ratio,
    Result,
    SideBySide,
    Training,
    WarmUp,
)
from pytest_opml.records.run import Check, Commit, Failure, FailureKind, RunRecord


def make_case(technique: str = "baseline", **fields: Any) -> Case:
    """A case of the embedded default."""
    return Case(**{"dataset": "digits", "model": "efficientnet_lite0", "technique": technique} | fields)


def make_estimate(value: float, margin: float = 0.02) -> Estimate:
    """A value with an interval of ``margin`` x the value on each side."""
    return Estimate(value=value, low=value * (1 - margin), high=value * (1 + margin))


def make_passes(seconds: float = 0.05, margin: float = 0.02) -> tuple[float, ...]:
    """Forty passes, each beside one on the other side, whose median has an interval of ``margin`` x it on each side."""
    ranks = [rank for pair in zip(range(20), range(39, 19, -1), strict=True) for rank in pair]
    return tuple(seconds * (1 + margin * (rank - 19.5) / 7.5) for rank in ranks)


def make_result(
    technique: str = "baseline",
    accuracy: float = 0.9,
    inference_s: float = 10.0,
    size_mb: float = 14.0,
    *,
    case: Case | None = None,
    p50: float | None = 1.0,
    p90: float | None = 1.5,
    p95: float | None = 1.75,
    p99: float | None = 2.0,
    training_s: float = 60.0,
    preparation_s: float = 0.5,
    deflated_mb: float | None = None,
    peak_memory_mb: float = 800.0,
    test_samples: int = 500,
    **fields: Any,
) -> Result:
    """A result; ``fields`` replaces any other field of ``Result``, and the score follows from the figures."""
    case = case or make_case(technique)
    share = Estimate(value=accuracy, low=max(0.0, accuracy - 0.03), high=min(1.0, accuracy + 0.03))
    seconds = make_estimate(inference_s)
    suffix = "tflite" if "int8" in case.technique else "keras"
    given: dict[str, Any] = {
        "case": case,
        "device": make_device(),
        "data_digest": "d" * 64,
        "test_samples": test_samples,
        "classes": 10,
        "quality": QualityFigure(name="accuracy", **share.model_dump()),
        "accuracy": share,
        "recall": accuracy,
        "precision": accuracy,
        "f1": accuracy,
        "auc": (1 + accuracy) / 2,
        "inference_s": seconds,
        "passes_s": make_passes(),
        "reference_samples": 10_000,
        "latency_ms": Latency(
            percentiles=dict.fromkeys(percentiles(), 1.25) | {"p50": p50, "p90": p90, "p95": p95, "p99": p99},
            samples=700,
        ),
        "cold_start": ColdStart(load_s=0.4, first_call_s=0.1),
        "conditions": make_conditions(),
        "training": Training(
            training_s=training_s,
            training_mode="features_once",
            policy="float32",
            trained_layers=("head_dense",),
            trained_parameters=12_810,
            learning_rate=0.001,
            epochs=(Epoch(train_accuracy=accuracy, test_accuracy=accuracy),),
        ),
        "preparation_s": preparation_s,
        "artifact": Artifact(
            file=f"model.{suffix}",
            format=suffix,
            runtime="litert" if suffix == "tflite" else "keras",
            sha256="0" * 64,
            size_bytes=round(size_mb * 1e6),
            deflated_bytes=round((size_mb * 0.9 if deflated_mb is None else deflated_mb) * 1e6),
            parameters=3_400_000,
            layers=50,
            changes={},
        ),
        "memory": Memory(peak_bytes=round(peak_memory_mb * 1e6), added_bytes=100_000_000),
        "op_score": op_score(share, seconds, size_mb, samples=test_samples),
    }
    return Result(**given | fields)


def make_assessed(quality: Quality, samples: int, technique: str = "baseline", **fields: Any) -> Result:
    """A result with the quality that was assessed on so many examples; ``fields`` are those of ``make_result``."""
    result = make_result(technique, quality.quality.value, test_samples=samples, **fields)
    score = op_score(quality.quality, result.inference_s, result.size_mb, samples=samples)
    return Result(**dict(result) | quality.as_fields() | {"op_score": score})


def make_conditions(other_cores: float = 0.0) -> Conditions:
    """A quiet machine by default."""
    return Conditions(
        batch=128,
        threads=8,
        offline_warm_up=WarmUp(rounds=3, settled=True),
        single_warm_up=WarmUp(rounds=4, settled=True),
        other_load=OtherLoad(cores=other_cores, stolen_cores=0.0, throttle_events=None),
    )


def make_ratio(value: float = 0.5, half_width: float = 0.01) -> Ratio:
    """A candidate beside its reference."""
    return Ratio(
        value=value,
        low=value * (1 - half_width),
        high=value * (1 + half_width),
        error=half_width / 2.09,  # Student's 97.5 % point at 19 degrees
        degrees=19,
        quads=40,
        openings=1,
        seconds=5.0,
    )


def make_side_by_side(offline: float = 0.5, single: float = 0.6) -> SideBySide:
    """What a candidate has, and a reference has not."""
    return SideBySide(reference=make_case("baseline").id, offline=make_ratio(offline), single=make_ratio(single))


def make_failure(technique: str = "baseline", kind: FailureKind = "crash", message: str = "it fell over") -> Failure:
    """A case that ended without a result."""
    return Failure(case=make_case(technique), device=make_device(), kind=kind, message=message)


def make_device(profile: str = "v100") -> Device:
    """A machine of a profile, with one GPU unless it is ``cpu``."""
    gpu = Gpu(
        index=0,
        uuid="GPU-5fb62b6e-d59a-4b8c-bd1c-e7a2f4d45e1c",
        name=f"Tesla {profile.upper()}",
        profile=profile,
        memory_bytes=16_000_000_000,
        driver="550.54",
    )
    return Device(
        profile=profile,
        cpu="Example CPU 3 GHz",
        cores=8,
        threads=8,
        memory_bytes=32_000_000_000,
        gpus=() if profile == "cpu" else (gpu,),
        gpu=None if profile == "cpu" else gpu,
        float16_in_hardware=profile not in ("cpu", "p100"),
        platform="Linux-6.1-x86_64",
    )


def make_run(
    results: Sequence[Result] = (),
    failures: Sequence[Failure] = (),
    checks: Sequence[Check] = (),
    *,
    profile: str = "v100",
    **fields: Any,
) -> RunRecord:
    """A run; ``fields`` replaces any other field of ``RunRecord``. What is on the default device is on the run's."""
    device: Device = fields.get("device", make_device(profile))

    def here(outcome: CaseOutcome) -> CaseOutcome:
        return outcome.model_copy(update={"device": device}) if outcome.device == make_device() else outcome

    given: dict[str, Any] = {
        "run_id": "20260102-030405-abcdef",
        "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "seconds": 42.0,
        "device": device,
        "versions": {"pytest-opml": "0.1.0", "keras": "3.15.1"},
        "commit": Commit(commit="0123456789abcdef0123456789abcdef01234567", branch="main", dirty=False),
        "results": tuple(map(here, results)),
        "failures": tuple(map(here, failures)),
        "checks": tuple(checks),
        "reference_only": (),
    }
    return RunRecord(**given | fields)
