"""Which weights the cases of a run need that are not on this machine, and what to do about each."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..addresses import environment_secrets, without_secrets
from ..case import Case, parse_chain
from ..errors import one_line
from ..records.case_record import image_sides
from .applications import APPLICATIONS
from .builders import DEFAULT_SIZE
from .pretrained import NETWORKS, OPML, find_weights, missing_text, weights_file

PUBLISHED = "https://keras.io/api/applications/"
_TIMEOUT_S = 5.0


class MissingWeights(NamedTuple):
    """Weights that are not on this machine.

    Attributes:
        network: whose they are.
        weights: ``imagenet``, or ``opml`` for those that are trained here.
        file: the path that they belong at.
        url: where Keras fetches them from; empty for those that are trained here.
    """

    network: str
    weights: Literal["imagenet", "opml"]
    file: Path
    url: str = ""


def missing_weights(cases: Iterable[Case], cache_dir: Path) -> list[MissingWeights]:
    """Return the weights of ``keras.applications``, and of those trained here, that cases need and that are not here.

    Teachers and sources of techniques (``distill:``, ``layer-transfer:``) count as well. Whether missing weights can be
    fetched is another question: see ``unreachable``.

    Args:
        cases: of a run.
        cache_dir: of its cache.

    Returns:
        Each once, in the order of the cases.
    """
    missing: dict[Path, MissingWeights] = {}
    for case in cases:
        for network in _networks_of(case):
            one = _weights_of(case, network, cache_dir)
            if one and not _is_there(one, cache_dir):
                missing.setdefault(one.file, one)
    return list(missing.values())


def _networks_of(case: Case) -> list[str]:
    """The networks that are built for a case: its own, and the teachers and sources of its techniques."""
    others = [model.name for step in parse_chain(case.technique) for model in step.other_models()]
    return [case.model, *others]


def _weights_of(case: Case, network: str, cache_dir: Path) -> MissingWeights | None:
    if case.weights == OPML and network in NETWORKS:
        return MissingWeights(network, "opml", weights_file(network, cache_dir))
    is_other = network != case.model and case.weights != "none"  # one whose case has a path starts from ImageNet's
    if network in APPLICATIONS and (case.weights == "imagenet" or is_other):
        application = APPLICATIONS[network]
        own = application.own_size if case.size == "own" else DEFAULT_SIZE
        height, width = image_sides(case.size) or (own, own)
        size = height if height == width else (height, width)
        return MissingWeights(network, "imagenet", application.weights_file(size), application.url(size))
    return None


def _is_there(weights: MissingWeights, cache_dir: Path) -> bool:
    if weights.weights == OPML:
        return find_weights(weights.network, cache_dir) is not None
    return weights.file.is_file()


def missing_lines(
    missing: Iterable[MissingWeights], to_use: str = "and write weights='opml' in the cases"
) -> list[str]:
    """Return which files to put where, and what else can be done, in lines for the user; none where nothing is missing.

    Args:
        missing: as ``missing_weights`` returns it.
        to_use: how weights that are trained here come into use.
    """
    imagenet = [one for one in missing if one.weights == "imagenet"]
    trained = [one.network for one in missing if one.weights == OPML]
    lines = []
    if imagenet:
        names = ", ".join(one.network for one in imagenet)
        lines.append(f"no ImageNet weights of {names} on this machine; put these files into {imagenet[0].file.parent}:")
        lines += [f"  {one.file.name}  from {one.url}" for one in imagenet]
        lines.append(f"  ({PUBLISHED} says more of them.)")
        lines.append(f"or train weights here: opml paper pretrain {' '.join(one.network for one in imagenet)}")
        lines.append(f"  {to_use}")
    if trained:
        lines.append(missing_text(*trained))
    return lines


def unreachable(url: str) -> str:
    """Return why nothing can be fetched from a URL, in words; empty where its server answers, whatever it says.

    It is asked as Keras fetches the file: through the same proxies. Nothing is downloaded.
    """
    request: Any = urllib.request.Request(url, method="HEAD")  # noqa: S310 - of Keras' own, see applications.py
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        reason = error.reason
    except OSError as error:
        reason = error
    return without_secrets(one_line(reason), environment_secrets())
