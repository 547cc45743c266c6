"""Where outputs were made, as a latency must name it. The machine itself is described by the training engine's module."""

from dataclasses import dataclass
from typing import Any, Literal

DtypeName = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Environment:
    """Latency is never compared across two of these."""

    backend: str
    hardware: str
    device: str
    dtype: str
    threads: int
    libraries: dict[str, str]

    def __str__(self) -> str:
        return f"{self.hardware}, {self.dtype}, {self.threads} threads"


def choose_device() -> Any:
    """A CUDA device where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(wanted: DtypeName) -> Any:
    """The torch dtype: as wanted, or bfloat16 where the hardware computes in it and float32 elsewhere."""
    import torch

    from training.engine.hardware import describe

    if wanted == "auto":
        return torch.bfloat16 if describe().bf16 else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]


def describe_environment(model: Any) -> Environment:
    """The environment of a loaded transformers model."""
    from training.engine.hardware import describe

    machine = describe()
    return Environment(
        backend="transformers",
        hardware=machine.name,
        device=machine.device,
        dtype=str(model.dtype).removeprefix("torch."),
        threads=machine.threads,
        libraries=machine.libraries,
    )
