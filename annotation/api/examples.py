"""Tickets and everything that was said of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import selectors, services
from annotation.models import Annotation, Example, Split
from ftplatform.api.paging import Pages
from ftplatform.projects.access import LABELERS, READERS, enter, enter_by


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


class TicketQuery(serializers.Serializer):
    """What the list is narrowed to. split: `none` is in no set. q: a part of an input's text. flagged: only those that are."""

    split = serializers.ChoiceField(choices=[*Split.values, "none"], required=False, allow_blank=True, default="")
    state = serializers.ChoiceField(choices=Example.State.values, required=False, allow_blank=True, default="")
    q = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=200, default="")
    flagged = serializers.BooleanField(required=False, default=False)


class Flag(serializers.Serializer):
    flagged = serializers.BooleanField()


class AnnotationQuery(serializers.Serializer):
    example = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1, default=None)


class Examples(Pages):
    @extend_schema(responses=ExampleSerializer(many=True), parameters=[TicketQuery])
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        query = TicketQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = selectors.TicketFilter(**query.validated_data)
        rows = selectors.tickets(access.project, wanted).select_related("content").prefetch_related("resolved_labels")
        return self.page(request, rows, ExampleSerializer)


class ExampleView(APIView):
    @extend_schema(responses=ExampleSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, row = enter_by(request, Example.objects.select_related("content"), READERS, pk=pk)
        return Response(ExampleSerializer(row).data)


class FlagExample(APIView):
    @extend_schema(request=Flag, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Marks a ticket for a second look, or takes the mark off."""
        access, row = enter_by(request, Example.objects.select_related("project"), LABELERS, pk=pk)
        form = Flag(data=request.data)
        form.is_valid(raise_exception=True)
        services.flag_example(example=row, flagged=form.validated_data["flagged"], by=access.actor)
        return Response(status=204)


class Annotations(Pages):
    @extend_schema(responses=AnnotationSerializer(many=True), parameters=[AnnotationQuery])
    def get(self, request: Request, slug: str) -> Response:
        """What was answered; a labeler reads their own answers only."""
        access = enter(request, slug, READERS | LABELERS)
        query = AnnotationQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        rows = Annotation.objects.filter(example__project=access.project).select_related("author")
        if not access.roles & READERS:
            rows = rows.filter(author=access.user)
        if query.validated_data["example"] is not None:
            rows = rows.filter(example=query.validated_data["example"])
        return self.page(request, rows, AnnotationSerializer)
