"""Scores of one source on a test set: which values a field can have is the task's word, not what happens to occur."""

from typing import Any

import pytest

from evaluation.metrics import MetricInputError
from evaluation.scoring import automatic
from evaluation.scoring.automatic import Answers, TestSet, score
from ftplatform.projects.spec import TaskSpec


def scored(metric: str, references: list[int], given: list[int]) -> Any:
    spec = TaskSpec.model_validate(
        {
            "inputs": [{"name": "text"}],
            "fields": [{"name": "stars", "kind": "rating", "primary_metric": metric}],
            "user": "{text}",
            "codec": "plain",
        }
    )
    size = len(references)
    test = TestSet(
        spec, range(size), [{"stars": one} for one in references], [{}] * size, [str(at) for at in range(size)]
    )
    answers = Answers(
        key="base",
        title="zero-shot",
        model="base",
        model_version=1,
        fields=frozenset({"stars"}),
        values=[{"stars": one} for one in given],
        parse=[{"stars": "exact"}] * size,
        outputs=[str(one) for one in given],
    )
    return score(test, answers)[f"stars.{metric}"]


def test_a_rating_is_as_far_off_as_its_scale_says_whichever_steps_occur() -> None:
    """1 for 4 is three steps though nobody said 2 or 3. By hand: 1 − (9 + 1) / expected squared distance, all pairs."""
    references, given = [1, 4, 5, 5], [4, 4, 5, 4]
    expected = sum((r - g) ** 2 for r in references for g in given) / 4
    assert scored("quadratic_kappa", references, given).figure.value == pytest.approx(1 - 10 / expected)


@pytest.mark.parametrize("metric", ["f1_macro", "mcc", "accuracy"])
def test_two_sources_are_scored_by_one_table_whatever_they_answered(metric: str) -> None:
    base, tuned = scored(metric, [1, 4, 5, 5], [1, 4, 5, 4]), scored(metric, [1, 4, 5, 5], [1, 2, 3, 5])
    shapes = {None if one.statistics is None else one.statistics.shape for one in (base, tuned)}
    assert len(shapes) == 1


def test_a_metric_that_cannot_be_had_is_what_it_is_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower is better for an error, whether or not there is a figure."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise MetricInputError("nothing to go by")

    had = scored("mean_absolute_error", [1, 4], [4, 4])
    monkeypatch.setattr(automatic, "compute", refuse)
    absent = scored("mean_absolute_error", [1, 4], [4, 4])
    assert (absent.figure.value, absent.figure.reason) == (None, "nothing to go by")
    assert absent.direction == had.direction == "lower"
    assert (absent.scale, absent.limits) == (had.scale, had.limits) and absent.limits[1] > 1
