from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from pytest_opml import cli, metrics, registry
from pytest_opml.records.hardware_profiles import PROFILES


def output(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_schema_is_one() -> None:
    schema = json.loads(output("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"format_version", "device", "results", "checks"} <= set(schema["properties"])


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_names_are_listed(kind: str) -> None:
    assert output("list", f"{kind}s").split() == registry.names(kind)


def test_techniques_are_listed_with_their_options() -> None:
    lines = output("list", "techniques").splitlines()
    heads = [line for line in lines if line[:1] != " "]
    assert [registry.split_argument("technique", head).name for head in heads] == registry.names("technique")
    assert "baseline" in heads
    cluster = lines[lines.index("cluster-CLUSTERS") : lines.index("deep-compress")]
    assert cluster[1].strip().startswith("K-means over each layer's kernel")
    assert "      skip=none   layers to leave as they are: none, first, last, ends" in cluster
    assert [line.split()[0] for line in cluster if line.startswith("      ")] == ["clusters", "skip=none", "finetune=0"]
    float16 = lines[lines.index("float16") : lines.index("float16-tflite")]
    assert any(line.startswith("      train=auto  ") and line.endswith(": auto, mixed, float32") for line in float16)
    distill = lines[lines.index("distill:TEACHER") :]
    assert "      temperature=3  that softens both answers" in distill
    transfer = lines[lines.index("layer-transfer:SOURCE") :]
    assert any(line.startswith("      retrain=yes") for line in transfer)


def test_qualities_are_listed_with_what_they_are() -> None:
    lines = output("list", "qualities").splitlines()
    assert [line for line in lines if line[:1] != " "] == registry.names("quality")
    assert lines[lines.index("top5") + 1] == "    Whether the class is among the five with the highest probability."


@pytest.mark.parametrize(
    ("kind", "names", "some"),
    [
        ("qualities", registry.names("quality"), {"name": "f1", "summary": "F1, averaged over the classes or labels."}),
        ("models", registry.names("model"), {"name": "vgg16"}),
        ("datasets", registry.names("dataset"), {"name": "digits"}),
        (
            "techniques",
            registry.names("technique"),
            {
                "name": "baseline",
                "usage": "baseline",
                "summary": registry.get("technique", "baseline").summary(),
                "options": [],
            },
        ),
        (
            "metrics",
            metrics.names(),
            {
                "name": "size_mb",
                "unit": "MB",
                "better": "lower",
                "percent": True,
                "machine_dependent": False,
                "run_level": False,
            },
        ),
        (
            "gpus",
            list(PROFILES),
            {
                "name": "l4",
                "patterns": [r"\bL4\b"],
                "compute_capability": "8.9",
                "memory_gb": 24,
                "bandwidth_gb_s": 300,
                "float32_tflops": 30.3,
                "float16_tflops": 121,
                "int8_tops": 242,
                "float16_in_hardware": True,
            },
        ),
    ],
)
def test_each_list_is_json_for_other_programs(kind: str, names: list[str], some: dict[str, object]) -> None:
    found = json.loads(output("list", kind, "--json"))
    assert [each["name"] for each in found] == names
    assert some in found


def test_the_schema_is_the_same_with_json() -> None:
    assert output("schema", "--json") == output("schema")
