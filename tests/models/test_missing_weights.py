from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.case import Case
from pytest_opml.models.applications import APPLICATIONS
from pytest_opml.models.missing_weights import missing_lines, missing_weights, unreachable
from tests.support.weights import make_weights


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


def make_case(model: str = "resnet50", technique: str = "baseline", **fields: Any) -> Case:
    return Case(**{"dataset": "digits", "model": model, "technique": technique} | fields)


def test_each_network_of_keras_whose_file_is_not_there_is_named_once(models: Path, tmp_path: Path) -> None:
    cases = [
        make_case("vgg16"),
        make_case("vgg16", "int8"),
        make_case("resnet50", "layer-transfer:resnet101"),
        make_case("vgg19", "distill:efficientnetb0", weights="mine.h5"),
        make_case("densenet121", weights="none"),
        make_case("small_cnn", weights="none"),
        make_case("efficientnet_lite0"),
    ]
    missing = missing_weights(cases, tmp_path)
    assert [(one.network, one.weights) for one in missing] == [
        ("vgg16", "imagenet"),
        ("resnet50", "imagenet"),
        ("resnet101", "imagenet"),
        ("efficientnetb0", "imagenet"),
    ]
    assert missing[0].file == models / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert missing[0].url.endswith(f"/keras-applications/vgg16/{missing[0].file.name}")
    for one in missing[:3]:
        one.file.touch()
    assert [one.network for one in missing_weights(cases, tmp_path)] == ["efficientnetb0"]


@pytest.mark.parametrize(("size", "name"), [(96, "96"), (64, "224"), ("own", "224"), ("96x128", "224")])
def test_a_file_may_depend_on_the_size_of_the_images(size: Any, name: str, tmp_path: Path) -> None:
    (missing,) = missing_weights([make_case("mobilenetv2", size=size)], tmp_path)
    assert missing.file == APPLICATIONS["mobilenetv2"].weights_file(96 if name == "96" else 224)
    assert f"_1.0_{name}_" in missing.file.name


def test_weights_that_are_trained_here_are_missing_until_they_are_stored(tmp_path: Path) -> None:
    cases = [make_case("resnet50", "layer-transfer:resnet101", weights="opml")]
    assert [one.network for one in missing_weights(cases, tmp_path)] == ["resnet50", "resnet101"]
    make_weights("resnet50", tmp_path)
    (missing,) = missing_weights(cases, tmp_path)
    assert (missing.network, missing.weights, missing.url) == ("resnet101", "opml", "")
    assert missing_lines([missing]) == [
        "weights 'opml' of resnet101 are not here; run: opml paper pretrain resnet101",
    ]


def test_the_lines_say_which_files_to_put_where(models: Path, tmp_path: Path) -> None:
    lines = missing_lines(missing_weights([make_case("vgg16"), make_case("resnet50")], tmp_path))
    assert lines[0] == f"no ImageNet weights of vgg16, resnet50 on this machine; put these files into {models}:"
    assert lines[1].startswith("  vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5  from https://")
    assert "opml paper pretrain vgg16 resnet50" in " ".join(lines)
    assert missing_lines([]) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, ""),
        (urllib.error.HTTPError("https://a", 403, "Forbidden", None, None), ""),  # type: ignore[arg-type]
        (urllib.error.URLError(OSError("no route to\nhost")), "no route to"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_server_that_answers_is_reached_whatever_it_says(
    answer: Exception | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    @contextmanager
    def urlopen(request: urllib.request.Request, timeout: float) -> Iterator[None]:
        asked.append((request.get_method(), request.full_url))
        assert timeout <= 10
        if answer:
            raise answer
        yield

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert unreachable("https://a/b.h5") == why
    assert asked == [("HEAD", "https://a/b.h5")]
