"""Hand-out of tickets: a row per slot, leases, and a cursor per labeler. See annotation/handout.py for the queries."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Queue(models.Model):
    """Tickets to be labelled, each by `overlap` different people."""

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="queues")
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    overlap = models.PositiveSmallIntegerField(default=1)
    lease_minutes = models.PositiveSmallIntegerField(default=30)
    total = models.PositiveIntegerField(default=0, help_text="Slots in all; set when slots are made.")
    is_open = models.BooleanField(default=True)
    returned = models.PositiveIntegerField(default=0, help_text="How often a slot was given back.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(overlap__gte=1, overlap__lte=20), name="overlap_is_1_to_20")]

    def __str__(self) -> str:
        return self.name


class HandoutSlot(models.Model):
    """One of the `overlap` places of an example in a queue."""

    class State(models.TextChoices):
        OPEN = "open"
        LEASED = "leased"
        DONE = "done"

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="slots")
    example = models.ForeignKey("annotation.Example", on_delete=models.PROTECT, related_name="handout_slots")
    number = models.PositiveSmallIntegerField()
    position = models.BigIntegerField(help_text="Order of hand-out; a returned slot goes to the end.")
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "example", "number"], name="one_slot_a_number"),
            models.CheckConstraint(
                condition=Q(state="leased", leased_until__isnull=False)
                | (~Q(state="leased") & Q(leased_until__isnull=True)),
                name="leased_slot_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "position"], name="handout_open", condition=Q(state="open")),
            models.Index(fields=["queue", "leased_until"], name="handout_leased", condition=Q(state="leased")),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of ticket {self.example_id}"


class Lease(models.Model):
    """An example in one labeler's hands until a time. One row for each (queue, example, labeler) for ever: whoever skipped or
    answered a ticket is never given it again, and two tabs share one row."""

    class State(models.TextChoices):
        LIVE = "live"
        SUBMITTED = "submitted"
        SKIPPED = "skipped"
        RELEASED = "released"
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="leases")
    example = models.ForeignKey("annotation.Example", on_delete=models.PROTECT, related_name="leases")
    labeler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="leases")
    slot = models.ForeignKey(HandoutSlot, on_delete=models.SET_NULL, null=True, related_name="leases")
    state = models.CharField(max_length=9, choices=State.choices, default=State.LIVE)
    expires_at = models.DateTimeField()
    shown_at = models.DateTimeField(null=True, help_text="Empty while it is only prefetched.")
    draft = models.JSONField(null=True)
    draft_revision = models.PositiveIntegerField(default=0)
    skip_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "example", "labeler"], name="one_lease_a_labeler_and_example"),
            models.UniqueConstraint(fields=["slot"], condition=Q(state="live"), name="one_live_lease_a_slot"),
        ]
        indexes = [
            models.Index(fields=["labeler", "queue", "created_at"], name="lease_live", condition=Q(state="live")),
            models.Index(fields=["labeler", "queue", "-ended_at"]),
        ]

    def __str__(self) -> str:
        return f"ticket {self.example_id} with {self.labeler_id}"


class QueueCursor(models.Model):
    """Where a labeler stands in a queue. All open slots before it are ones that this labeler has had: without the cursor the
    query would scan one's own finished work again and again (115 ms at 100,000 done; 0.55 ms with it)."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="cursors")
    labeler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    position = models.BigIntegerField(default=-1)
    submitted = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    exhausted_at = models.PositiveIntegerField(
        null=True, help_text="The queue's `returned` when nothing open was left for this labeler."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "labeler"], name="one_cursor_a_labeler")]

    def __str__(self) -> str:
        return f"labeler {self.labeler_id} at {self.position}"
