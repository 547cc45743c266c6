"""Imports: a file in, a job out, and every rejected row."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Prefetch
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import selectors, services
from annotation.downloads import duplicate_rows, rejected_rows
from annotation.models import Import, ImportRowError
from annotation.scratch import kept_name
from annotation.services.imports import MOST_ROWS, MOST_SEED
from annotation.uploads import MOST_BYTES, inspect_upload
from ftplatform.api.idempotency import PARAMETER, once
from ftplatform.api.paging import Pages
from ftplatform.artifacts.services import store_stream
from ftplatform.keepable import unkeepable_place
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by

ERRORS_SHOWN = 100


def _first_errors(rows: Any) -> Any:
    return rows.order_by("row", "pk")[:ERRORS_SHOWN]


class RejectedRow(serializers.Serializer):
    """field: the column or field that it is about, empty where it is the whole row."""

    row = serializers.IntegerField()
    field = serializers.CharField()
    message = serializers.CharField()


class ImportSerializer(serializers.ModelSerializer):
    state = serializers.SerializerMethodField()
    errors = serializers.SerializerMethodField()  # type: ignore[assignment]  # the contract's name; DRF's own is for input
    job = serializers.IntegerField(source="job_id", read_only=True, allow_null=True)

    class Meta:
        model = Import
        fields = ["id", "state", "job", "file_name", "format", "encoding", "delimiter", "mapping", "keep_good_rows", "duplicates", "detected", "rows_total",
                  "rows_imported", "rows_rejected", "rows_duplicate", "rows_merged", "errors", "created_at", "finished_at"]  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: Import) -> str:
        return row.job.state if row.job else "queued"

    @extend_schema_field(RejectedRow(many=True))
    def get_errors(self, row: Import) -> list[dict[str, Any]]:
        """The first rows that were rejected; all of them stand in rejected.csv."""
        shown = row.first_errors if hasattr(row, "first_errors") else _first_errors(row.row_errors)
        return [{"row": one.row, "field": one.field, "message": one.message} for one in shown]


class NewImport(serializers.Serializer):
    """mapping: column of the file → `input:NAME`, `field:NAME`, `group`, `occurred_at` or `raw`, as JSON. Left out: as suggested.

    format, encoding, delimiter (comma, semicolon, tab, bar, or the sign): found out where left out. duplicates: `merge` adds the
    labels of rows whose text is here already to the tickets that have none; a label that differs is a row error.
    """

    file = serializers.FileField(allow_empty_file=False)
    format = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    encoding = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    delimiter = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=20, default=""
    )
    mapping = serializers.CharField(required=False, allow_blank=True, default="")
    keep_good_rows = serializers.BooleanField(required=False, default=False)
    duplicates = serializers.ChoiceField(choices=Import.Duplicates.choices, default=Import.Duplicates.SKIP)
    limit = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_ROWS, default=None)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=MOST_SEED, default=0)

    def validate_mapping(self, text: str) -> dict[str, str] | None:
        if not text.strip():
            return None
        try:
            mapping = json.loads(text)
        except json.JSONDecodeError as error:
            raise serializers.ValidationError(f"This is not JSON: {error.msg} at column {error.colno}.") from error
        except RecursionError as error:
            raise serializers.ValidationError("This is nested too deeply; a mapping is one flat object.") from error
        if not isinstance(mapping, dict) or any(not isinstance(value, str) for value in mapping.values()):
            raise serializers.ValidationError('Send an object: {"column of the file": "input:question", …}.')
        if place := unkeepable_place(mapping):
            raise serializers.ValidationError(
                f"{place} holds a NUL character or half of a surrogate pair, which no column's name has; remove it."
            )
        return mapping


class Imports(Pages):
    parser_classes = [MultiPartParser]

    @extend_schema(responses=ImportSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, READERS)
        errors = Prefetch("row_errors", _first_errors(ImportRowError.objects), to_attr="first_errors")
        rows = selectors.imports_of(access.project).prefetch_related(errors)
        return self.page(request, rows, ImportSerializer)

    @extend_schema(
        parameters=[PARAMETER], request={"multipart/form-data": NewImport}, responses={202: ImportSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        form = NewImport(data=request.data)
        form.is_valid(raise_exception=True)
        return once(request, lambda: (202, self._start(access, dict(form.validated_data))))

    def _start(self, access: Access, values: dict[str, Any]) -> Any:
        file = values.pop("file")
        name = kept_name(file.name)
        how = services.how_to_read(**{one: values[one] for one in ("format", "encoding", "delimiter")})
        blob = store_stream(file, most_bytes=MOST_BYTES)
        if values["mapping"] is None:
            found = inspect_upload(access.project, blob, name, how=how)
            values["mapping"] = {column.name: column.suggested for column in found.columns}
        row = services.start_import(
            project=access.project,
            file_name=name,
            file=blob,
            mapping=values["mapping"],
            format=how.format,
            encoding=how.encoding,
            delimiter=how.delimiter,
            keep_good_rows=values["keep_good_rows"],
            duplicates=values["duplicates"],
            limit=values["limit"],
            seed=values["seed"],
            by=access.actor,
        )
        return ImportSerializer(row).data


class ImportView(APIView):
    @extend_schema(responses=ImportSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, row = enter_by(request, Import.objects.select_related("job"), READERS, pk=pk)
        return Response(ImportSerializer(row).data)


class RejectedRows(APIView):
    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> FileResponse:
        _, row = enter_by(request, Import.objects.all(), READERS, pk=pk)
        return rejected_rows(row)


class DuplicateRows(APIView):
    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> FileResponse:
        """Rows whose text was here already: line, the ticket that each equals, what came of it, and its labels."""
        _, row = enter_by(request, Import.objects.select_related("task_revision"), READERS, pk=pk)
        return duplicate_rows(row)
