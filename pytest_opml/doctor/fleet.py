"""The checks of the cluster that the cases are to run on: whom it lets in, and the kinds of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..errors import SettingsError
from .finding import Finding

if TYPE_CHECKING:
    from ..runner.fleet.cluster_facts import ClusterFacts
    from ..settings import Settings

_TOPIC = "fleet"
_START_ONE = "start it, or write where it is: fleet = 'HOST:PORT' in [tool.opml]"
_SAME_IMAGE = "use one container image for pytest and all nodes"
_ASK_FOR_TOKENS = (
    "`ray get-auth-token --generate` writes one to ~/.ray/auth_token: put it on each machine, and start the cluster "
    "with RAY_AUTH_MODE=token (KubeRay: authOptions: mode: token)"
)


def fleet(settings: Settings) -> Iterator[Finding]:
    """Look whether the cluster that ``[tool.opml]`` names can be used; it starts no node.

    Args:
        settings: of the project, which name a cluster.

    Raises:
        MissingDependencyError: Ray is not installed.
    """
    from ..runner.fleet.cluster_facts import TokenError, read_facts
    from ..runner.fleet.fleets import SLURM

    address = str(settings.fleet)
    if address == SLURM:
        yield from _slurm(settings)
        return
    try:
        facts = read_facts(address)
    except TokenError as error:
        yield Finding(_TOPIC, "access", "problem", str(error), "ask who runs the cluster for its token")
        return
    except SettingsError as error:
        yield Finding(_TOPIC, "cluster", "problem", str(error), _START_ONE)
        return
    yield _versions(facts)
    yield _access(address)
    for kind in _kinds(settings):
        yield _nodes(kind, facts.kinds, has_autoscaler=facts.has_autoscaler)


def _kinds(settings: Settings) -> Iterable[str]:
    return dict.fromkeys(filter(None, [*settings.gpus, settings.make_on]))


def _slurm(settings: Settings) -> Iterator[Finding]:
    from ..runner.fleet.slurm_client import SlurmError, list_nodes
    from ..runner.fleet.slurm_nodes import nodes_of

    try:
        nodes = list_nodes()
    except SlurmError as error:
        text = f"Slurm does not answer here: {error}"
        yield Finding(_TOPIC, "cluster", "problem", text, "run pytest where sbatch works, as on a login node")
        return
    up = {node.name for node in nodes if node.is_up}
    yield Finding(_TOPIC, "cluster", "ok", f"Slurm, with {len(up)} of {len({node.name for node in nodes})} nodes up")
    kinds = {kind for node in nodes for kind in node.kinds} | {*settings.slurm, *_kinds(settings)}
    of_kinds = {kind: {node.name for node in nodes_of(kind, nodes, settings.slurm.get(kind))} for kind in kinds}
    for kind in _kinds(settings):
        yield _nodes(kind, {name: len(members) for name, members in of_kinds.items() if members})


def _versions(facts: ClusterFacts) -> Finding:
    if facts.mismatch:
        return Finding(_TOPIC, "cluster", "problem", f"{facts.address}: {facts.mismatch}", _SAME_IMAGE)
    return Finding(_TOPIC, "cluster", "ok", f"{facts.address}: Ray {facts.ray}, Python {facts.python}")


def _access(address: str) -> Finding:
    from ..runner.fleet.cluster_facts import TokenError, read_facts

    try:
        read_facts(address, as_stranger=True)
    except TokenError:
        return Finding(_TOPIC, "access", "ok", "the cluster asks for a token, and takes the one that is here")
    text = "the cluster asks for no token: whoever reaches it runs code on its nodes"
    return Finding(_TOPIC, "access", "note", text, _ASK_FOR_TOKENS)


def _nodes(kind: str, counts: Mapping[str, int], *, has_autoscaler: bool = False) -> Finding:
    name = f"kind {kind}"
    if number := counts.get(kind, 0):
        return Finding(_TOPIC, name, "ok", f"{number} node{'s' if number > 1 else ''} now")
    if kind == "auto":
        names = ", ".join(sorted(counts)) or "v100, cpu"
        return Finding(_TOPIC, name, "problem", "no kind of node", f"write gpu = [...] in [tool.opml], of {names}")
    if has_autoscaler:
        text = "no node now; a run asks the cluster's autoscaler for one, and is refused if it cannot start it"
        return Finding(_TOPIC, name, "note", text)
    there = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no node that takes tasks"
    return Finding(
        _TOPIC, name, "problem", f"no node; the cluster has {there}", "add one, or leave the kind out of gpu"
    )
