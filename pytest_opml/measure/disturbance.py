"""What may have disturbed a time while it was taken, in words: sentences without their end."""

from __future__ import annotations

from ..records.device import GpuUse
from ..records.result import OtherLoad, WarmUp

# Processors' worth of other work from which a time counts as disturbed: what an idle system does by itself stays below.
_OTHER_CORES, _OTHER_SHARE = 0.15, 0.02
# The system counts in hundredths of a second, on each processor by itself: so much may be nothing but rounding.
_ROUNDING_S = 0.08
UNSETTLED = "the last rounds of warming up did not agree within 10 %"


def of_load(load: OtherLoad, cores: int, seconds: float | None = None) -> list[str]:
    """Say what the machine did besides; nothing for a quiet one.

    Args:
        load: on average.
        cores: of the machine.
        seconds: that the average is over; None for so many that rounding does not matter.
    """
    least = max(_OTHER_CORES, _OTHER_SHARE * cores, _ROUNDING_S / seconds if seconds else 0.0)
    texts = []
    if load.cores > least:
        texts.append(f"other work took {load.cores:.1f} of {cores} cores")
    if load.stolen_cores > least:
        texts.append(f"the hypervisor gave {load.stolen_cores:.1f} of {cores} cores to others")
    if load.throttle_events:
        texts.append("a processor was slowed for its heat")
    return texts


def of_gpu(use: GpuUse | None) -> list[str]:
    """Say what slowed the GPU; nothing for one that was alone and cool, and for none."""
    texts = []
    if use and use.throttle_reasons:
        texts.append(f"the GPU was throttled ({', '.join(use.throttle_reasons)})")
    if use and use.other_processes:
        texts.append(f"other processes used the GPU ({', '.join(map(str, use.other_processes))})")
    return texts


def of_warm_up(warm_up: WarmUp) -> list[str]:
    """Say that a warm-up did not settle; nothing for one that did."""
    return [] if warm_up.settled else [UNSETTLED]
