"""What a cluster of Ray's is, looked at by a process of its own.

In this process Ray would end it where a token is missing, and print for 20 s where it is wrong; and a second process
can do without any token, as a stranger has to.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...errors import MissingDependencyError, SettingsError, one_line
from .node_kinds import kind_of

_LONGEST_S, _REACH_S = 30.0, 10.0
_WHERE_TOKENS_ARE = "RAY_AUTH_TOKEN, the file in RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token"
# by whether tokens are sent, and whether one is here
_TOKEN_TEXTS = {
    (False, False): f"it asks for a token: set RAY_AUTH_MODE=token, and put the cluster's into {_WHERE_TOKENS_ARE}",
    (False, True): "it asks for a token: set RAY_AUTH_MODE=token, and the one that is here is sent",
    (True, False): f"RAY_AUTH_MODE is token, but there is none here: put the cluster's into {_WHERE_TOKENS_ARE}",
    (True, True): f"it does not take the token that is here, the first of {_WHERE_TOKENS_ARE}",
}


class TokenError(SettingsError):
    """A cluster asks for a token, and does not get it."""


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """What a cluster says of itself.

    Attributes:
        address: ``HOST:PORT``.
        ray: its version.
        python: its version.
        kinds: the number of its nodes that take tasks, by kind.
        has_autoscaler: whether it has one that heeds labels, and so might start nodes of further kinds.
    """

    address: str
    ray: str
    python: str
    kinds: Mapping[str, int]
    has_autoscaler: bool

    @property
    def mismatch(self) -> str:
        """In what it differs from this process, for which Ray lets it not in; nothing where it does not."""
        ours = (version("ray"), platform.python_version())
        if (self.ray, self.python) == ours:
            return ""
        return f"it has Ray {self.ray} on Python {self.python}, and this machine Ray {ours[0]} on Python {ours[1]}"


def read_facts(address: str, *, as_stranger: bool = False) -> ClusterFacts:
    """Return what a cluster is.

    Args:
        address: as ``--opml-fleet`` takes it.
        as_stranger: whether to do without a token, be it here or not.

    Raises:
        MissingDependencyError: Ray is not installed.
        TokenError: it asks for a token, and this process has none or a wrong one.
        SettingsError: there is no cluster.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError("--opml-fleet", "ray", extra="fleet")
    if address != "auto" and not re.fullmatch(r"\S+:\d+", address):
        raise unusable(address, "the address must be slurm, auto or HOST:PORT")
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    environment = os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    if as_stranger:
        environment["RAY_AUTH_MODE"] = "disabled"
    command = [sys.executable, "-m", __name__, address]
    try:
        process = subprocess.run(  # noqa: S603 - this interpreter and this module
            command, env=environment, capture_output=True, timeout=_LONGEST_S, check=False
        )
        answer = json.loads(process.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise unusable(address, f"what is there has not answered as Ray does for {_LONGEST_S:g} s") from None
    except (IndexError, ValueError):
        raise unusable(address, one_line(process.stderr.decode("utf-8", "replace"))) from None
    if "token" in answer:
        raise TokenError(f"--opml-fleet={address}: {answer['token']}")
    if "error" in answer:
        raise unusable(address, answer["error"])
    return ClusterFacts(**answer)


def unusable(address: str, reason: str) -> SettingsError:
    """Return the error of an address at which there is no cluster that can be used."""
    return SettingsError(
        f"--opml-fleet={address}: no cluster of Ray's can be used there ({reason}); start one with `ray start --head`, "
        "or run pytest where it is, as by `ray job submit`"
    )


def _look(address: str) -> dict[str, Any]:
    """Look at a cluster from this process; return the facts, or ``token`` or ``error`` with a text."""
    import ray
    from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
    from ray._private.services import canonicalize_bootstrap_address

    raylet: Any = ray._raylet
    if address == "auto" and not os.environ.get("RAY_ADDRESS"):  # as Ray does for the cluster of this machine alone
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    sends_token = raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN
    has_token = raylet.AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
    try:
        place = canonicalize_bootstrap_address(address)
        if place is None:
            return {"error": "this machine is a part of none"}
        host, _, port = place.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S):
            pass
        if sends_token and not has_token:
            return {"token": _TOKEN_TEXTS[True, False]}
        return asdict(_read(raylet.GcsClient(place), place))
    except ray.exceptions.AuthenticationError:
        return {"token": _TOKEN_TEXTS[sends_token, has_token]}
    except (ray.exceptions.RayError, OSError, ValueError) as error:
        return {"error": one_line(error)}


def _read(client: Any, address: str) -> ClusterFacts:
    from ray._common.usage.usage_lib import get_cluster_metadata
    from ray.autoscaler.v2.utils import is_autoscaler_v2
    from ray.core.generated.gcs_pb2 import GcsNodeInfo

    metadata = get_cluster_metadata(client)
    nodes = client.get_all_node_info(timeout=_REACH_S).values()
    alive = (node for node in nodes if node.state == GcsNodeInfo.ALIVE)
    return ClusterFacts(
        address=address,
        ray=metadata["ray_version"],
        python=metadata["python_version"],
        kinds=dict(Counter(kind_of(node.labels) for node in alive if node.resources_total.get("CPU", 0) >= 1)),
        has_autoscaler=bool(is_autoscaler_v2(fetch_from_server=True, gcs_client=client)),
    )


if __name__ == "__main__":
    print(json.dumps(_look(sys.argv[1])))
