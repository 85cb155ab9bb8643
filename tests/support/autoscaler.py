"""What Ray's autoscaler is told of a task that waits for a node, and what it starts for it."""

from __future__ import annotations

from typing import Any

from pytest_opml.runner.fleet.node_kinds import ACCELERATOR_LABEL, label_values


def waiting_request(kind: str) -> Any:
    """Return the request of a task for a node of a kind, as the cluster passes it on."""
    from ray._raylet import IMPLICIT_RESOURCE_PREFIX
    from ray.core.generated.autoscaler_pb2 import ResourceRequest
    from ray.core.generated.common_pb2 import LabelSelectorOperator

    is_cpu = kind == "cpu"
    resources = {"CPU": 1.0, f"{IMPLICIT_RESOURCE_PREFIX}opml_slot": 1.0} | ({} if is_cpu else {"GPU": 1.0})
    request = ResourceRequest(resources_bundle=resources)
    constraint = request.label_selectors.add().label_constraints.add()
    constraint.label_key = ACCELERATOR_LABEL
    constraint.operator = LabelSelectorOperator.Value("LABEL_OPERATOR_NOT_IN" if is_cpu else "LABEL_OPERATOR_IN")
    constraint.label_values.extend(label_values(kind))
    return request


def started_types(config: dict[str, Any], kind: str) -> dict[str, int]:
    """Return how many nodes of which types the autoscaler starts for two tasks that wait for a kind.

    Args:
        config: of the cluster, as ``ray up`` takes it.
        kind: of node.
    """
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.core.generated.autoscaler_pb2 import ResourceRequestByCount

    read = AutoscalingConfig(config, skip_content_hash=True)
    reply = ResourceDemandScheduler(None).schedule(
        SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs=read.get_node_type_configs(),
            max_num_nodes=read.get_max_num_nodes(),
            resource_requests=[ResourceRequestByCount(request=waiting_request(kind), count=2)],
        )
    )
    return {one.instance_type: one.count for one in reply.to_launch}
