"""What a rater may see, and what not. Everything that leaves for a rater is made here.

An answer reaches a rater without model name, version, latency, token count, backend, run, order of generation or any id that
could be joined with another page: only a letter, a text, and the assignment's random id.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.functions import Cast

from annotation import codecs
from annotation.models import DatasetItem
from evaluation.models import Assignment, Campaign, CampaignArm, CampaignRater, ItemAnswer
from ftplatform.accounts.models import User
from ftplatform.audit.models import AuditEvent
from ftplatform.projects.access import Access
from ftplatform.projects.spec import TaskSpec
from inference.models import Generation

LETTERS = "ABCD"
OVERRIDE = "campaign.override-blindness"
MOST_CHARACTERS = 6000
SELF_NAMING = re.compile(
    r"\b(?:smollm\d*|llama[- ]?\d*|qwen[- ]?\d*|mistral|gemma|gpt-?\d\w*|chatgpt|openai|claude|anthropic|deepseek|hugging ?face)\b"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\bi(?:'m| am) an? (?:ai|language model|assistant named)\b",
    re.IGNORECASE,
)


def shown_text(spec: TaskSpec, field: str, generation: Generation) -> str:
    """What the answer says in the field, as it is scored; white space and length cut the same way for all."""
    text = codecs.written(spec, field, generation.values, generation.output)
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))[:MOST_CHARACTERS]


def self_naming(text: str) -> str:
    """Words by which an answer names its author; empty when there are none."""
    found = list(dict.fromkeys(match.group(0) for match in SELF_NAMING.finditer(text)))
    return ", ".join(found)[:200]


def order_of(rater: CampaignRater, ordinal: int, answers: Sequence[ItemAnswer]) -> list[tuple[str, ItemAnswer]]:
    """Letter → answer for a rater's nth item. In each block every order of the arms stands once, so sides are balanced for every
    rater and every pair; the block's own order is drawn from the rater's seed."""
    by_arm = sorted(answers, key=lambda answer: answer.arm_id)
    orders = list(itertools.permutations(range(len(by_arm))))
    block, place = divmod(ordinal, len(orders))
    random.Random(f"{rater.block_seed}-{block}").shuffle(orders)  # noqa: S311 - stored with the assignment; the seed is secret
    return [(LETTERS[at], by_arm[index]) for at, index in enumerate(orders[place])]


def payload(assignment: Assignment) -> dict[str, Any]:
    """What the rater's page and the API show of an assignment, and nothing else."""
    campaign_item = assignment.campaign_item
    campaign = campaign_item.campaign
    item: DatasetItem = campaign_item.item
    spec = item.version.task_revision.spec
    return {
        "id": str(assignment.pk),
        "expires_at": assignment.expires_at,
        "prompt": "\n\n".join(str(item.content["inputs"].get(column.name) or "") for column in spec.inputs).strip(),
        "reference": item.content["values"].get(campaign.text_field, ""),
        "answers": [
            {"key": key.key, "text": key.answer.text} for key in sorted(assignment.keys.all(), key=lambda key: key.key)
        ],
        "dimensions": [
            {
                "name": dimension["name"],
                "title": dimension["title"],
                "question": dimension["question"],
                "anchors": {str(at): text for at, text in enumerate(dimension["anchors"], start=1)},
                "asks_harm": dimension["asks_harm"],
            }
            for dimension in campaign.rubric.content["dimensions"]
        ],
        "harm_categories": [
            {"name": kind["name"], "title": kind["title"]}
            for kind in campaign.rubric.content.get("harm_categories", [])
        ],
        "asks_preference": campaign.asks_preference,
        "draft": assignment.draft,
        "draft_revision": assignment.draft_revision,
    }


def seal(access: Access, model_versions: frozenset[int] | None) -> str | None:
    """While a campaign is open, its raters may not see which version wrote what; an admin may override it, audited."""
    names = [
        name for version, name in sealed_versions(access).items() if model_versions is None or version in model_versions
    ]
    if not names:
        return None
    return (
        f"You are rating blind in “{names[0]}”: this page shows which version wrote what. "
        "It opens for you when the campaign is closed."
    )


def sealed_versions(access: Access) -> dict[int, str]:
    """Model version → the open campaign in which the caller rates its answers blind."""
    arms = (
        CampaignArm.objects.filter(
            campaign__project=access.project,
            campaign__state=Campaign.State.OPEN,
            campaign__raters__user=access.user,
        )
        .exclude(Exists(_overrides(access.user, OuterRef("campaign"))))
        .order_by("pk")
    )
    return dict(arms.values_list("cell__model_version", "campaign__name"))


def eyes_opened_in(campaign: Campaign, user: User) -> Campaign | None:
    """The campaign, this one or another on any of the same answers, whose sealed pages this person opened. Anyone who has seen who
    wrote an answer can no longer rate it blind, in any campaign."""
    return (
        Campaign.objects.filter(Exists(_overrides(user, OuterRef("pk"))), arms__cell__in=campaign.arms.values("cell"))
        .order_by("pk")
        .first()
    )


def _overrides(user: User, campaign: OuterRef) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(
        verb=OVERRIDE, user=user, object_kind="evaluation.campaign", object_id=Cast(campaign, CharField())
    )
