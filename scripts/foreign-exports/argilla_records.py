"""Records as Argilla's client writes them: `records.to_json`, flattened rows, and a Hugging Face dataset as Parquet."""

import json
import os
import sys
import uuid
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import argilla as rg
from argilla.records._io import GenericIO, HFDatasetsIO, JsonIO

ADA, LEA = uuid.UUID(int=1), uuid.UUID(int=2)


def records() -> list[rg.Record]:
    """Answered by two, by one, and by nobody; with a ranking, spans, an emoji, and a field named like a question."""
    return [
        rg.Record(
            id="q-1",
            fields={"question": "Do I need a permit for a wall? 🧱", "desk": "unsure"},
            metadata={"customer": "c-17", "length": 31},
            vectors={"small": [0.25, -1.0]},
            suggestions=[rg.Suggestion("desk", "permits", score=0.9, agent="smollm2")],
            responses=[
                rg.Response("desk", "permits", user_id=ADA),
                rg.Response("clear", 4, user_id=ADA),
                rg.Response("desk", "tax", user_id=LEA),
            ],
        ),
        rg.Record(
            id="q-2",
            fields={"question": "¿Cuánto cuesta?\nGracias", "desk": "none"},
            responses=[
                rg.Response("topics", ["cost", "forms"], user_id=LEA),
                rg.Response("better", [{"value": "a", "rank": 1}, {"value": "b", "rank": 2}], user_id=LEA),
                rg.Response("parts", [{"start": 1, "end": 7, "label": "ask"}], user_id=LEA),
                rg.Response("reply", "About 3 € a page.", user_id=LEA),
            ],
        ),
        rg.Record(id="q-3", fields={"question": "家を建てるには?", "desk": "none"}),
    ]


class _NoImages:
    """What `to_datasets` asks of a dataset: which of its columns are pictures."""

    schema: dict = {}


def main(folder: Path) -> None:
    target = folder / "argilla.json"
    target.unlink(missing_ok=True)
    JsonIO.to_json(records(), target)
    flat = GenericIO.to_list(records()[:1], flatten=True)
    (folder / "argilla-flat.json").write_text(json.dumps(flat, ensure_ascii=False, default=str), encoding="utf-8")
    HFDatasetsIO.to_datasets(records()[:1], _NoImages()).to_parquet(str(folder / "argilla.parquet"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
