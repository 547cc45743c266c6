"""From a frozen item to the row that the trainer reads: the engine is given these, and the page previews the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from annotation import codecs
from annotation.models import DatasetItem
from annotation.render import short_field_spans
from annotation.texts import neutralise
from ftplatform.projects.spec import TaskSpec
from training.engine.rows import Choice, Message, Row


def row_of(
    item: DatasetItem,
    spec: TaskSpec,
    *,
    control_tokens: Sequence[str],
    short_field_weight: float,
    with_choices: bool = False,
) -> Row:
    """The item's messages and answer with this model's own control tokens neutralised.

    The spans of short fields carry their weight; not where neutralising changed the answer, whose places are others then.
    with_choices: tell where choice fields stand, so that the engine can say how often the model would choose right.
    """
    content = item.content
    completion = neutralise(content["completion"], control_tokens)[0]
    is_same = completion == codecs.render(spec, content["values"])
    return Row(
        id=str(item.position + 1),  # what the dataset's page calls it: the engine's messages name rows by it
        messages=[
            Message(role=one["role"], content=neutralise(one["content"], control_tokens)[0])
            for one in content["messages"]
        ],
        completion=completion,
        spans=short_field_spans(spec, content["values"], short_field_weight) if is_same else [],
        choices=_choices(spec, content["values"]) if is_same and with_choices else [],
    )


def _choices(spec: TaskSpec, values: dict[str, Any]) -> list[Choice]:
    """Each choice field's place in the answer, with its labels as the codec writes them."""

    def written(label: str) -> str:
        return json.dumps(label, ensure_ascii=False)[1:-1] if spec.codec == "json" else label

    spans = codecs.spans_of(spec, values)
    return [
        Choice(name=field.name, start=start, end=end, labels=[written(label) for label in field.labels])
        for field in spec.choice_fields
        if field.name in spans
        for start, end in [spans[field.name]]
    ]
