"""Blind rating. What could tell a rater who wrote what stays in this file's rows and is never sent: see evaluation/campaigns/blinding.py."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Campaign(models.Model):
    """Experts rate generations blind. An item is one ticket with all compared answers."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="campaigns")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    rubric = models.ForeignKey("evaluation.RubricRevision", on_delete=models.PROTECT, related_name="campaigns")
    rules = models.ForeignKey("evaluation.ReleaseRules", on_delete=models.PROTECT, related_name="campaigns")
    evaluation_set = models.ForeignKey("annotation.DatasetVersion", on_delete=models.PROTECT, related_name="campaigns")
    text_field = models.CharField(max_length=40, help_text="The field whose text is rated.")
    asks_preference = models.BooleanField(default=False)
    overlap = models.PositiveSmallIntegerField(default=2, help_text="Raters an item.")
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    seed = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="campaign_number"),
            models.CheckConstraint(condition=Q(overlap__gte=1, overlap__lte=10), name="campaign_overlap_is_1_to_10"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True) | Q(state="closed", closed_at__isnull=False),
                name="closed_campaign_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignArm(models.Model):
    """One of the compared sources: a model version under a condition, as generated in a cell."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="arms")
    cell = models.ForeignKey("inference.GenerationCell", on_delete=models.PROTECT, related_name="campaign_arms")
    is_baseline = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "cell"], name="one_arm_a_cell"),
            models.UniqueConstraint(fields=["campaign"], condition=Q(is_baseline=True), name="one_baseline_arm"),
        ]

    def __str__(self) -> str:
        return str(self.cell)


class CampaignItem(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="items")
    item = models.ForeignKey("annotation.DatasetItem", on_delete=models.PROTECT, related_name="campaign_items")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="one_campaign_item_a_position"),
            models.UniqueConstraint(fields=["campaign", "item"], name="one_campaign_item_a_ticket"),
        ]

    def __str__(self) -> str:
        return f"Item {self.position + 1}"


class ItemAnswer(models.Model):
    """An answer as raters see it: the parsed text, trimmed the same way for every arm."""

    campaign_item = models.ForeignKey(CampaignItem, on_delete=models.PROTECT, related_name="answers")
    arm = models.ForeignKey(CampaignArm, on_delete=models.PROTECT, related_name="answers")
    generation = models.ForeignKey("inference.Generation", on_delete=models.PROTECT, related_name="item_answers")
    text = models.TextField()
    self_naming = models.CharField(
        max_length=200, blank=True, help_text="Words by which the answer names its author, if any."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign_item", "arm"], name="one_answer_an_arm")]

    def __str__(self) -> str:
        return f"answer of arm {self.arm_id}"


class CampaignRater(models.Model):
    """An invited expert. While the campaign is open this person is refused every page that names who wrote what."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="raters")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="campaign_ratings")
    block_seed = models.PositiveBigIntegerField(help_text="Draws this rater's orders in balanced blocks.")
    could_read = models.BooleanField(
        default=False,
        help_text="Held a role, when invited, that opens the pages on which versions stand beside answers.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "user"], name="one_rater_a_campaign")]

    def __str__(self) -> str:
        return f"rater {self.user_id} of campaign {self.campaign_id}"


class Assignment(models.Model):
    """An item in one rater's hands. Its id is drawn at random per (campaign, rater, item), so that it joins with nothing."""

    class State(models.TextChoices):
        LIVE = "live"
        RATED = "rated"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign_item = models.ForeignKey(CampaignItem, on_delete=models.PROTECT, related_name="assignments")
    rater = models.ForeignKey(CampaignRater, on_delete=models.PROTECT, related_name="assignments")
    ordinal = models.PositiveIntegerField(help_text="The rater's first, second, … item; balances the order in blocks.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.LIVE)
    expires_at = models.DateTimeField()
    draft = models.JSONField(null=True)
    draft_revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    rated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign_item", "rater"], name="one_assignment_a_rater"),
            models.UniqueConstraint(fields=["rater", "ordinal"], name="one_assignment_an_ordinal"),
            models.CheckConstraint(
                condition=~Q(state="rated") | Q(rated_at__isnull=False), name="rated_assignment_has_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["rater"], name="assignment_live", condition=Q(state="live")),
            models.Index(fields=["campaign_item", "state"]),
        ]

    def __str__(self) -> str:
        return str(self.id)


class AnswerKey(models.Model):
    """Which answer stands under which letter: the order is a stored property of the assignment."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="keys")
    key = models.CharField(max_length=1)
    answer = models.ForeignKey(ItemAnswer, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "key"], name="one_answer_a_letter"),
            models.UniqueConstraint(fields=["assignment", "answer"], name="one_letter_an_answer"),
            models.CheckConstraint(condition=Q(key__in=("A", "B", "C", "D")), name="letters_are_a_to_d"),
        ]

    def __str__(self) -> str:
        return self.key


class Rating(models.Model):
    """What a rater said of an item. Append-only; a revision supersedes.

    scores: {letter: {dimension: 1–5 or null}}; harm: {letter: bool}, without the letters that could not be judged; harm_category:
    {letter: category of the rubric}, where one was named; cannot: {letter: why it cannot be judged}, for each letter with a null.
    All keyed as the rater saw them, resolved through AnswerKey.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="ratings")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    scores = models.JSONField()
    harm = models.JSONField(default=dict)
    harm_category = models.JSONField(null=True)
    preference = models.CharField(max_length=8, blank=True)
    spans = models.JSONField(default=list)
    cannot = models.JSONField(default=dict)
    reason = models.TextField(blank=True, help_text="A comment on the item.")
    seconds = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(supersedes__isnull=True), name="one_chain_of_ratings"
            ),
            models.CheckConstraint(
                condition=Q(preference__in=("", "A", "B", "tie", "both_bad")), name="preference_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"rating {self.pk}"
