"""What is read out of an answer: one definition for scores, raters and every page that counts."""

from __future__ import annotations

import pytest

from annotation import codecs
from evaluation.campaigns.blinding import shown_text
from evaluation.scorecards import gather
from evaluation.scoring import automatic
from inference.models import Generation
from inference.selectors import cells_of
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


def write(world: worlds.World, output: str, k: int) -> list[Generation]:
    """The last k answers of the tuned model, written anew and read as ever."""
    rows = list(Generation.objects.filter(cell__run=world.tuned_run).order_by("-item__position")[:k])
    read = codecs.parse(worlds.SPEC, output)
    for row in rows:
        row.output, row.values, row.parse = output, read.values, dict(read.status)
        row.save()
    return rows


def test_a_text_that_was_left_out_is_empty_for_scores_and_raters(world: worlds.World) -> None:
    (left_out,) = write(world, "desk: Energy", 1)
    assert shown_text(worlds.SPEC, "reply", left_out) == ""
    items = gather.items_of(world.evaluation_set, "test")
    answers = gather.answers(world.tuned_run.cells.get(), items)
    test = gather.test_set(world.evaluation_set, items)
    scored = automatic.score(test, answers)["reply.rouge1"]
    assert scored.per_item is not None and scored.per_item[-1] == 0, "although the reference has the word energy"
    (unread,) = write(world, "", 1)
    unread.output = "Ask the tax office."
    assert shown_text(worlds.SPEC, "reply", unread) == "Ask the tax office.", (
        "where nothing could be read, what was written counts"
    )


def test_the_runs_page_and_the_card_say_the_same_of_what_was_parsed(world: worlds.World) -> None:
    Generation.objects.filter(cell__run=world.tuned_run, item__position__lt=6).update(
        finish_reason="error",
        output="",
        values={},
        parse={"desk": "failed", "reply": "failed"},
        error="The server is down.",
    )
    written = write(world, "Ask the tax office.", 5)
    assert {row.parse["reply"] for row in written} == {"recovered"}
    (facts,) = cells_of(world.tuned_run)
    card = worlds.make_scorecard(world).content["parse_rate"]["candidate zero-shot"]
    assert card == pytest.approx(facts.parse_rates) and 0 < card["reply"] < 1


def test_a_field_that_was_rightly_left_out_is_not_counted_as_unread() -> None:
    fields = (worlds.SPEC.fields[0], worlds.SPEC.fields[1].model_copy(update={"required": False}))
    world = worlds.make_world(spec=worlds.SPEC.model_copy(update={"fields": fields}))
    for row in Generation.objects.filter(cell__run=world.tuned_run)[:10]:
        row.values.pop("reply")
        row.parse.pop("reply")
        row.save()
    (facts,) = cells_of(world.tuned_run)
    assert facts.parse_rates == {"desk": 1.0, "reply": 1.0}
    assert worlds.make_scorecard(world).content["parse_rate"]["candidate zero-shot"] == {"desk": 1.0, "reply": 1.0}
