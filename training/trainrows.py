"""From a frozen item to the row that the trainer reads: the engine is given these, and the page previews the same."""

from __future__ import annotations

from collections.abc import Sequence

from annotation import codecs
from annotation.models import DatasetItem
from annotation.render import short_field_spans
from annotation.texts import neutralise
from ftplatform.projects.spec import TaskSpec
from training.engine.rows import Message, Row


def row_of(item: DatasetItem, spec: TaskSpec, *, control_tokens: Sequence[str], short_field_weight: float) -> Row:
    """The item's messages and answer with this model's own control tokens neutralised.

    The spans of short fields carry their weight; not where neutralising changed the answer, whose places are others then.
    """
    content = item.content
    completion = neutralise(content["completion"], control_tokens)[0]
    is_same = completion == codecs.render(spec, content["values"])
    return Row(
        id=str(item.pk),
        messages=[
            Message(role=one["role"], content=neutralise(one["content"], control_tokens)[0])
            for one in content["messages"]
        ],
        completion=completion,
        spans=short_field_spans(spec, content["values"], short_field_weight) if is_same else [],
    )
