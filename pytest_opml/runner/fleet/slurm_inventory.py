"""The nodes of a cluster of Slurm's by their kinds, as ``sinfo`` has said within the last ten seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from . import slurm_nodes
from .base import FleetNode
from .slurm_client import SlurmError, list_nodes
from .slurm_nodes import SlurmNode

_LOOK_S = 10.0  # between two questions for the nodes


class SlurmInventory:
    """The nodes that take jobs, and the user's word on their kinds.

    What is asked for each attempt is worked out once for each answer of ``sinfo``: there may be thousands of nodes.

    Args:
        options: of sbatch by the kinds of nodes, where the user has some.

    Raises:
        SlurmError: Slurm does not say which nodes there are.
    """

    def __init__(self, options: Mapping[str, Mapping[str, str]]) -> None:
        self._options = options
        self._take(list_nodes())

    def _take(self, nodes: list[SlurmNode]) -> None:
        self._listed, self._looked_at = nodes, time.monotonic()
        self._nodes: list[FleetNode] | None = None
        self._nodes_of: dict[str, list[FleetNode]] = {}
        self._job_options: dict[str, Mapping[str, str]] = {}

    def _look(self) -> None:
        """Ask for the nodes again, if the last answer is old."""
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            with suppress(SlurmError):  # of a controller that restarts nothing is heard for a while
                self._take(list_nodes())

    def nodes(self) -> list[FleetNode]:
        """Return the nodes; one of several kinds once for each."""
        self._look()
        if self._nodes is None:
            kinds = dict.fromkeys(self._options)
            kinds |= dict.fromkeys(kind for node in self._listed for kind in node.kinds)
            self._nodes = [node for kind in kinds for node in self._of(kind)]
        return self._nodes

    def nodes_of(self, kind: str) -> list[FleetNode]:
        """Return the nodes of a kind."""
        self._look()
        return self._of(kind)

    def _of(self, kind: str) -> list[FleetNode]:
        if kind not in self._nodes_of:
            of_kind = slurm_nodes.nodes_of(kind, self._listed, self._options.get(kind))
            cpus = {node.name: node.cpus for node in of_kind}
            self._nodes_of[kind] = [FleetNode(name, kind, number) for name, number in cpus.items()]
        return self._nodes_of[kind]

    def job_options(self, kind: str, avoid: Sequence[str]) -> dict[str, str]:
        """Return the options of sbatch that get a job a node of a kind.

        Args:
            kind: of node; one has it.
            avoid: names of nodes that the job must not go to.
        """
        self._look()
        if kind not in self._job_options:
            of_user = self._options.get(kind)
            self._job_options[kind] = slurm_nodes.job_options(kind, self._listed) if of_user is None else of_user
        options = dict(self._job_options[kind])
        excluded = dict.fromkeys([*filter(None, options.get("exclude", "").split(",")), *avoid])
        return options | ({"exclude": ",".join(excluded)} if excluded else {})
