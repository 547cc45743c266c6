"""The exact text that the trainer sees, token by token, with the trained ones marked: the same render as the engine's.

Of an item of a test set only the prompt is shown, as the model is asked: nothing of it is ever trained on.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from annotation.models import DatasetItem, DatasetVersion
from annotation.panels import ItemPanel, Piece
from ftplatform.artifacts.services import materialise
from inference.models import ModelVersion
from training.engine.light import LightTokenizerError, light_renderer
from training.engine.render import Renderer, RenderError, TemplateError
from training.trainrows import row_of

TRAINED, ASKED = "As the trainer sees it", "As the model is asked"


def token_panel(item: DatasetItem) -> ItemPanel | None:
    """For the newest base model of the project whose files are here; None where there is none."""
    model = (
        ModelVersion.objects.filter(project_id=item.version.project_id, files__isnull=False, base__isnull=True)
        .select_related("files")
        .order_by("-number")
        .first()
    )
    if model is None or model.files is None:
        return None
    is_asked = item.version.kind == DatasetVersion.Kind.EVALUATION
    title = ASKED if is_asked else TRAINED
    spec = item.version.task_revision.spec
    row = row_of(item, spec, control_tokens=model.control_tokens, short_field_weight=1.0)
    try:
        tokens = _renderer(materialise(model.files)).preview(row)  # type: ignore[arg-type]  # Row or its like
    except (RenderError, TemplateError, LightTokenizerError) as error:
        return ItemPanel(title, "", reason=str(error))
    if is_asked:
        tokens = [token for token in tokens if not token.trained]
        note = f"{len(tokens)} tokens of {model}, zero-shot; the answer is not among them"
    else:
        trained = sum(token.trained for token in tokens)
        note = f"{len(tokens)} tokens of {model}, {trained} of them trained and marked, the end token among them"
        if spec.choice_fields:
            note += "; those of choice fields weigh more where a run sets so"
    return ItemPanel(title, note, _joined([Piece(token.text, token.trained, token.weight) for token in tokens]))


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Neighbours that are not trained become one run: only what is trained is told apart token by token."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and not piece.trained and not joined[-1].trained:
            joined[-1] = Piece(joined[-1].text + piece.text, trained=False)
        else:
            joined.append(piece)
    return tuple(joined)


@lru_cache(maxsize=4)
def _renderer(folder: Path) -> Renderer:
    return light_renderer(folder)
