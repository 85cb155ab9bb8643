"""The kinds of nodes, and the labels by which Ray tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...records.hardware_profiles import PROFILES, accelerator_types

ACCELERATOR_LABEL = "ray.io/accelerator-type"


def kind_of(labels: Mapping[str, str]) -> str:
    """Return the kind of a node with these labels: a profile; ``cpu`` without an accelerator."""
    named = labels.get(ACCELERATOR_LABEL, "")
    return next((profile for profile in PROFILES if named in accelerator_types(profile)), named.lower() or "cpu")


def label_selector(kind: str) -> dict[str, str]:
    """Return what Ray selects nodes of a kind by; those of a CPU have no label of an accelerator."""
    names = label_values(kind)
    selected = names[0] if len(names) == 1 else f"in({','.join(names)})"
    return {ACCELERATOR_LABEL: f"!in({','.join(names)})" if kind == "cpu" else selected}


def label_values(kind: str) -> Sequence[str]:
    """Return the values that the label of a kind may have; of a CPU, those that it may not have."""
    if kind == "cpu":
        return list(dict.fromkeys(name for profile in PROFILES for name in accelerator_types(profile)))
    return accelerator_types(kind) or (kind.upper(),)
