"""Run every benchmark and write what it found: ``python -m benchmarks [NAME …] [--output docs/benchmarks.md]``.

A benchmark is a module of this folder whose docstring begins with ``Claim:``. It runs as a process of its own, one after another,
and prints a line of JSON for each figure: ``benchmark`` (its name), ``ratio`` (ours against the peer's, above 1 is better), and where
it has them ``reach`` (the ratio that is claimed), ``peer``, ``claim`` (when it makes several) and whatever else explains the figure.

All of them write the page; named ones only print, since a page of figures from several machines and days would compare nothing.
A figure that falls short stands there as it is, and so does a benchmark that could not run. Exit status: 1 where one could not.
"""

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Timer
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
LIMIT_SECONDS = 3600.0
PACKAGES = ("torch", "transformers", "trl", "peft", "numpy", "scipy", "rouge-score", "sacrebleu", "psycopg", "django")
TOLD_ELSEWHERE = {"benchmark", "claim", "ratio", "reach", "peer"}


@dataclass(frozen=True)
class Benchmark:
    name: str
    claim: str


@dataclass(frozen=True)
class Outcome:
    """What one benchmark said: its figures, or why there are none."""

    benchmark: Benchmark
    figures: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    seconds: float = 0.0


def benchmarks() -> list[Benchmark]:
    """Those of this folder, by name; found without importing them, which would load torch."""
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first = " ".join(docstring.split("\n\n")[0].split())
        if first.startswith("Claim:"):
            found.append(Benchmark(path.stem, first.removeprefix("Claim:").strip()))
    return found


def run(benchmark: Benchmark) -> Outcome:
    """Run it to its end, its output shown as it comes and its figures read from it."""
    began = time.monotonic()
    figures: list[dict[str, Any]] = []
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}"]
    with subprocess.Popen(command, cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True) as process:
        watchdog = Timer(LIMIT_SECONDS, process.kill)
        watchdog.start()
        assert process.stdout
        for line in process.stdout:
            print(f"  {line}", end="", flush=True)
            if figure := read_figure(line):
                figures.append(figure)
        watchdog.cancel()
    seconds = time.monotonic() - began
    if process.returncode:
        return Outcome(benchmark, figures, f"ended with status {process.returncode}", seconds)
    return Outcome(benchmark, figures, "" if figures else "printed no figure", seconds)


def read_figure(line: str) -> dict[str, Any] | None:
    """The figure in a line of output; None where the line is for people."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("ratio"), int | float) else None


def page(outcomes: list[Outcome]) -> str:
    """The whole of docs/benchmarks.md."""
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Each figure is a ratio against a peer that ran beside ours in the same run: absolute times say little",
            "about another machine. What falls short of what is claimed stands here as it is.",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {machine()}.",
            "",
            f"{', '.join(versions())}.",
            "",
            "| claim | against | ratio | claimed | holds | details |",
            "|---|---|---:|---:|---|---|",
            *rows,
            "",
        ]
    )


def _rows(outcome: Outcome) -> list[str]:
    name, claim = outcome.benchmark.name, outcome.benchmark.claim
    rows = []
    for figure in outcome.figures:
        reach = figure.get("reach")
        holds = "" if reach is None else "yes" if figure["ratio"] >= reach else "**no**"
        claimed = "" if reach is None else f"≥ {reach:g}×"
        details = ", ".join(f"{key} {value}" for key, value in figure.items() if key not in TOLD_ELSEWHERE)
        cells = (
            f"{figure.get('claim', claim)} (`{name}`)",
            figure.get("peer", ""),
            f"{figure['ratio']:.2f}×",
            claimed,
            holds,
            details,
        )
        rows.append(_row(cells))
    if outcome.fault:
        rows.append(_row((f"{claim} (`{name}`)", "", "–", "", "**did not run**", outcome.fault)))
    return rows


def _row(cells: tuple[Any, ...]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def machine() -> str:
    """Processor, cores and memory in words."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"


def versions() -> list[str]:
    """Python and what is installed of the packages that the figures hang on."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def main(arguments: list[str] | None = None) -> int:
    known = {one.name: one for one in benchmarks()}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all when left out")
    parser.add_argument("--output", type=Path, help="the page to write; docs/benchmarks.md when all are run")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - known.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    outcomes = []
    for one in known.values():
        if options.names and one.name not in options.names:
            continue
        print(f"{one.name}: {one.claim}", flush=True)
        outcomes.append(run(one))
        print(f"  {outcomes[-1].fault or 'done'}, {outcomes[-1].seconds:.0f} s", flush=True)
    output = options.output or (None if options.names else PAGE)
    if output:
        output.write_text(page(outcomes), encoding="utf-8")
        print(f"written to {output}")
    return 1 if any(outcome.fault for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
