"""What a user can do in this room: baselines, rules, comparisons, campaigns, ratings."""

from evaluation.services.campaigns import close_campaign, invite_rater, open_campaign, override_blindness
from evaluation.services.ratings import next_item, release_item, revise_rating, save_draft, submit_rating
from evaluation.services.rubrics import ensure_rubric
from evaluation.services.rules import set_rules
from evaluation.services.scorecards import (
    make_baseline,
    make_comparison,
    request_baseline,
    request_comparison,
    request_rescore,
)

__all__ = [
    "close_campaign",
    "ensure_rubric",
    "invite_rater",
    "make_baseline",
    "make_comparison",
    "next_item",
    "open_campaign",
    "override_blindness",
    "release_item",
    "request_baseline",
    "request_comparison",
    "request_rescore",
    "revise_rating",
    "save_draft",
    "set_rules",
    "submit_rating",
]
