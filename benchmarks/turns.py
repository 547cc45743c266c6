"""What the benchmarks of metrics and statistics share: turns of both sides, and the line that tells the ratio."""

import json
import time
from collections.abc import Callable
from typing import Any


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
