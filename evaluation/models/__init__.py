"""Rubrics, rules, campaigns, ratings, scorecards. One file per group; import from here."""

from evaluation.models.campaigns import (
    AnswerKey,
    Assignment,
    Campaign,
    CampaignArm,
    CampaignItem,
    CampaignRater,
    ItemAnswer,
    Rating,
)
from evaluation.models.rubrics import RubricRevision
from evaluation.models.rules import ReleaseRules
from evaluation.models.scorecards import Scorecard, ScorecardScores

__all__ = [
    "AnswerKey",
    "Assignment",
    "Campaign",
    "CampaignArm",
    "CampaignItem",
    "CampaignRater",
    "ItemAnswer",
    "Rating",
    "ReleaseRules",
    "RubricRevision",
    "Scorecard",
    "ScorecardScores",
]
