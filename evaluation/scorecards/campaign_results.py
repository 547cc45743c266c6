"""What a campaign's ratings say until now, before any scorecard counts them, and what they can never say."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import Count, Max
from pydantic import ValidationError

from evaluation.models import Campaign, Rating
from evaluation.scorecards.compose import human_of
from evaluation.scoring.content import Human
from evaluation.scoring.reach import shortfalls
from evaluation.scoring.rules import Rules

KEPT_SECONDS = 3600
"""A release that counts otherwise shows its figures within the hour."""


def results_of(campaign: Campaign) -> Human:
    """What the ratings say until now, by the same arithmetic as the scorecard's.

    That takes a second or so, and readers come more often than ratings: it is done once for each newest rating. Ratings are
    append-only, so the newest and how many there are name them all; the newest alone would miss one that was numbered before it and
    committed after it.
    """
    ratings = Rating.objects.filter(assignment__campaign_item__campaign=campaign)
    known = ratings.aggregate(newest=Max("pk"), n=Count("pk"))
    # Databases that share a cache repeat each other's ids; the time of opening tells them apart.
    opened = campaign.created_at.timestamp()
    key = f"campaign-results:{campaign.pk}:{opened}:{campaign.rules_id}:{campaign.state}:{known['newest']}:{known['n']}"
    if (kept := cache.get(key)) is not None:
        try:
            return Human.model_validate_json(kept)
        except ValidationError:
            pass  # of a release that kept other figures
    found = human_of([campaign], Rules.model_validate(campaign.rules.content))
    assert found is not None  # only a lack of campaigns gives None
    cache.set(key, found.model_dump_json(), KEPT_SECONDS)
    return found


def shortfalls_of(campaign: Campaign, items: int) -> list[str]:
    """The rules that the campaign by itself, with so many items, cannot meet."""
    return shortfalls(Rules.model_validate(campaign.rules.content), items, campaign.overlap)
