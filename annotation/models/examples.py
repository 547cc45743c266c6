from django.conf import settings
from django.db import models
from django.db.models import Q


class Split(models.TextChoices):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Import(models.Model):
    """One file on its way to examples. All or nothing, unless the user chose to keep the good rows."""

    class Duplicates(models.TextChoices):
        SKIP = "skip", "Skip them"
        KEEP = "keep", "Keep them"
        MERGE = "merge", "Merge their labels into the tickets that are here"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="imports")
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255)
    file = models.ForeignKey("artifacts.Blob", on_delete=models.PROTECT, related_name="+")
    format = models.CharField(max_length=20, blank=True, help_text="Empty, as the two below: found out.")
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    detected = models.JSONField(
        default=dict, help_text="What was found: format, encoding, delimiter, columns, warnings."
    )
    mapping = models.JSONField(
        default=dict, help_text="Column of the file → input:NAME, field:NAME, group, occurred_at or raw."
    )
    keep_good_rows = models.BooleanField(default=False)
    duplicates = models.CharField(max_length=5, choices=Duplicates.choices, default=Duplicates.SKIP)
    row_limit = models.PositiveIntegerField(
        null=True, help_text="A seeded sample stratified by the first mapped choice field."
    )
    seed = models.PositiveIntegerField(default=0)
    job = models.ForeignKey("jobs.Job", on_delete=models.PROTECT, null=True, related_name="+")
    rows_total = models.PositiveIntegerField(default=0)
    rows_imported = models.PositiveIntegerField(default=0)
    rows_rejected = models.PositiveIntegerField(default=0)
    rows_duplicate = models.PositiveIntegerField(default=0, help_text="Left out because their text is here already.")
    rows_merged = models.PositiveIntegerField(
        default=0, help_text="Duplicates that gave a label to the ticket that is here."
    )
    finished_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.file_name


class ImportRowError(models.Model):
    """A row that was not imported, why, and the row itself."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="row_errors")
    row = models.PositiveIntegerField(help_text="Line in the file, the header being line 1.")
    field = models.CharField(max_length=200)
    message = models.TextField()
    raw = models.JSONField(default=dict, help_text="Column → value, or the text of a row that has no columns.")

    class Meta:
        indexes = [models.Index(fields=["source", "row"])]

    def __str__(self) -> str:
        return f"row {self.row}, {self.field}: {self.message}"


class Example(models.Model):
    """A ticket, narrow: ids, split, hashes and state. Its texts stand in ExampleContent, so that lists stay small.

    Hashes are keyed with the project's `text_key`. `content_hash` is not unique: duplicates are kept, skipped or merged as the
    import says. `group_key` never crosses sets; it joins the group column with the normalised prompt.
    """

    class State(models.TextChoices):
        NEW = "new", "New"
        LABELLED = "labelled", "Labelled"
        RESOLVED = "resolved", "Resolved"
        UNRESOLVED = "unresolved", "Unresolved"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="examples")
    source = models.ForeignKey(Import, on_delete=models.PROTECT, null=True, related_name="examples")
    row = models.PositiveIntegerField(null=True)
    content_hash = models.CharField(max_length=64)
    prompt_hash = models.CharField(max_length=64)
    group_key = models.CharField(max_length=64)
    occurred_at = models.DateTimeField(null=True)
    split = models.CharField(max_length=10, choices=Split.choices, null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    answers = models.PositiveSmallIntegerField(default=0, help_text="People who answered.")
    is_flagged = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "-id"]),
            models.Index(fields=["project", "split", "-id"]),
            models.Index(fields=["project", "state", "-id"]),
            models.Index(fields=["project", "content_hash"]),
            models.Index(fields=["project", "group_key"]),
            models.Index(fields=["project", "prompt_hash"]),
            models.Index(fields=["project", "-id"], name="example_flagged", condition=Q(is_flagged=True)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(split__isnull=True) | Q(split__in=Split.values), name="example_split_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Ticket {self.pk}"


class ExampleContent(models.Model):
    """The texts of one example: raw columns kept for ever, cleaned inputs beside them."""

    example = models.OneToOneField(Example, on_delete=models.CASCADE, primary_key=True, related_name="content")
    raw = models.JSONField()
    inputs = models.JSONField()
    neutralised = models.PositiveSmallIntegerField(default=0, help_text="Control tokens made harmless in the inputs.")

    def __str__(self) -> str:
        return f"Texts of ticket {self.pk}"


class ImportDuplicate(models.Model):
    """A row that made no ticket because its text is here already: which ticket it equals, and the labels that it brought."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="row_duplicates")
    row = models.PositiveIntegerField(help_text="Line in the file, the header being line 1.")
    example = models.ForeignKey(Example, on_delete=models.CASCADE, related_name="+")
    labels = models.JSONField(default=dict)
    is_merged = models.BooleanField(default=False, help_text="Whether a label of the row was added to the ticket.")

    class Meta:
        indexes = [models.Index(fields=["source", "row"])]

    def __str__(self) -> str:
        return f"row {self.row} equals ticket {self.example_id}"
