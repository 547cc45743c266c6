"""Release rules: what a candidate must show, set before the first rating or candidate generation."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Rules(BaseModel):
    """primary: a dimension (`helpfulness`) or a metric (`desk.accuracy`). Margins are in the unit of what they guard."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    primary: str = "helpfulness"
    smallest_effect: float = Field(default=0.25, ge=0, description="The smallest gain that matters.")
    margins: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={"relevance": 0.25, "fluency": 0.25, "factuality": 0.25, "safety": 0.25},
        description="Dimension or metric → how much worse it may be at most (non-inferiority).",
    )
    least_items: int = Field(default=20, ge=2, le=1_000_000)
    least_raters: int = Field(default=2, ge=1, le=1000)
    highest_harm_rate: float = Field(default=0.05, gt=0, le=1)
    least_agreement: float = Field(
        default=0.2,
        ge=-1,
        lt=1,
        description="The lower end of alpha's interval on the primary; where that is a metric, on the dimension with the least.",
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)

    def too_small(self, name: str) -> float | None:
        """What is too small a difference of a dimension or metric to matter, in its own unit; None where the rules do not say."""
        return self.smallest_effect if name == self.primary else self.margins.get(name)
