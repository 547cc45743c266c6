"""What the run computes on, told by the machine itself and kept with the result."""

import os
import resource
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from ftplatform.engines.events import EngineError

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""CPU flags without which bf16 is emulated and slower than fp32."""


@dataclass(frozen=True)
class Hardware:
    device: str
    """cuda or cpu."""
    name: str
    threads: int
    bf16: bool
    """Whether the machine computes in bf16."""
    libraries: dict[str, str]


def describe() -> Hardware:
    """The machine as torch sees it."""
    libraries = {name: version(name) for name in ("torch", "transformers", "trl", "peft")}
    if torch.cuda.is_available():
        name, bf16 = torch.cuda.get_device_name(0), torch.cuda.is_bf16_supported()
        return Hardware("cuda", name, torch.get_num_threads(), bf16, libraries)
    cpu = _cpu_facts()
    bf16 = bool(BF16_FLAGS & set(cpu.get("flags", "").split()))
    return Hardware("cpu", cpu.get("model name", "unknown CPU"), torch.get_num_threads(), bf16, libraries)


def choose_precision(wanted: str, hardware: Hardware) -> str:
    """bf16 or fp32: ``auto`` takes bf16 where the machine computes in it."""
    if wanted == "auto":
        return "bf16" if hardware.bf16 else "fp32"
    return wanted


def require_one_process() -> None:
    """EngineError ``distributed`` under torchrun: the loss would not be reduced over processes."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise EngineError("distributed", "The engine trains in one process: start it without torchrun, on one GPU")


def require_cuda_for_qlora(hardware: Hardware) -> None:
    """EngineError ``qlora_needs_cuda`` on a machine that has none."""
    if hardware.device != "cuda":
        raise EngineError(
            "qlora_needs_cuda",
            f"QLoRA computes on a 4-bit base, which needs an NVIDIA GPU; this machine offers {hardware.name}. "
            "Take method lora, or run on a GPU worker.",
        )


def peak_memory_bytes() -> int:
    """Highest memory so far: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _cpu_facts() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is none (not Linux)."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    lines = path.read_text().split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
