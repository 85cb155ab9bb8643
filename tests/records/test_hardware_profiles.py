from __future__ import annotations

import re

import pytest

from pytest_opml.records.hardware_profiles import PROFILES, has_fast_float16, profile_of


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("Tesla P100-PCIE-16GB", "p100"),
        ("Tesla P100-SXM2-16GB", "p100"),
        ("GRID P100X-16Q", "p100"),
        ("Tesla P40", "p40"),
        ("Tesla P4", "p4"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("Tesla V100S-PCIE-32GB", "v100"),
        ("GRID V100D-8Q", "v100"),
        ("GRID V100DX-32C", "v100"),
        ("Tesla T4", "t4"),
        ("NVIDIA T4G", "t4"),
        ("NVIDIA T400 4GB", "gpu"),
        ("NVIDIA A2", "a2"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA A10G", "a10"),
        ("NVIDIA A10-24Q", "a10"),
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100 80GB PCIe", "a100"),
        ("A100-SXM4-40GB", "a100"),
        ("GRID A100DX-80C", "a100"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "a100"),
        ("NVIDIA A800-SXM4-80GB", "a100"),
        ("NVIDIA A30", "a30"),
        ("NVIDIA A30 MIG 1g.6gb", "a30"),
        ("NVIDIA A40", "a40"),
        ("NVIDIA RTX A4000", "gpu"),
        ("NVIDIA RTX A1000", "gpu"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40", "l40"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA L40S-48Q", "l40s"),
        ("NVIDIA H20", "h20"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", "h100"),
        ("NVIDIA H100 NVL", "h100"),
        ("NVIDIA H100XM-80C", "h100"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA H200 NVL", "h200"),
        ("NVIDIA GH200 480GB", "gh200"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA GB200", "gb200"),
        ("NVIDIA GeForce RTX 4090", "gpu"),
        ("NVIDIA GeForce RTX 3090", "gpu"),
        ("", "gpu"),
    ],
)
def test_a_gpu_is_known_by_its_drivers_name(name: str, profile: str) -> None:
    assert profile_of(name) == profile
    hits = [key for key, one in PROFILES.items() if any(re.search(pattern, name) for pattern in one.patterns)]
    assert hits == ([] if profile == "gpu" else [profile]), "the order of the table must not matter"
    if profile != "gpu":
        assert profile_of(name, PROFILES[profile].compute_capability) == profile


def test_a_name_does_not_decide_against_the_compute_capability() -> None:
    assert profile_of("Tesla V100-SXM2-16GB", "7.0") == "v100"
    assert profile_of("Tesla V100-SXM2-16GB", "8.0") == "gpu"


def test_half_precision_is_fast_from_volta_on() -> None:
    slow = {key for key in PROFILES if key not in ("cpu", "gpu") and not has_fast_float16(key)}
    assert slow == {"p100", "p40", "p4"}
    assert PROFILES["p100"].float16_tflops == 21.2  # its vector units have it, and TensorFlow gains nothing by it


@pytest.mark.parametrize(("capability", "fast"), [("6.1", False), ("7.0", True), ("12.0", True), (None, False)])
def test_an_unknown_gpu_is_judged_by_its_compute_capability(capability: str | None, fast: bool) -> None:
    assert has_fast_float16("gpu", capability) is fast


def test_the_table_is_what_may_be_asked_for() -> None:
    assert (next(iter(PROFILES)), list(PROFILES)[-1]) == ("cpu", "gpu")
    with pytest.raises(TypeError):
        PROFILES["new"] = PROFILES["cpu"]  # type: ignore[index]


@pytest.mark.parametrize("name", [key for key, one in PROFILES.items() if one.patterns])
def test_the_figures_of_a_profile_are_plausible(name: str) -> None:
    profile = PROFILES[name]
    assert profile.memory_gb
    assert profile.bandwidth_gb_s
    assert profile.float32_tflops
    assert re.fullmatch(r"\d+\.\d", profile.compute_capability or "")
    if profile.float16_in_hardware:
        assert profile.float16_tflops
        assert profile.float16_tflops > 3 * profile.float32_tflops or name in ("l40", "h20")
    if profile.float16_tflops and profile.int8_tops:
        assert profile.int8_tops == pytest.approx(2 * profile.float16_tflops, rel=0.02), "both dense"
