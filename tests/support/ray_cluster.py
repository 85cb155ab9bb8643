"""A cluster of Ray's on this machine, whose nodes pretend to have accelerators."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.processes import python_path

_PRETENDED = Path(__file__).with_name("pretended")
CACHE_KEY = "0123456789abcdef" * 2  # of a shared cache, on each node
_MARK = "PRETENDED_FLEET"
_CPUS = 2  # of each node; all are cores of this machine


class PretendedFleet:
    """A head that runs nothing, and nodes.

    Attributes:
        address: of the cluster, as ``--opml-fleet`` takes it.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self._nodes: dict[Any, str] = {}

    def add(self, kind: str) -> Any:
        """Add a node of a kind, and return it."""
        variables = {"PRETENDED": "" if kind == "cpu" else kind, "OPML_CACHE_KEY": CACHE_KEY, _MARK: self.address}
        options: dict[str, Any] = {"num_cpus": _CPUS, "env_vars": variables}
        if kind != "cpu":
            options |= {"num_gpus": 1, "labels": {"ray.io/accelerator-type": kind.upper()}}
        node = self._cluster.add_node(**options)
        self._nodes[node] = kind
        return node

    def kill(self, node: Any) -> None:
        """End a node as a power cut does."""
        del self._nodes[node]
        self._cluster.remove_node(node, allow_graceful=False)

    def keep(self, kinds: Sequence[str]) -> None:
        """Replace the nodes that are missing of these kinds, one for each."""
        there = list(self._nodes.values())
        for kind in kinds:
            if kind in there:
                there.remove(kind)
            else:
                self.add(kind)

    def workers(self) -> list[psutil.Process]:
        """Return the processes in which cases are measured on its nodes, and the servers that they are forked from."""
        servers = []
        for process in psutil.process_iter(["cmdline"]):
            with suppress(psutil.Error):
                is_server = "multiprocessing.forkserver" in " ".join(process.info["cmdline"] or ())
                if is_server and process.environ().get(_MARK) == self.address:
                    servers += [process, *process.children(recursive=True)]
        return servers

    def node_of(self, kind: str) -> Any:
        """Return a node of a kind."""
        return next(node for node, own in self._nodes.items() if own == kind)


@contextmanager
def pretended_fleet(kinds: Sequence[str]) -> Iterator[PretendedFleet]:
    """Start a cluster with a node for each of these kinds, and end it after the block."""
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join((str(_PRETENDED), python_path()))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        fleet = PretendedFleet(cluster)
        fleet.keep(kinds)
        yield fleet
    finally:
        cluster.shutdown()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
