"""What the benchmarks of metrics and statistics share: a peer beside ours, turns of both, and the line that tells the ratio.

Peers that are none of our dependencies go into a throwaway folder, by themselves and last on the path, so that both sides compute
with the same numpy and scipy, in the same process.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any


@contextmanager
def importable(requirement: str, module: str) -> Iterator[str]:
    """The peer importable, and in words where it came from. ``requirement``: name==version."""
    name, _, wanted = requirement.partition("==")
    if find_spec(module):
        yield f"{name} {version(name)}"
        return
    with tempfile.TemporaryDirectory() as folder:
        install = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            folder,
            requirement,
        ]
        subprocess.run(install, check=True)
        sys.path.append(folder)
        try:
            yield f"{name} {wanted}"
        finally:
            sys.path.remove(folder)


def turns(sides: dict[str, Callable[[], Any]], times: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds and answer of each side. They take turns and the quickest of each counts: what else the machine does can only
    make it slower."""
    seconds = dict.fromkeys(sides, float("inf"))
    answers: dict[str, Any] = {}
    for turn in range(times):
        for name in sorted(sides, reverse=bool(turn % 2)):
            began = time.perf_counter()
            answers[name] = sides[name]()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds, answers


def tell(benchmark: str, claim: str, peer: str, ours: float, theirs: float, reach: float | None, **more: Any) -> None:
    """Print the ratio for people and as the line that `python -m benchmarks` reads; ``ours`` and ``theirs`` in seconds."""
    print(f"  {claim}: {peer} {theirs:.3f} s, ours {ours:.4f} s, {theirs / ours:.1f}×")
    figure = {"benchmark": benchmark, "claim": claim, "ratio": theirs / ours, "peer": peer}
    if reach is not None:
        figure["reach"] = reach
    print(json.dumps({**figure, "seconds": f"{ours:.4f} against {theirs:.3f}", **more}, ensure_ascii=False))
