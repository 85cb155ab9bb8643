"""The nodes that a cluster starts when somebody asks for them, and the wait for them.

No cluster says what kinds of nodes it could start. But its autoscaler (Ray's second version, which heeds labels) says
of each task that waits whether it can start a node for it. So a kind without a node is asked for, and its answer read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ...errors import DeviceError, one_line
from .node_kinds import ACCELERATOR_LABEL, label_values

_LOOK_S = 0.5
_ANSWER_S = 60.0  # it looks every 5 s, unless its cloud keeps it waiting


class NodeTypes:
    """What the autoscaler of a cluster can start; nothing where the cluster has none.

    Args:
        client: of the cluster's control store; None where the cluster has no autoscaler that heeds labels.
    """

    def __init__(self, client: Any | None) -> None:
        self._client = client
        self._started: set[str] = set()

    def starts(self, kind: str) -> bool:
        """Return whether the cluster starts nodes of a kind, which had none when it was checked."""
        return kind in self._started

    def check(self, kinds: Sequence[str], nodes: Callable[[], Iterable[str]]) -> None:
        """Refuse kinds that no node has and that the cluster cannot start.

        Args:
            kinds: of node, for each of which a task waits.
            nodes: returns the kinds of the nodes that are there.

        Raises:
            DeviceError: a kind is missing, or the autoscaler does not answer.
        """
        missing, started = self._verdicts(kinds, nodes)
        self._started = missing & started
        if refused := [kind for kind in kinds if kind in missing - started]:
            raise DeviceError(f"--opml-gpu={','.join(refused)}: not in the fleet, which {self._described(nodes())}")

    def _verdicts(self, kinds: Sequence[str], nodes: Callable[[], Iterable[str]]) -> tuple[set[str], set[str]]:
        """Return the kinds that no node has, and of which kinds the cluster starts some."""
        deadline = time.monotonic() + _ANSWER_S
        verdicts = _Verdicts(kinds)
        while missing := set(kinds).difference(nodes()):
            if self._client is None:
                verdicts.refused |= missing
            else:
                verdicts.add(_read_status(self._client))
            if missing <= verdicts.refused | verdicts.started:
                break
            if time.monotonic() > deadline:
                names = ",".join(sorted(missing))
                raise DeviceError(
                    f"--opml-gpu={names}: no node has it, and the cluster's autoscaler has not said within "
                    f"{_ANSWER_S:g} s whether it can start one; see `ray status` there"
                )
            time.sleep(_LOOK_S)
        return missing, verdicts.started

    def _described(self, nodes: Iterable[str]) -> str:
        there = ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(nodes).items()))
        can_start = f", and can start {', '.join(sorted(self._started))}" if self._started else ""
        return f"has {there or 'no node that takes tasks'}{can_start}"

    def failures(self) -> list[str]:
        """Return the names of the node types of which the cluster could not start a node; it does not say why."""
        if self._client is None:
            return []
        try:
            failed = _read_status(self._client).autoscaling_state.failed_instance_requests
        except DeviceError:  # it is said that there is no node, in any case
            return []
        return sorted({one.ray_node_type_name for one in failed})


class _Verdicts:
    """What the autoscaler says of the tasks that wait, by the kind of node that they are for.

    Attributes:
        started: the kinds that it starts nodes of.
        refused: those that it cannot start.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._kinds = {(kind == "cpu", frozenset(label_values(kind))): kind for kind in kinds}
        self._asked_at: dict[str, int] = {}
        self.started: set[str] = set()
        self.refused: set[str] = set()

    def add(self, status: Any) -> None:
        """Take in what it has said by now."""
        state, demand = status.autoscaling_state, status.cluster_resource_state
        waiting: Counter[str] = Counter()
        for one in demand.pending_resource_requests:
            waiting[self._kind_of(one.request)] += one.count
        cannot = Counter(map(self._kind_of, state.infeasible_resource_requests))
        for kind in waiting:
            asked_at = self._asked_at.setdefault(kind, demand.cluster_resource_state_version)
            if state.last_seen_cluster_resource_state_version >= asked_at:
                # of many tasks it starts nodes for some, as far as its limits go
                (self.refused if cannot[kind] >= waiting[kind] else self.started).add(kind)

    def _kind_of(self, request: Any) -> str:
        from ray.core.generated.common_pb2 import LabelSelectorOperator

        for selector in request.label_selectors:
            for one in selector.label_constraints:
                is_negated = one.operator == LabelSelectorOperator.LABEL_OPERATOR_NOT_IN
                if one.label_key == ACCELERATOR_LABEL:
                    return self._kinds.get((is_negated, frozenset(one.label_values)), "")
        return ""


class StartsNodes(Protocol):
    """What a wait asks of whoever starts nodes."""

    def starts(self, kind: str) -> bool:
        """Return whether nodes of a kind are started when they are asked for."""
        ...

    def failures(self) -> list[str]:
        """Return the names of the node types of which no node could be started."""
        ...


class NodeWait:
    """The wait for a node of a kind, which says what it waits for, and ends.

    Args:
        seconds: without a node, after which it is over.
        starter: starts nodes that are asked for.
        tell: is told once, each time that none is there any more.

    Attributes:
        tell: as it was given, for what else whoever waits should know.
    """

    def __init__(self, seconds: float, starter: StartsNodes, tell: Callable[[str], None]) -> None:
        self._seconds, self._starter, self.tell = seconds, starter, tell
        self._kind, self._since, self._is_told = "", time.monotonic(), False

    def end(self, kind: str, *, is_there: bool) -> str:
        """Return why it is over, in one line; nothing as long as it is not.

        Args:
            kind: of node; where it is another than before, the wait begins anew.
            is_there: whether a node of the kind is there now.
        """
        if is_there or kind != self._kind:
            self._kind, self._since, self._is_told = kind, time.monotonic(), False
        if is_there:
            return ""
        is_started = self._starter.starts(kind)
        if not self._is_told:
            self._is_told = True
            how = "which the cluster starts" if is_started else "of which none is there now"
            self.tell(f"waiting for {kind} nodes, {how}")
        if time.monotonic() - self._since < self._seconds:
            return ""
        failures = self._starter.failures() if is_started else []
        why = f"; it failed to start {', '.join(failures)}: its autoscaler's log says why" if failures else ""
        return f"the fleet has had no {kind} node for {self._seconds:g} s (--opml-wait){why}"


def _read_status(client: Any) -> Any:
    """Return what the cluster and its autoscaler know of each other; Ray's own reader leaves out what is refused.

    Raises:
        DeviceError: the cluster does not answer.
    """
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
    from ray.exceptions import RayError

    try:
        return GetClusterStatusReply.FromString(client.get_cluster_status(timeout_s=_ANSWER_S))
    except RayError as error:
        raise DeviceError(f"--opml-fleet: the cluster does not answer any more: {one_line(error)}") from error
