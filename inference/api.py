"""This room's resources under /api/v1/, over the same services and selectors as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.models import DatasetVersion, Split
from ftplatform.api.idempotency import PARAMETER, once
from ftplatform.errors import Refused
from ftplatform.jobs.models import Job
from ftplatform.projects.access import ADMIN, READERS, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed
from inference import selectors, services
from inference.models import Deployment, Generation, GenerationCell, GenerationRun, ModelVersion, PromptCondition
from inference.services import Asking

LARGEST_ID = 2**63 - 1


class DeploymentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Deployment
        fields = ["id", "model_version", "backend", "url", "health", "health_message", "checked_at", "created_at"]
        read_only_fields = fields


class ModelVersionSerializer(serializers.ModelSerializer):
    manifest = serializers.CharField(source="files.sha256", read_only=True, allow_null=True, default=None)
    deployments = DeploymentSerializer(many=True, read_only=True)

    class Meta:
        model = ModelVersion
        fields = ["id", "number", "name", "source", "reference", "method", "base", "parent", "manifest", "parameters", "size_bytes",
                  "context_length", "licence", "default_sampling", "deployments", "created_at"]  # fmt: skip
        read_only_fields = fields


class EmbeddedRequest(serializers.Serializer):
    """The model that comes with the platform."""

    source = serializers.ChoiceField(choices=["embedded"])  # type: ignore[assignment]  # a field of this name, not the attribute


class FolderRequest(serializers.Serializer):
    """A folder on the site's machine, under one that the operator opened (FT_MODEL_DIRS)."""

    source = serializers.ChoiceField(choices=["folder"])  # type: ignore[assignment]  # a field of this name, not the attribute
    folder = serializers.CharField(max_length=400)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    licence = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class HubRequest(serializers.Serializer):
    """A model on the hub, pinned to a commit."""

    source = serializers.ChoiceField(choices=["hub"])  # type: ignore[assignment]  # a field of this name, not the attribute
    name = serializers.CharField(max_length=200, help_text="owner/name")
    revision = serializers.CharField(max_length=40, help_text="40 hexadecimal digits")


class RemoteRequest(serializers.Serializer):
    """Any OpenAI-compatible address."""

    source = serializers.ChoiceField(choices=["remote"])  # type: ignore[assignment]  # a field of this name, not the attribute
    url = serializers.CharField(max_length=400)
    model = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    api_key_name = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


REQUESTS: dict[str, Any] = {
    "embedded": EmbeddedRequest,
    "folder": FolderRequest,
    "hub": HubRequest,
    "remote": RemoteRequest,
}


class StartedSerializer(serializers.Serializer):
    """Work that a worker does: `GET /api/v1/jobs/{job}/` tells how far it is."""

    job = serializers.IntegerField()
    state = serializers.CharField()


@extend_schema_view(get=extend_schema(operation_id="model_versions_list"))
class ModelVersions(ListAPIView):
    serializer_class = ModelVersionSerializer

    def get_queryset(self) -> Any:
        access = enter(self.request, self.kwargs["slug"], READERS)
        return selectors.versions_of(access.project).select_related("files").order_by()

    @extend_schema(
        parameters=[PARAMETER],
        request=PolymorphicProxySerializer("ModelVersionRequest", REQUESTS, resource_type_field_name="source"),
        responses={201: ModelVersionSerializer, 202: StartedSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Registers a model by its source. All but an address take a while: 202 with the job, whose result names the version."""
        access = enter(request, slug, ADMIN)
        source = request.data.get("source") if isinstance(request.data, dict) else None
        if not isinstance(source, str) or source not in REQUESTS:
            raise Refused("unknown-source", f"source is one of {', '.join(REQUESTS)}.", field="source")
        serializer = REQUESTS[source](data=request.data)
        serializer.is_valid(raise_exception=True)
        values = {name: value for name, value in serializer.validated_data.items() if name != "source"}

        def register() -> tuple[int, Any]:
            if begin := services.REQUESTS.get(source):
                return 202, _started(begin(project=access.project, by=access.actor, **values))
            version = services.register_remote(project=access.project, by=access.actor, **values)
            return 201, ModelVersionSerializer(version).data

        return once(request, register)


class ModelVersionView(APIView):
    @extend_schema(responses=ModelVersionSerializer)
    def get(self, request: Request, pk: int) -> Response:
        rows = ModelVersion.objects.select_related("files").prefetch_related("deployments")
        _, version = enter_by(request, rows, READERS, pk=pk)
        return Response(ModelVersionSerializer(version).data)


class Deployments(ListAPIView):
    serializer_class = DeploymentSerializer

    def get_queryset(self) -> Any:
        access = enter(self.request, self.kwargs["slug"], READERS)
        return Deployment.objects.filter(model_version__project=access.project)


# ── generation runs ──


@extend_schema_serializer(component_name="PromptCondition")  # a scorecard has conditions too, which are more than this
class ConditionSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=60)
    decoding = serializers.ChoiceField(
        choices=PromptCondition.Decoding.choices, required=False, help_text="Without: what the name says, else free"
    )
    shots = serializers.IntegerField(
        min_value=0, max_value=32, required=False, help_text="Without: what the name says, else none"
    )
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class CellSerializer(serializers.ModelSerializer):
    condition = ConditionSerializer(read_only=True)

    class Meta:
        model = GenerationCell
        fields = ["id", "model_version", "condition", "backend", "hardware", "seconds"]
        read_only_fields = fields


class GenerationRunSerializer(serializers.ModelSerializer):
    state = serializers.CharField(source="job.state", read_only=True, allow_null=True, default=None)
    cells = CellSerializer(many=True, read_only=True)

    class Meta:
        model = GenerationRun
        fields = [
            "id",
            "number",
            "job",
            "state",
            "task_revision",
            "dataset_version",
            "split",
            "sampling",
            "cells",
            "created_at",
        ]
        read_only_fields = fields


class GenerationRunRequest(serializers.Serializer):
    """Every version under every condition on one split. A condition that does not exist yet is made."""

    dataset_version = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    split = serializers.ChoiceField(choices=Split.choices, default=Split.TEST)
    model_versions = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID), allow_empty=False, max_length=50
    )
    conditions = ConditionSerializer(many=True, required=False, help_text="Without: zero-shot")
    sampling = serializers.DictField(
        required=False, default=dict, help_text="max_new_tokens, temperature, top_p, seed, stop"
    )


class GenerationSerializer(serializers.ModelSerializer):
    model_version = serializers.IntegerField(source="cell.model_version_id", read_only=True)
    condition = serializers.CharField(source="cell.condition.name", read_only=True)
    example = serializers.IntegerField(source="item.example_id", read_only=True, allow_null=True)
    position = serializers.IntegerField(source="item.position", read_only=True)

    class Meta:
        model = Generation
        fields = ["id", "cell", "model_version", "condition", "item", "position", "example", "output", "values", "parse",
                  "log_likelihoods", "tokens_in", "tokens_out", "first_token_seconds", "seconds", "concurrency", "finish_reason",
                  "error", "created_at"]  # fmt: skip
        read_only_fields = fields


class GenerationRuns(ListAPIView):
    serializer_class = GenerationRunSerializer

    def get_queryset(self) -> Any:
        access = enter(self.request, self.kwargs["slug"], READERS)
        rows = GenerationRun.objects.filter(project=access.project).select_related("job")
        return rows.prefetch_related("cells__condition")

    @extend_schema(
        parameters=[PARAMETER], request=GenerationRunRequest, responses={202: GenerationRunSerializer}
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        serializer = GenerationRunRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        dataset = DatasetVersion.objects.filter(project=access.project, pk=wanted["dataset_version"]).first()
        if dataset is None:
            raise Refused(
                "no-dataset", "There is no such dataset version in this project.", field="dataset_version"
            )  # fmt: skip
        versions = ModelVersion.objects.filter(project=access.project).in_bulk(wanted["model_versions"])
        for pk in wanted["model_versions"]:
            if pk not in versions:
                raise Refused("no-model", f"There is no model version {pk} in this project.", field="model_versions")
        askings = [Asking.of(**one) for one in wanted.get("conditions") or [{"name": "zero-shot"}]]

        def start() -> tuple[int, Any]:
            run = services.request_generation(
                dataset_version=dataset,
                split=wanted["split"],
                versions=list(versions.values()),
                askings=askings,
                sampling=wanted["sampling"],
                by=access.actor,
            )
            return 202, GenerationRunSerializer(run).data

        return once(request, start)


class GenerationRunView(APIView):
    @extend_schema(responses=GenerationRunSerializer)
    def get(self, request: Request, pk: int) -> Response:
        rows = GenerationRun.objects.select_related("job").prefetch_related("cells__condition")
        _, run = enter_by(request, rows, READERS, pk=pk)
        return Response(GenerationRunSerializer(run).data)


class Generations(ListAPIView):
    """Answers by key. Refused while the reader rates one of the run's versions blind."""

    serializer_class = GenerationSerializer

    def get_queryset(self) -> Any:
        access, run = enter_by(
            self.request, GenerationRun.objects.select_related("task_revision"), READERS, pk=self.kwargs["pk"]
        )
        refuse_if_sealed(access, run.cells.values_list("model_version_id", flat=True))
        return selectors.generations_of(run).order_by()


def _started(job: Job) -> dict[str, Any]:
    return dict(StartedSerializer({"job": job.pk, "state": job.state}).data)
