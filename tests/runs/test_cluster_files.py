"""The files of clusters in examples/fleet: of the right form, and with the kinds of nodes that a run asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_opml.runner.fleet.node_kinds import ACCELERATOR_LABEL, kind_of
from tests.support.autoscaler import started_types
from tests.support.ci_jobs import load_yaml
from tests.support.processes import ROOT

FOLDER = ROOT / "examples" / "fleet"
KUBERAY = ROOT / "tests" / "support" / "kuberay" / "raycluster.json"

Document = dict[str, Any]


def strict(schema: Any) -> Any:
    """The schema as Kubernetes reads it with strict validation: an object has no fields but those that are named."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    # below "properties" the keys are names of fields
    parts = {
        key: {name: strict(part) for name, part in value.items()} if key in ("properties", "$defs") else strict(value)
        for key, value in schema.items()
    }
    is_object = "properties" in schema and "additionalProperties" not in schema
    return {"additionalProperties": False, **parts} if is_object else parts


def check_kuberay(document: Document) -> None:
    jsonschema.Draft202012Validator(strict(json.loads(KUBERAY.read_text("utf-8")))).validate(document)


def check_ray(document: Document) -> None:
    import ray.autoscaler

    path = Path(ray.autoscaler.__file__).with_name("ray-schema.json")
    jsonschema.Draft7Validator(json.loads(path.read_text("utf-8"))).validate(document)


FILES: dict[str, Callable[[Document], None]] = {"kuberay.yaml": check_kuberay, "ray_cluster.yaml": check_ray}


def document_of(name: str) -> Document:
    document: Document = load_yaml((FOLDER / name).read_text("utf-8"))
    return document


def cluster_of(name: str) -> Document:
    """The cluster that Ray's autoscaler reads from a file."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
    from ray.autoscaler._private.util import prepare_config, validate_config

    config: Document
    if name == "kuberay.yaml":
        document = document_of(name)
        document["metadata"]["namespace"] = "default"
        config = _derive_autoscaling_config_from_ray_cr(document)
    else:
        config = prepare_config(document_of(name))
    validate_config(config)
    return config


def node_types(name: str) -> dict[str, Document]:
    config = cluster_of(name)
    return {key: value for key, value in config["available_node_types"].items() if key != config["head_node_type"]}


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_of_the_right_form(name: str) -> None:
    FILES[name](document_of(name))


MISSPELT: dict[str, tuple[str, Callable[[Document], object]]] = {
    "kuberay: of the cluster": ("kuberay.yaml", lambda file: file["spec"].update(enableInTreeAutoscalling=True)),
    "kuberay: of a group": ("kuberay.yaml", lambda file: file["spec"]["workerGroupSpecs"][0].update(minReplica=0)),
    "kuberay: of a toleration": (
        "kuberay.yaml",
        lambda file: file["spec"]["workerGroupSpecs"][0]["template"]["spec"]["tolerations"][0].update(
            efect="NoSchedule"
        ),
    ),
    "kuberay: of a container": (
        "kuberay.yaml",
        lambda file: file["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0].update(enviroment=[]),
    ),
    "kuberay: a number for a text": (
        "kuberay.yaml",
        lambda file: file["spec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
    ),
    "ray: of the cluster": ("ray_cluster.yaml", lambda file: file.update(idle_timeout_minute=5)),
    "ray: of a type": ("ray_cluster.yaml", lambda file: file["available_node_types"]["v100"].update(min_worker=0)),
    "ray: of the containers": ("ray_cluster.yaml", lambda file: file["docker"].update(images="x")),
}


@pytest.mark.parametrize("change", MISSPELT)
def test_a_misspelt_key_is_noticed(change: str) -> None:
    name, misspell = MISSPELT[change]
    document = document_of(name)
    misspell(document)
    with pytest.raises(jsonschema.ValidationError):
        FILES[name](document)


@pytest.mark.parametrize("name", FILES)
def test_the_autoscaler_has_a_type_of_node_for_each_kind_and_starts_none_by_itself(name: str) -> None:
    types = node_types(name)
    kinds = {key: kind_of(one["labels"]) for key, one in types.items()}
    assert kinds == {"v100": "v100", "a100": "a100", "cpu": "cpu", "making": "cpu"}
    assert {one["min_workers"] for one in types.values()} == {0}
    for key, one in types.items():
        assert one["max_workers"] > 0
        assert one["resources"]["CPU"] >= 8
        assert (one["resources"].get("GPU", 0) > 0) == (ACCELERATOR_LABEL in one["labels"]), key
    assert {key for key, one in types.items() if one["labels"]["ray.io/market-type"] == "spot"} == {"making"}


STARTED = {
    ("kuberay.yaml", "v100"): {"v100": 2},
    ("kuberay.yaml", "a100"): {"a100": 2},
    ("kuberay.yaml", "cpu"): {"cpu": 2},
    ("kuberay.yaml", "h100"): {},
    ("ray_cluster.yaml", "v100"): {"v100": 2},
    ("ray_cluster.yaml", "a100"): {"a100": 1},  # of which there is one at the most
    ("ray_cluster.yaml", "cpu"): {"cpu": 2},
    ("ray_cluster.yaml", "h100"): {},
}


@pytest.mark.parametrize(("name", "kind"), STARTED)
def test_the_autoscaler_starts_the_nodes_that_a_run_asks_for(name: str, kind: str) -> None:
    assert started_types(cluster_of(name), kind) == STARTED[name, kind]


def test_the_heads_run_nothing_and_ask_for_a_token() -> None:
    spec = document_of("kuberay.yaml")["spec"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert spec["authOptions"]["mode"] == "token"
    assert spec["autoscalerOptions"]["version"] == "v2"
    file = document_of("ray_cluster.yaml")
    assert file["available_node_types"][file["head_node_type"]]["resources"] == {"CPU": 0}
    assert "--env=RAY_AUTH_MODE=token" in file["docker"]["run_options"]
    assert file["available_node_types"]["making"]["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
