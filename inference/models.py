"""Model versions, where they run, and what they wrote."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from inference.backends.registry import BackendKind, describe


class ModelVersion(models.Model):
    """A base model, an adapter, or a compressed child. Registered by copying it into artefacts under a manifest."""

    class Source(models.TextChoices):
        EMBEDDED = "embedded", "Embedded"
        FOLDER = "folder", "Local folder"
        HUB = "hub", "Model hub"
        REMOTE = "remote", "OpenAI-compatible address"
        TRAINED = "trained", "Trained here"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="model_versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=10, choices=Source.choices)
    reference = models.CharField(max_length=400, help_text="Package, folder, name@commit, or the remote model's name.")
    method = models.CharField(max_length=20, default="base", help_text="base, lora, full, merge, bnb-nf4, …")
    base = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="descendants")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    files = models.ForeignKey("artifacts.Manifest", on_delete=models.PROTECT, null=True, related_name="+")
    adapter_files = models.ForeignKey("artifacts.Manifest", on_delete=models.PROTECT, null=True, related_name="+")
    parameters = models.BigIntegerField(null=True)
    size_bytes = models.BigIntegerField(null=True)
    context_length = models.PositiveIntegerField(null=True)
    licence = models.CharField(max_length=120, blank=True)
    control_tokens = models.JSONField(
        default=list, help_text="Strings that the tokenizer would take for control tokens."
    )
    default_sampling = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="model_version_number"),
            models.CheckConstraint(
                condition=Q(source="remote", files__isnull=True) | (~Q(source="remote") & Q(files__isnull=False)),
                name="local_models_have_files",
            ),
            models.CheckConstraint(
                condition=~Q(source="trained") | Q(base__isnull=False, parent__isnull=False),
                name="trained_models_name_their_base",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def root_id(self) -> int:
        """The base model that all of its line descends from."""
        return self.base_id or self.pk

    @property
    def backend(self) -> BackendKind:
        """What answers for it: its files are run here, an address is asked."""
        return describe("openai" if self.source == self.Source.REMOTE else "transformers")


class Deployment(models.Model):
    """A model version on a backend."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    backend = models.CharField(max_length=20)
    url = models.CharField(max_length=400, blank=True)
    api_key_name = models.CharField(max_length=80, blank=True, help_text="Environment variable that holds the key.")
    health = models.CharField(max_length=20, default="unknown")
    health_message = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model_version", "backend", "url"], name="one_deployment_a_place")
        ]

    def __str__(self) -> str:
        return f"{self.model_version} on {self.backend}"


class PromptCondition(models.Model):
    """How a model is asked: zero-shot, k-shot (examples drawn from train by seed), free or by constrained choice."""

    class Decoding(models.TextChoices):
        FREE = "free", "Free generation"
        CONSTRAINED = "constrained", "Constrained choice"
        CALIBRATED = "constrained-calibrated", "Constrained choice, calibrated"

    task_revision = models.ForeignKey(
        "projects.TaskRevision", on_delete=models.PROTECT, related_name="prompt_conditions"
    )
    name = models.CharField(max_length=60)
    decoding = models.CharField(max_length=24, choices=Decoding.choices, default=Decoding.FREE)
    shots = models.PositiveSmallIntegerField(default=0)
    seed = models.PositiveIntegerField(default=0)
    shot_messages = models.JSONField(default=list, help_text="The k user and assistant turns, drawn once and frozen.")
    shot_sources = models.JSONField(default=list, help_text="example:ID of each shot.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task_revision", "name", "seed"], name="one_condition_a_name"),
            models.CheckConstraint(
                condition=Q(decoding__in=("free", "constrained", "constrained-calibrated")), name="decoding_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GenerationRun(models.Model):
    """Model versions × prompt conditions × the items of one split × one sampling."""

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="generation_runs")
    number = models.PositiveIntegerField()
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    dataset_version = models.ForeignKey(
        "annotation.DatasetVersion", on_delete=models.PROTECT, related_name="generation_runs"
    )
    split = models.CharField(max_length=10)
    sampling = models.JSONField()
    job = models.ForeignKey("jobs.Job", on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="generation_run_number")]

    def __str__(self) -> str:
        return f"Generation run {self.number}"


class GenerationCell(models.Model):
    """One model version under one condition in a run."""

    run = models.ForeignKey(GenerationRun, on_delete=models.CASCADE, related_name="cells")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="generation_cells")
    condition = models.ForeignKey(PromptCondition, on_delete=models.PROTECT, related_name="generation_cells")
    hardware = models.CharField(max_length=200, blank=True)
    backend = models.CharField(max_length=20, blank=True)
    seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "model_version", "condition"], name="one_cell_a_run")]

    def __str__(self) -> str:
        return f"{self.model_version} {self.condition}"


class Generation(models.Model):
    """One answer. `values` and `parse` say what the codec read out of it, per field ok, recovered or failed."""

    cell = models.ForeignKey(GenerationCell, on_delete=models.PROTECT, related_name="generations")
    item = models.ForeignKey("annotation.DatasetItem", on_delete=models.PROTECT, related_name="generations")
    output = models.TextField(blank=True)
    values = models.JSONField(default=dict)
    parse = models.JSONField(default=dict)
    log_likelihoods = models.JSONField(null=True, help_text="Constrained choice: label → log-likelihood.")
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    first_token_seconds = models.FloatField(null=True)
    seconds = models.FloatField(null=True)
    concurrency = models.PositiveIntegerField(
        default=1, help_text="Answers under way at once: latency is only comparable at the same."
    )
    finish_reason = models.CharField(max_length=10)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cell", "item"], name="one_generation_an_item"),
            models.CheckConstraint(
                condition=Q(finish_reason__in=("stop", "length", "choice", "error")), name="finish_reason_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk}"
