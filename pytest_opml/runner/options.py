"""What building and measuring a case are told by the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .. import registry
from ..measure.side_by_side import NOT_AT_ALL, Plan
from ..measure.timing import NOTHING, Wanted
from ..records.device import Device
from ..records.result import Result


class ReleaseArtifact(NamedTuple):
    """The artifact of a released run, that a case is measured beside.

    Attributes:
        stored: what was measured of it then, which says how it was made.
        compare: how long it is timed beside the case, in each scenario.
    """

    path: Path
    stored: Result
    compare: Plan


@dataclass(frozen=True)
class Options:
    """What the pipeline is told by the run.

    Attributes:
        time_weights: what inference and training seconds are multiplied by to make up the time in the score.
        reference_samples: images that the inference time is scaled to.
        compare: how long a candidate is timed beside its reference in each scenario; 0 seconds: not at all.
        wanted: absolute limits on the case's own times, which their sampling is to decide.
        kept: the artifact of a released run that the case is timed beside too.
        registrations: names that the run's own process knows besides the installed ones.
    """

    cache_dir: Path
    data_dir: Path | None
    device: Device
    time_weights: dict[Any, float]
    reference_samples: int
    compare: Plan = NOT_AT_ALL
    wanted: Wanted = NOTHING
    kept: ReleaseArtifact | None = None
    registrations: tuple[registry.Registration, ...] = ()
