"""The whole request of a run as one typed object: form, API, command and docs come from its fields."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from training.engine.config import Hyperparameters


class RunPlan(Hyperparameters):
    """The engine's hyperparameters and what only the platform knows: which parts of an answer weigh more."""

    short_field_weight: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Weight of choice fields in the loss: they are few tokens among many"
    )

    def engine(self) -> dict[str, Any]:
        """What the engine is given."""
        return self.model_dump(mode="json", exclude={"short_field_weight"})
