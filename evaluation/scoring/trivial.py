"""Answers that need no model: the majority class, and the answer of the most similar training ticket. A model that does not beat
them has learnt nothing that a lookup could not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.scoring.automatic import Answers, TestSet
from ftplatform.projects.spec import TaskSpec


def answers(
    test: TestSet, train_inputs: Sequence[dict[str, Any]], train_values: Sequence[dict[str, Any]]
) -> list[Answers]:
    """Both references as sources of answers; none when there is no training answer to draw on."""
    rows = []
    if any(field.kind == "choice" for field in test.spec.fields) and train_values:
        rows.append(_majority(test, train_values))
    if train_values:
        rows.append(_most_similar(test, train_inputs, train_values))
    return rows


def _majority(test: TestSet, train_values: Sequence[dict[str, Any]]) -> Answers:
    values: dict[str, Any] = {}
    for field in test.spec.fields:
        if field.kind == "choice":
            counts = Counter(one[field.name] for one in train_values if field.name in one)
            if counts:
                values[field.name] = counts.most_common(1)[0][0]
    return _source("majority", "Majority class", test, [values] * test.size)


def _most_similar(
    test: TestSet, train_inputs: Sequence[dict[str, Any]], train_values: Sequence[dict[str, Any]]
) -> Answers:
    """TF-IDF cosine over character n-grams within words of all inputs; the first of equally similar tickets."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import: not every command scores

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    train = vectorizer.fit_transform([_text(test.spec, one) for one in train_inputs])
    nearest = (vectorizer.transform([_text(test.spec, one) for one in test.inputs]) @ train.T).argmax(axis=1)
    picked = [train_values[int(at)] for at in np.asarray(nearest).ravel()]  # sparse: a matrix or an array
    return _source("most-similar", "Answer of the most similar training ticket", test, picked)


def _text(spec: TaskSpec, inputs: dict[str, Any]) -> str:
    return "\n".join(str(inputs.get(column.name) or "") for column in spec.inputs)


def _source(key: str, title: str, test: TestSet, values: list[dict[str, Any]]) -> Answers:
    fields = frozenset(name for one in values for name in one)
    parse = [{field.name: "ok" if field.name in one else "failed" for field in test.spec.fields} for one in values]
    outputs = [""] * test.size
    return Answers(key, title, "none", None, fields, values, parse, outputs)
