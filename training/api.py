"""This room's resources under /api/v1/, over the same services and selectors as the pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.models import DatasetVersion
from ftplatform.api.idempotency import PARAMETER, once
from ftplatform.api.paging import ByKey
from ftplatform.errors import Refused
from ftplatform.projects.access import ADMIN, READERS, enter, enter_by
from inference.models import ModelVersion
from training import selectors, services
from training.models import RunMetric, RunSample, TrainingRun
from training.plan import RunPlan
from training.samples import sealed, sealed_anywhere

LARGEST_ID = 2**63 - 1


class TrainingRunSerializer(serializers.ModelSerializer):
    state = serializers.CharField(source="job.state", read_only=True, allow_null=True, default=None)
    warnings = serializers.SerializerMethodField(help_text="Settings that are allowed and yet look like a slip")
    sealed = serializers.SerializerMethodField(
        help_text="Why the run's answers are left out for you: you rate its versions blind. Empty where they are given"
    )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, run: TrainingRun) -> list[str]:
        return selectors.warnings_of(run)

    def get_sealed(self, run: TrainingRun) -> str:
        return str(self.context.get("sealed", ""))

    def to_representation(self, run: TrainingRun) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(run)
        if shown["sealed"]:
            shown["result"] = {name: value for name, value in shown["result"].items() if name != "smoke"}
        return shown

    class Meta:
        model = TrainingRun
        fields = ["id", "number", "job", "state", "task_revision", "dataset_version", "base_version", "baseline", "hyperparameters",
                  "left_out", "warnings", "model_version", "result", "sealed", "created_at"]  # fmt: skip
        read_only_fields = fields


class DiagnosisSerializer(serializers.Serializer):
    """What the curves say, in words; `code` is for programs."""

    code = serializers.CharField()
    state = serializers.CharField()
    headline = serializers.CharField()
    evidence = serializers.CharField()
    advice = serializers.CharField()


class RunSampleSerializer(serializers.ModelSerializer):
    class Meta:
        model = RunSample
        fields = ["item", "step", "text", "ended"]
        read_only_fields = fields


class TrainingRunDetail(TrainingRunSerializer):
    diagnosis = serializers.SerializerMethodField()
    samples = serializers.SerializerMethodField()

    class Meta(TrainingRunSerializer.Meta):
        fields = [*TrainingRunSerializer.Meta.fields, "diagnosis", "samples"]
        read_only_fields = fields

    @extend_schema(responses=DiagnosisSerializer)
    def get_diagnosis(self, run: TrainingRun) -> dict[str, str]:
        return asdict(selectors.diagnosis_of(run))

    @extend_schema_field(RunSampleSerializer(many=True))
    def get_samples(self, run: TrainingRun) -> Any:
        return [] if self.context.get("sealed") else RunSampleSerializer(run.samples.all(), many=True).data


@extend_schema_field(RunPlan.model_json_schema())
class HyperparametersField(serializers.DictField):
    """In the schema all settings stand with their bounds, defaults and help; the service checks them."""


class TrainingRunRequest(serializers.Serializer):
    dataset_version = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, help_text="A frozen training set")
    base_version = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, help_text="A model version whose files are here"
    )
    hyperparameters = HyperparametersField(
        required=False,
        default=dict,
        help_text="What is left out has its default, an unknown one is refused",
    )


class RunMetricSerializer(serializers.ModelSerializer):
    class Meta:
        model = RunMetric
        fields = ["name", "step", "value"]
        read_only_fields = fields


class ByStep(ByKey):
    """Points of a curve: more per page than rows of other lists, since each is three numbers."""

    ordering = ("step", "id")  # type: ignore[assignment]  # DRF takes several columns too
    page_size = 1000
    max_page_size = 10_000


class TrainingRuns(ListAPIView):
    serializer_class = TrainingRunSerializer

    def get_queryset(self) -> Any:
        access = enter(self.request, self.kwargs["slug"], READERS)
        return TrainingRun.objects.filter(project=access.project).select_related("job")

    def get_serializer_context(self) -> dict[str, Any]:
        """One seal for the whole list: someone who rates anything blind is given no answer here."""
        access = enter(self.request, self.kwargs["slug"], READERS)
        return {**super().get_serializer_context(), "sealed": sealed_anywhere(access)}

    @extend_schema(parameters=[PARAMETER], request=TrainingRunRequest, responses={202: TrainingRunSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Starts a run.

        Without a baseline scorecard on the same evaluation set and base model: 409, and how to make one. With rows that are too
        long or have nothing to train: 400 `unfit-rows` with `rows` and `max_length_that_fits`; `overlong: skip` leaves them out.
        """
        access = enter(request, slug, ADMIN)
        serializer = TrainingRunRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        dataset = DatasetVersion.objects.filter(project=access.project, pk=wanted["dataset_version"]).first()
        version = ModelVersion.objects.filter(project=access.project, pk=wanted["base_version"]).first()
        if dataset is None:
            raise Refused("no-dataset", "There is no such dataset version in this project.", field="dataset_version")
        if version is None:
            raise Refused("no-model", "There is no such model version in this project.", field="base_version")

        def start() -> tuple[int, Any]:
            run = services.start_training(
                dataset_version=dataset,
                base_version=version,
                hyperparameters=wanted["hyperparameters"],
                by=access.actor,
            )
            return 202, TrainingRunSerializer(run).data

        return once(request, start)


class TrainingRunView(APIView):
    @extend_schema(responses=TrainingRunDetail)
    def get(self, request: Request, pk: int) -> Response:
        access, run = enter_by(request, TrainingRun.objects.select_related("job"), READERS, pk=pk)
        return Response(TrainingRunDetail(run, context={"sealed": sealed(access, run)}).data)


class TrainingRunMetrics(ListAPIView):
    """The curves by step: train_loss, validation_loss, learning_rate, grad_norm, and FIELD.accuracy of each choice field on the
    validation rows; `?name=` picks one."""

    serializer_class = RunMetricSerializer
    pagination_class = ByStep

    @extend_schema(parameters=[OpenApiParameter("name", str)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        _, run = enter_by(self.request, TrainingRun.objects.all(), READERS, pk=self.kwargs["pk"])
        name = self.request.query_params.get("name")
        return run.curve.filter(name=name) if name else run.curve.all()
