"""All long work. PostgreSQL is the queue of record; a Celery message is only a wake-up that carries a job's id."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

STALE = timedelta(seconds=30)
"""A running job without a heartbeat for so long has lost its worker."""


class JobQuerySet(models.QuerySet["Job"]):
    def waiting(self, *, now: datetime) -> "JobQuerySet":
        """Jobs that wait for a worker: queued, or running with one that is gone."""
        return self.filter(Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, heartbeat_at__lt=now - STALE))


class Job(models.Model):
    """queued → running → succeeded | failed | cancelled.

    `attempt` is the fence: the claim raises it, and every later write of the job carries `WHERE attempt = mine`, so that a
    worker thought dead can change nothing any more.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    LIVE = (State.QUEUED, State.RUNNING)

    kind = models.CharField(max_length=40)
    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, null=True, related_name="jobs")
    title = models.CharField(max_length=200)
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    deaths = models.PositiveSmallIntegerField(
        default=0,
        help_text="Workers that died during this job, one after another; an orderly end or a resume begins anew.",
    )
    worker = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=20, blank=True)
    result = models.JSONField(default=dict)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_as = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="jobs_live", condition=Q(state__in=("queued", "running"))),
            models.Index(fields=["project", "-id"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running")) | Q(finished_at__isnull=False), name="job_end_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(heartbeat_at__isnull=False), name="job_running_has_a_heartbeat"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE

    def has_lost_its_worker(self, *, now: datetime) -> bool:
        return self.state == self.State.RUNNING and self.heartbeat_at is not None and self.heartbeat_at < now - STALE

    @property
    def percent(self) -> int | None:
        return min(100, round(100 * self.done / self.total)) if self.total else None


class JobEvent(models.Model):
    """Append-only stream of what a job said: log lines, metrics, state changes."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=20)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["job", "id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.message}"


class Slot(models.Model):
    """Something that a host can give to one job or deployment at a time: a CPU-heavy place, a GPU."""

    host = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    index = models.PositiveSmallIntegerField()
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "kind", "index"], name="one_slot_a_place")]

    def __str__(self) -> str:
        return f"{self.host} {self.kind} {self.index}"


class SlotClaim(models.Model):
    """Who holds a slot: a job, or (later) a deployment by `holder`. Granted before the wake-up."""

    slot = models.OneToOneField(Slot, on_delete=models.CASCADE, related_name="claim")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, null=True, related_name="slot_claim")
    holder = models.CharField(max_length=60)
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder"], name="one_slot_a_holder")]

    def __str__(self) -> str:
        return f"{self.holder} holds {self.slot}"


class IdempotencyKey(models.Model):
    """The answer to a POST that starts work, kept so that the same request twice starts it once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return self.key
