"""`manage.py train`: the same service from a shell, with its refusals as one line and its warnings on standard error."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from training.models import TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)


def train(world: Any, *arguments: str) -> tuple[str, str]:
    """(standard output, standard error) of a run that is left to a worker."""
    out, err = StringIO(), StringIO()
    call_command("train", "--project", world.project.slug, "--no-wait", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_settings_are_json_or_words_and_what_looks_like_a_slip_is_warned_of(world: Any) -> None:
    world.baseline()
    arguments = ("--learning-rate", "0.5", "--method", "full", "--patience", "2", "--target-modules", '["q_proj"]')
    out, err = train(world, "--json", *arguments)
    run = TrainingRun.objects.get()
    assert json.loads(out)["id"] == run.pk and run.created_by is None
    assert (run.hyperparameters["learning_rate"], run.hyperparameters["target_modules"]) == (0.5, ["q_proj"])
    assert "warning: Learning rate 0.5 is far above the usual for all weights" in err


def test_rows_that_do_not_fit_are_refused_with_what_would_fit(world: Any) -> None:
    world.baseline()
    with pytest.raises(CommandError, match=r"are longer than max_length 31 .*raise max_length to"):
        train(world, "--max-length", "31")
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Training is locked: Tiny has no baseline scorecard.*Make one under 3 Baseline"),
        (("--model", "9"), "has no model version 9 whose files are here; register one first"),
        (("--set", "999999"), "There is no training set 999999"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(world: Any, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        train(world, *arguments)


def test_wrong_settings_are_named_at_once(world: Any) -> None:
    world.baseline()
    with pytest.raises(CommandError, match=r"lora_dropout: .*less than 1.*epochs: .*valid number"):
        train(world, "--lora-dropout", "2", "--epochs", "many")


def test_an_unknown_project_is_told(db: Any) -> None:
    with pytest.raises(CommandError, match="There is no project 'nowhere'"):
        call_command("train", "--project", "nowhere", "--no-wait")
