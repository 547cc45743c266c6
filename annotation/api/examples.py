"""Tickets and everything that was said of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import selectors
from annotation.api.pages import page_of
from annotation.models import Annotation, Example
from ftplatform.projects.access import READERS, enter, enter_by


class ExampleSerializer(serializers.ModelSerializer):
    inputs = serializers.SerializerMethodField()
    labels = serializers.SerializerMethodField()

    class Meta:
        model = Example
        fields = [
            "id",
            "split",
            "state",
            "answers",
            "is_flagged",
            "occurred_at",
            "created_at",
            "erased_at",
            "inputs",
            "labels",
        ]
        read_only_fields = fields

    def get_inputs(self, row: Example) -> dict[str, Any]:
        return dict(row.content.inputs) if row.erased_at is None else {}

    def get_labels(self, row: Example) -> dict[str, Any]:
        """Field → value, basis and confidence of what counts."""
        return {
            one.field: {"value": one.value, "basis": one.basis, "confidence": one.confidence}
            for one in row.resolved_labels.all()
        }


class AnnotationSerializer(serializers.ModelSerializer):
    author = serializers.CharField(source="author.username", read_only=True, allow_null=True, default=None)
    example = serializers.IntegerField(source="example_id", read_only=True)
    task_revision = serializers.IntegerField(source="task_revision_id", read_only=True)
    supersedes = serializers.IntegerField(source="supersedes_id", read_only=True, allow_null=True)

    class Meta:
        model = Annotation
        fields = ["id", "example", "task_revision", "author", "source", "values", "supersedes", "seconds", "note", "is_unsure", "created_at"]  # fmt: skip
        read_only_fields = fields


class Examples(APIView):
    @extend_schema(
        responses=ExampleSerializer(many=True),
        parameters=[OpenApiParameter("split"), OpenApiParameter("state"), OpenApiParameter("q")],
    )
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        asked = request.query_params
        wanted = selectors.TicketFilter(
            asked.get("split", ""), asked.get("state", ""), asked.get("q", "").replace("\x00", "")[:200]
        )
        rows = selectors.tickets(access.project, wanted).select_related("content").prefetch_related("resolved_labels")
        return page_of(self, request, rows, ExampleSerializer)


class ExampleView(APIView):
    @extend_schema(responses=ExampleSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, row = enter_by(request, Example.objects.select_related("content"), READERS, pk=pk)
        return Response(ExampleSerializer(row).data)


class Annotations(APIView):
    @extend_schema(
        responses=AnnotationSerializer(many=True), parameters=[OpenApiParameter("example", OpenApiTypes.INT)]
    )
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        rows = Annotation.objects.filter(example__project=access.project).select_related("author")
        if (example := request.query_params.get("example", "")).isdecimal():
            rows = rows.filter(example=int(example))
        return page_of(self, request, rows, AnnotationSerializer)
