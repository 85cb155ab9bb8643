"""What refuses a run before it has cost anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import DeviceError, ModelFileError, StorageError, UsageError
from pytest_opml.models import missing_weights
from pytest_opml.models.missing_weights import MissingWeights
from pytest_opml.records.device import Device, TensorFlowBuild
from pytest_opml.runner.launchers import process
from pytest_opml.runner.plan import CollectedRun
from pytest_opml.runner.preflight import check_run
from pytest_opml.settings import build_settings
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.shared_cache import KEY
from tests.support.fake_nvml import FakeNvml, v100


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the server of workers, which is not started."""
    told: list[str] = []

    def probe(device: Device) -> TensorFlowBuild:
        told.append("probe")
        return TensorFlowBuild(version="2.21", cuda_build=False, gpus=(), xla="off", environment={})

    def start_server(*, needs_tensorflow: bool) -> None:
        told.append("start" if needs_tensorflow else "start without TensorFlow")

    monkeypatch.setattr(process, "start_server", start_server)
    monkeypatch.setattr(process, "probe", probe)
    return told


def check(root: Path, **table: Any) -> Any:
    table = {"gpu": "cpu", "store": "sqlite:///history.db", "cache_dir": "cache"} | table
    return check_run(build_settings(table, {}, root), root)


def test_a_run_that_can_begin(tmp_path: Path, asked: list[str]) -> None:
    ready = check(tmp_path, json="record.json")
    assert asked == ["start", "probe"]
    assert ready.device.profile == "cpu"
    assert ready.device.tensorflow.version == "2.21"
    assert ready.commit is None
    assert {"python", "pytest-opml", "tensorflow", "keras"} <= set(ready.versions)
    assert not (tmp_path / "record.json").exists()


def test_a_run_without_tensorflow_asks_nothing_of_it(tmp_path: Path, asked: list[str]) -> None:
    settings = build_settings({"gpu": "cpu", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    assert check_run(settings, tmp_path, CollectedRun(needs_tensorflow=False)).device.tensorflow is None
    assert asked == ["start without TensorFlow"]


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"cache_dir": "file/cache"}, StorageError),
        ({"json": "file/record.json"}, StorageError),
        ({"store": "sqlite:///file/history.db"}, StorageError),
        ({"baseline": "nowhere.json"}, StorageError),
        ({"cache_shared": "nosuch://bucket"}, StorageError),
        ({"gpu": "v100"}, DeviceError),
        ({"mlflow": "file/runs"}, UsageError),
    ],
)
def test_what_cannot_be_used_is_told_before_tensorflow_is_waited_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
    table: dict[str, Any],
    error: type[UsageError],
) -> None:
    monkeypatch.setenv(KEY, "sixteen letters!")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(error) as caught:
        check(tmp_path, **table)
    assert "\n" not in str(caught.value)
    assert asked == ["start"]


def test_a_provider_that_cannot_be_used_is_told_before_tensorflow_is_waited_for(
    tmp_path: Path, asked: list[str]
) -> None:
    settings = build_settings({"gpu": "cpu", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    with pytest.raises(DeviceError, match=r"provider=qnn: ONNX Runtime .* for qnn: pip install onnxruntime-qnn"):
        check_run(settings, tmp_path, CollectedRun(providers=("qnn",)))
    assert asked == ["start"]


def test_too_few_gpus_are_told_before_tensorflow_is_waited_for(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeNvml(v100()).install(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = build_settings({"gpu": "v100", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    with pytest.raises(DeviceError, match="devices = 2: a training can have 1 GPU of the kind v100 here"):
        check_run(settings, tmp_path, CollectedRun(devices=2))
    assert asked == ["start"]


MISSING = MissingWeights("vgg16", "imagenet", Path("models/vgg16.h5"), "https://a/vgg16.h5")
PUT = "put vgg16.h5 into models, or train some here (opml paper pretrain) and write weights='opml'"


@pytest.mark.parametrize("why", ["", "no route to host"])
def test_weights_that_cannot_be_fetched_are_told_before_anything_else(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(missing_weights, "unreachable", lambda url: asked.append(url) or why)
    settings = build_settings({"gpu": "cpu", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    plan = CollectedRun(missing_weights=(MISSING,))
    if why:
        with pytest.raises(ModelFileError) as caught:
            check_run(settings, tmp_path, plan)
        assert str(caught.value) == (
            "no ImageNet weights of vgg16: they are not on this machine and cannot be fetched (no route to host); "
            f"{PUT}"
        )
    else:
        assert check_run(settings, tmp_path, plan).notes == ()
    assert asked == ["https://a/vgg16.h5"]


def test_where_the_cache_may_hold_what_is_made_of_them_the_run_goes_on_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_weights, "unreachable", lambda _: "no route to host")
    settings = build_settings({"gpu": "cpu", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    Cache(tmp_path / "cache").entry("model", "0" * 32, lambda folder: (folder / "model.keras").touch())
    (note,) = check_run(settings, tmp_path, CollectedRun(missing_weights=(MISSING,))).notes
    assert note.endswith(f"{PUT}; cases whose artifacts the cache holds go on without them")


def test_nobody_is_asked_where_no_weights_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_weights, "unreachable", lambda _: pytest.fail("asked"))
    trained_here = MISSING._replace(weights="opml", url="")
    settings = build_settings({"gpu": "cpu", "store": "none", "cache_dir": "cache"}, {}, tmp_path)
    assert check_run(settings, tmp_path, CollectedRun(missing_weights=(trained_here,))).notes == ()
