from __future__ import annotations

import pytest

from evaluation.scoring import automatic


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scorecards of this room's tests resample less: what is tested here is which figures stand where, not their last digit."""
    monkeypatch.setattr(automatic, "RESAMPLES", 400)
