"""Which fleet a run is on, by what its settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...settings import Settings
    from .base import Fleet

SLURM = "slurm"


def open_fleet(settings: Settings, root: Path) -> Fleet:
    """Return the fleet of a run: that of Slurm, or a cluster of Ray's by its address.

    Args:
        settings: of the run, which name the fleet.
        root: the user's project.

    Raises:
        UsageError: there is no such fleet, or what it needs is not installed.
    """
    if settings.fleet == SLURM:
        from .slurm_fleet import SlurmFleet

        return SlurmFleet(settings.slurm, root)
    from .ray_fleet import RayFleet

    return RayFleet(str(settings.fleet), root)
