"""Heads of clusters of Ray's on this machine, with token or without, and with an autoscaler that starts nodes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FAKE_HEAD_NODE_TYPE,
    FakeMultiNodeProvider,
)

from tests.support.processes import python_path

_PRETENDED = Path(__file__).with_name("pretended")
_START_S = 60
_STORE_BYTES = 150 * 2**20
_LISTS = (
    *("cluster_synced_files", "rsync_exclude", "rsync_filter"),
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands"),
)


class Provider(FakeMultiNodeProvider):
    """Starts nodes on this machine, but none of a type that is out of stock."""

    def create_node_with_resources_and_labels(
        self, node_config: Any, tags: Any, count: int, resources: Any, labels: Any
    ) -> None:
        if node_config.get("is_out_of_stock"):
            raise RuntimeError("InsufficientInstanceCapacity: none is left")
        super().create_node_with_resources_and_labels(node_config, tags, count, resources, labels)


class Place(NamedTuple):
    """Where a head listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@contextmanager
def started_head(
    *options: str, variables: Mapping[str, str] | None = None, place: Place | None = None
) -> Iterator[str]:
    """Start the head of a cluster, and end it and all that it has started after the block.

    ``ray stop`` would end every cluster of this machine.

    Args:
        options: of ``ray start``.
        variables: of the environment, beside those of this process.
        place: where it listens; None for a free port.

    Yields:
        Its address, as ``--opml-fleet`` takes it.
    """
    place = place or free_place()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as name:  # sockets have short paths
        folder = Path(name)
        command = [
            *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--include-dashboard=false"),
            *(f"--node-ip-address={place.host}", f"--port={place.port}"),
            *(f"--ray-client-server-port={free_place().port}", f"--temp-dir={folder}"),
            *(f"--object-store-memory={_STORE_BYTES}", *options),
        ]
        own = {"PYTHONPATH": os.pathsep.join((str(_PRETENDED), python_path())), **(variables or {})}
        log = folder / "head.log"
        with log.open("w") as output:
            head = subprocess.Popen(command, env=os.environ | own, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + _START_S
            while "Ray runtime started" not in log.read_text():
                assert head.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield str(place)
        finally:
            _end(head, folder)


def free_place() -> Place:
    """Return a port of this machine on which nobody listens."""
    from ray.util import get_node_ip_address

    with socket.socket() as one:
        one.bind(("", 0))
        return Place(get_node_ip_address(), one.getsockname()[1])


def _end(head: subprocess.Popen[bytes], folder: Path) -> None:
    """End a head and the nodes that its autoscaler has started, which all name its folder."""
    processes = psutil.Process(head.pid).children(recursive=True) if head.poll() is None else []
    head.kill()
    head.wait()
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            processes += [process, *_children(process)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=20)


def _children(process: psutil.Process) -> Sequence[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return ()


@contextmanager
def growing_fleet(kinds: Mapping[str, int], out_of_stock: Sequence[str] = (), idle_s: float = 10) -> Iterator[str]:
    """Start a cluster of a head that runs nothing, and an autoscaler that starts nodes as they are asked for.

    Args:
        kinds: the most nodes of each kind.
        out_of_stock: kinds whose nodes cannot be started, though there is a type of them.
        idle_s: after which a node that does nothing is ended.

    Yields:
        Its address, as ``--opml-fleet`` takes it.
    """
    place = free_place()
    config = {
        "cluster_name": "growing",
        "max_workers": sum(kinds.values()),
        "idle_timeout_minutes": idle_s / 60,
        "upscaling_speed": 1.0,
        "provider": {
            "type": "external",
            "module": f"{__name__}.{Provider.__name__}",
            "gcs_address": str(place),
            "head_node_id": FAKE_HEAD_NODE_ID,
            "launch_multiple": True,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "head_node_type": FAKE_HEAD_NODE_TYPE,
        "available_node_types": {
            FAKE_HEAD_NODE_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            **{kind: _node_type(kind, most, kind in out_of_stock) for kind, most in kinds.items()},
        },
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        **{name: [] for name in _LISTS},
    }
    variables = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        options = (f"--autoscaling-config={file.name}", "--num-cpus=0")
        with started_head(*options, variables=variables, place=place) as address:
            yield address


def _node_type(kind: str, most: int, is_out_of_stock: bool) -> dict[str, Any]:
    is_cpu = kind == "cpu"
    return {
        "resources": {"CPU": 2, "object_store_memory": _STORE_BYTES} | ({} if is_cpu else {"GPU": 1}),
        "labels": {} if is_cpu else {"ray.io/accelerator-type": kind.upper()},
        "node_config": {"is_out_of_stock": True} if is_out_of_stock else {},
        "min_workers": 0,
        "max_workers": most,
    }
