"""The machine that a case was measured on, and what its GPU did meanwhile, as records."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Many, Named, Record


class Gpu(Record):
    """One graphics processor as its driver describes it; None where the driver does not tell."""

    index: int = Field(description="as nvidia-smi counts")
    uuid: str
    name: str
    profile: str
    memory_bytes: int | None
    driver: str
    cuda_driver: str | None = Field(default=None, description="the newest CUDA that the driver serves")
    compute_capability: str | None = None
    sm_clock_mhz: int | None = Field(default=None, description="when the run began")
    max_sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = Field(default=None, description="when the run began")
    power_limit_w: float | None = None


class GpuUse(Record):
    """What a GPU did between the first and the last sample of a measurement; None where its driver does not tell."""

    seconds: float = Field(description="between the first and the last sample")
    samples: int
    mean_power_w: float | None = None
    energy_j: float | None = None
    energy_source: Literal["counter", "power samples"] | None = Field(
        default=None, description="the GPU's own counter, or the power at each sample, integrated over time"
    )
    max_temperature_c: int | None = None
    throttle_reasons: Many[str] | None = Field(default=None, description="why the clocks were held down, if so")
    other_processes: Many[int] | None = Field(
        default=None, description="ids of processes that computed on the same GPU and have nothing to do with this run"
    )
    min_sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    problem: str | None = Field(default=None, description="why nothing is known, in one line")


class CpuClock(Record):
    """How the system lets the processor's clock run; None where it does not tell, as in most virtual machines."""

    governor: str | None = None
    boost: bool | None = None
    current_mhz: float | None = None
    max_mhz: float | None = None


class SeenGpu(Record):
    """A GPU as TensorFlow sees it."""

    name: str
    compute_capability: str | None


class TensorFlowBuild(Record):
    """The TensorFlow that the cases run in, with what it was built for and was told."""

    version: str
    cuda_build: bool
    cuda_version: str | None = None
    cudnn_version: str | None = None
    gpus: Many[SeenGpu] = ()
    xla: str = Field(description="off, on, or how graphs are clustered without being asked to")
    onednn: bool | None = Field(default=None, description="None where it is left to TensorFlow")
    environment: Named[str] = Field(default={}, description="variables of a worker that change what it does")


class Device(Record):
    """What a case ran on."""

    profile: str
    cpu: str
    cores: int
    threads: int
    memory_bytes: int
    gpus: Many[Gpu] = Field(description="all of the machine; not asked for where the CPU was wanted")
    gpu: Gpu | None = Field(default=None, description="the one that runs the cases; None on the CPU")
    float16_in_hardware: bool
    platform: str
    cpu_clock: CpuClock = CpuClock()
    tensorflow: TensorFlowBuild | None = None

    @property
    def machine(self) -> str:
        """What two results must share for their times to be compared: GPU, CPU, cores and threads, in words."""
        parts = [self.gpu.name] if self.gpu else []
        return ", ".join([*parts, self.cpu, f"{self.cores} cores", f"{self.threads} threads"])
