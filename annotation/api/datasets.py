"""Evaluation sets, training sets, and their export."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import selectors, services
from annotation.downloads import exported
from annotation.models import DatasetVersion
from ftplatform.api.paging import Pages
from ftplatform.projects.access import ADMIN, READERS, enter, enter_by


class DatasetVersionSerializer(serializers.ModelSerializer):
    evaluation_set = serializers.IntegerField(source="evaluation_set_id", read_only=True, allow_null=True)
    task_revision = serializers.IntegerField(source="task_revision_id", read_only=True)
    items = serializers.IntegerField(source="size", read_only=True)

    class Meta:
        model = DatasetVersion
        fields = ["id", "kind", "number", "hash", "format_version", "task_revision", "evaluation_set", "counts", "items", "card", "created_at"]  # fmt: skip
        read_only_fields = fields


class NewEvaluationSet(serializers.Serializer):
    """size: tickets to draw beside those that were drawn before; 0, once there is a test set, freezes it again with today's labels.
    validation: draws the splits of the other settled tickets too, which a baseline takes its shots and its trivial answers from."""

    size = serializers.IntegerField(min_value=0)
    stratify = serializers.CharField(required=False, allow_null=True, default=None)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1, default=0)
    validation = serializers.IntegerField(required=False, allow_null=True, min_value=1, default=None)


class NewDatasetVersion(serializers.Serializer):
    """validation: draws the splits of tickets that are in no set first; left out, the splits stay as they are. train_limit: a sample of
    train by seed."""

    evaluation_set = serializers.IntegerField()
    train_limit = serializers.IntegerField(required=False, allow_null=True, min_value=1, default=None)
    validation = serializers.IntegerField(required=False, allow_null=True, min_value=1, default=None)
    stratify = serializers.CharField(required=False, allow_null=True, default=None)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1, default=0)


class VersionQuery(serializers.Serializer):
    kind = serializers.ChoiceField(choices=DatasetVersion.Kind.values, required=False, allow_blank=True, default="")


class EvaluationSets(Pages):
    @extend_schema(responses=DatasetVersionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        rows = selectors.versions_of(access.project, DatasetVersion.Kind.EVALUATION)
        return self.page(request, rows, DatasetVersionSerializer)

    @extend_schema(request=NewEvaluationSet, responses={201: DatasetVersionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        form = NewEvaluationSet(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        if values["size"]:
            version = services.freeze_evaluation_set(
                project=access.project,
                size=values["size"],
                stratify=values["stratify"] or None,
                seed=values["seed"],
                validation=values["validation"],
                by=access.actor,
            )
        else:
            version = services.refreeze_evaluation_set(project=access.project, by=access.actor)
        return Response(DatasetVersionSerializer(version).data, status=201)


class DatasetVersions(Pages):
    @extend_schema(responses=DatasetVersionSerializer(many=True), parameters=[VersionQuery])
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        query = VersionQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        rows = selectors.versions_of(access.project, query.validated_data["kind"] or None)
        return self.page(request, rows, DatasetVersionSerializer)

    @extend_schema(request=NewDatasetVersion, responses={201: DatasetVersionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        form = NewDatasetVersion(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        apart = get_object_or_404(DatasetVersion, pk=values["evaluation_set"], project=access.project)
        version = services.draw_and_freeze(
            project=access.project,
            evaluation_set=apart,
            validation=values["validation"],
            train_limit=values["train_limit"],
            stratify=values["stratify"] or None,
            seed=values["seed"],
            by=access.actor,
        )
        return Response(DatasetVersionSerializer(version).data, status=201)


class DatasetVersionView(APIView):
    @extend_schema(responses=DatasetVersionSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, row = enter_by(request, DatasetVersion.objects.all(), READERS, pk=pk)
        return Response(DatasetVersionSerializer(row).data)


class _FormatIsOurs(BaseContentNegotiation):
    """`?format=` names the export's format; DRF would take it for a renderer's."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class ExportDatasetVersion(APIView):
    content_negotiation_class = _FormatIsOurs

    @extend_schema(
        parameters=[OpenApiParameter("format", required=True), OpenApiParameter("split")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> FileResponse:
        _, row = enter_by(request, DatasetVersion.objects.all(), READERS, pk=pk)
        return exported(row, request.query_params.get("format", "jsonl"), request.query_params.get("split") or None)
