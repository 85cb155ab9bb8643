"""What Slurm says of its nodes, by the kinds that a run knows, and what gets a job one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from ...records.hardware_profiles import profile_of

# What ``sinfo`` is to say of a node in a partition.
FORMAT = "%N|%c|%T|%a|%P|%G|%f"
# States in which a node runs jobs, or would be started for one: ``sinfo`` says idle~ of one that saves energy.
_GOOD_STATES = {"allocated", "completing", "idle", "mixed", "planned", "reserved"}
# Signs behind a state that do not change what it says; not among them is *, of a node that does not answer.
_SIGNS = "~#%@^+-"
_GPU = re.compile(r"gpu:(?:([^:,()]+):)?\d+")


class SlurmNode(NamedTuple):
    """A node as a part of one partition.

    Attributes:
        is_default: whether the partition is the one of jobs that name none.
        is_up: whether it takes jobs.
        gpu_types: of its generic resources ``gpu``; empty texts for those without a type.
        features: that a job may ask for by ``--constraint``.
    """

    name: str
    cpus: int
    partition: str
    is_default: bool
    is_up: bool
    gpu_types: tuple[str, ...]
    features: tuple[str, ...]

    @property
    def kinds(self) -> dict[str, str]:
        """The types of its GPUs by their kinds; ``cpu`` where it has none.

        A type says the kind; where it says nothing, a feature may: many sites name the model there.
        """
        kinds: dict[str, str] = {}
        for gpu_type in self.gpu_types:
            named = (_profile_in(text) for text in (gpu_type, *self.features))
            kinds.setdefault(next((kind for kind in named if kind != "gpu"), "gpu"), gpu_type)
        return kinds or {"cpu": ""}


@cache  # of thousands of nodes few differ
def _profile_in(text: str) -> str:
    """The kind that a name of a site's own has in it: ``a100``, ``tesla_v100-sxm2-32gb``."""
    return profile_of(re.sub(r"[_-]", " ", text).upper())


def parse_nodes(text: str) -> list[SlurmNode]:
    """Return the nodes, once for each of their partitions.

    Args:
        text: of ``sinfo`` in ``FORMAT``.
    """
    nodes = []
    for line in text.splitlines():
        name, cpus, state, availability, partition, gres, features = line.split("|", 6)
        nodes.append(
            SlurmNode(
                name=name,
                cpus=int(cpus),
                partition=partition.rstrip("*"),
                is_default=partition.endswith("*"),
                is_up=availability == "up" and state.rstrip(_SIGNS) in _GOOD_STATES,
                gpu_types=tuple(_GPU.findall(gres)),
                features=() if features == "(null)" else tuple(features.split(",")),
            )
        )
    return nodes


def nodes_of(kind: str, nodes: Iterable[SlurmNode], options: Mapping[str, str] | None = None) -> list[SlurmNode]:
    """Return the nodes that a job for a kind may get now.

    Args:
        kind: that is asked for.
        nodes: of all kinds.
        options: of sbatch, that the user has for the kind: they say which nodes are of it. None where there are none,
            and the nodes say it themselves.
    """
    nodes = [node for node in nodes if node.is_up]
    if options is None:
        of_kind = [node for node in nodes if kind in node.kinds]
        return [node for node in of_kind if node.is_default] or of_kind  # where sbatch itself would send a job
    partitions = options.get("partition", "").split(",")
    gpu_types = _GPU.findall(options.get("gres", ""))
    return [
        node
        for node in nodes
        if (node.partition in partitions if partitions != [""] else node.is_default)
        and (not gpu_types or set(gpu_types) & {*node.gpu_types, *([""] if node.gpu_types else [])})
    ]


def job_options(kind: str, nodes: Sequence[SlurmNode]) -> dict[str, str]:
    """Return the options of sbatch that get a job a node of a kind, as far as the nodes tell.

    Args:
        kind: that is asked for; one of the nodes has it.
        nodes: of all kinds; those that are down come back, perhaps while the job waits.
    """
    of_kind = nodes_of(kind, nodes) or nodes_of(kind, [node._replace(is_up=True) for node in nodes])
    partitions = dict.fromkeys(node.partition for node in of_kind)
    options = {"partition": ",".join(partitions)}
    gpu_types = {node.kinds[kind] for node in of_kind}
    if kind != "cpu":
        options["gres"] = f"gpu:{gpu_types.pop()}:1" if len(gpu_types) == 1 and gpu_types != {""} else "gpu:1"
    # nothing can be asked for that nodes without a GPU have, or those of one of several types
    strange = (node.name for node in nodes if node.partition in partitions and kind not in node.kinds)
    if excluded := ",".join(dict.fromkeys(strange)):
        options["exclude"] = excluded
    return options
