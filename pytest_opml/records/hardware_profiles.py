"""The kinds of hardware that a run can be told apart by: one table, with what the vendor's data sheets say of each.

The rates are dense ones, without sparsity, of the fastest form that a GPU is sold in (SXM where there is one): an upper
bound for the slower forms under the same name, and for a slice of a GPU (MIG, vGPU).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_TENSOR_CORES = 7.0  # the first compute capability that has them


class Profile(NamedTuple):
    """One kind of device; None where a figure is unknown or the device has no such arithmetic.

    Attributes:
        patterns: regular expressions, one of which finds the name that the driver gives.
        compute_capability: of CUDA, such as ``7.0``.
        memory_gb: 10^9 bytes, as sold; the larger one where there are two.
        bandwidth_gb_s: of the memory.
        float32_tflops: without tensor cores.
        float16_tflops: on tensor cores where there are any.
        int8_tops: on tensor cores where there are any.
        float16_in_hardware: whether TensorFlow gains time by half precision.
    """

    patterns: tuple[str, ...] = ()
    compute_capability: str | None = None
    memory_gb: float | None = None
    bandwidth_gb_s: float | None = None
    float32_tflops: float | None = None
    float16_tflops: float | None = None
    int8_tops: float | None = None
    float16_in_hardware: bool = False


# The letters after a number are forms of the same chip: V100S, GRID V100D-8Q, A10G, H100L-94C. The word boundaries and
# the listed letters keep A10 from A100, L4 from L40, T4 from T400 and H200 from GH200.
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "cpu": Profile(),
        # P100: twice the float32 rate on its vector units, but no path of TensorFlow's mixed precision gains by it.
        "p100": Profile((r"\bP100[CX]?\b",), "6.0", 16, 732, 10.6, 21.2, None, False),
        "p40": Profile((r"\bP40\b",), "6.1", 24, 346, 12, None, 47, False),
        "p4": Profile((r"\bP4\b",), "6.1", 8, 192, 5.5, None, 22, False),
        "v100": Profile((r"\bV100(?:[DLSX]|DX)?\b",), "7.0", 32, 900, 15.7, 125, None, True),
        "t4": Profile((r"\bT4G?\b",), "7.5", 16, 320, 8.1, 65, 130, True),
        "a2": Profile((r"\bA2\b",), "8.6", 16, 200, 4.5, 18, 36, True),
        "a10": Profile((r"\bA10[GM]?\b",), "8.6", 24, 600, 31.2, 125, 250, True),
        "l4": Profile((r"\bL4\b",), "8.9", 24, 300, 30.3, 121, 242, True),
        "l40": Profile((r"\bL40G?\b",), "8.9", 48, 864, 90.5, 181, 362, True),
        "l40s": Profile((r"\bL40S\b",), "8.9", 48, 864, 91.6, 362, 733, True),
        "a30": Profile((r"\bA30X?\b",), "8.0", 24, 933, 10.3, 165, 330, True),
        "a40": Profile((r"\bA40\b",), "8.6", 48, 696, 37.4, 149.7, 299, True),
        "a100": Profile((r"\bA100(?:[DX]|DX)?\b", r"\bA800\b"), "8.0", 80, 2039, 19.5, 312, 624, True),
        "h20": Profile((r"\bH20\b",), "9.0", 96, 4000, 44, 148, 296, True),
        "h100": Profile((r"\bH100(?:L|XL|XM)?\b", r"\bH800\b"), "9.0", 80, 3350, 67, 989, 1979, True),
        "h200": Profile((r"\bH200X?\b",), "9.0", 141, 4800, 67, 989, 1979, True),
        "gh200": Profile((r"\bGH200\b",), "9.0", 96, 4000, 67, 990, 1979, True),
        "b200": Profile((r"\bB200\b",), "10.0", 180, 8000, 75, 2250, 4500, True),
        "gb200": Profile((r"\bGB200\b",), "10.0", 186, 8000, 80, 2500, 5000, True),
        "gpu": Profile(),
    }
)


# Names that Ray has for the kinds, where they are not those of the profiles.
_ACCELERATOR_TYPES = {"a10": ("A10G", "A10"), "a100": ("A100", "A100-40G", "A100-80G"), "cpu": (), "gpu": ()}


def accelerator_types(profile: str) -> tuple[str, ...]:
    """Return what Ray labels nodes of a profile with (``ray.io/accelerator-type``); nothing for those without a GPU."""
    return _ACCELERATOR_TYPES.get(profile, (profile.upper(),))


def profile_of(name: str, compute_capability: str | None = None) -> str:
    """Return the profile of a GPU; ``gpu`` for one that the table does not have.

    Args:
        name: that the driver or TensorFlow gives.
        compute_capability: where it is given, it must be that of the profile, so that a name does not decide alone.
    """
    for key, profile in PROFILES.items():
        if any(re.search(pattern, name) for pattern in profile.patterns):
            return key if compute_capability in (None, profile.compute_capability) else "gpu"
    return "gpu"


def has_fast_float16(profile: str, compute_capability: str | None = None) -> bool:
    """Tell whether a GPU gains time by half precision; an unknown one is judged by its compute capability alone."""
    if profile != "gpu":
        return PROFILES[profile].float16_in_hardware
    return compute_capability is not None and float(compute_capability) >= _TENSOR_CORES
