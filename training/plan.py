"""The whole request of a run as one typed object: form, API, command and docs come from its fields."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from training.engine.config import Hyperparameters

USUAL_RATES = {"lora": (1e-5, 5e-3), "qlora": (1e-5, 5e-3), "full": (1e-6, 1e-3)}
"""Learning rates of AdamW, lowest and highest, between which published recipes lie: 1e-4 to 5e-4 for adapters on large models
(Hu et al. 2021, Dettmers et al. 2023), 1e-5 to 5e-5 for all weights; small models and short runs take more."""


class RunPlan(Hyperparameters):
    """The engine's hyperparameters and what only the platform knows: which parts of an answer weigh more, what is watched."""

    short_field_weight: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Weight of choice fields in the loss: they are few tokens among many"
    )

    samples: Annotated[int, Field(ge=0, le=5)] = Field(
        2, description="Validation rows that the model answers while it trains, for a person to read; 0: none"
    )

    def engine(self) -> dict[str, Any]:
        """The hyperparameters that the engine is given: what changes the weights."""
        return self.model_dump(mode="json", exclude={"short_field_weight", "samples"})

    @property
    def warnings(self) -> list[str]:
        """What is allowed and yet looks like a slip."""
        low, high = USUAL_RATES[self.method]
        what = "all weights" if self.method == "full" else "an adapter"
        if self.learning_rate > high:
            return [
                f"Learning rate {self.learning_rate:g} is far above the usual for {what}, {low:g} to {high:g}: the run may diverge."
            ]
        if self.learning_rate < low:
            return [
                f"Learning rate {self.learning_rate:g} is far below the usual for {what}, {low:g} to {high:g}: little will be learnt."
            ]
        return []
