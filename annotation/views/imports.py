"""Import in three steps: the file, what its columns become, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from annotation import formats, selectors, services
from annotation.downloads import duplicate_rows, rejected_rows
from annotation.forms import MappingForm, ReadingForm, UploadForm, column_field
from annotation.models import Import
from annotation.scratch import kept_name
from annotation.uploads import MOST_BYTES, inspect_upload
from ftplatform.artifacts.models import Blob
from ftplatform.artifacts.services import store_stream
from ftplatform.errors import FieldError, Refused
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by

SALT = "annotation.upload"
HOLDS_SECONDS = 20 * 3600
"""An upload that no import refers to is collected after a day."""

ERRORS_SHOWN = 50
IMPORTS_SHOWN = 20


@dataclass(frozen=True)
class Held:
    """An uploaded file between step 1 and step 3, and how it is to be read."""

    token: str
    blob: Blob
    name: str
    how: formats.ReadAs


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """Step 1. The file is kept for a day; tickets come of it in step 3 only."""
    access = enter(request, slug, ADMIN)
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            blob = store_stream(file, most_bytes=MOST_BYTES)
            return _to_columns(access, blob, kept_name(file.name), form.how())
        except Refused as refused:
            form.refuse(refused)
    context = {
        "access": access,
        "form": form,
        "imports": selectors.imports_of(access.project)[:IMPORTS_SHOWN],
        "here": "tickets",
    }
    return render(request, "annotation/upload.html", context, status=422 if form.is_bound else 200)


def _to_columns(access: Access, blob: Blob, name: str, how: formats.ReadAs) -> HttpResponse:
    """Looks into the file first: one that cannot be read at all is told beside the file field."""
    inspect_upload(access.project, blob, name, how=how)
    held = {"blob": blob.pk, "name": name, "project": access.project.pk, "user": access.user.pk, "how": asdict(how)}
    return redirect("annotation:columns", access.project.slug, signing.dumps(held, salt=SALT, compress=True))


def _held(access: Access, token: str) -> Held:
    """The uploaded file that the token names; only for whoever uploaded it, in this project, for a day."""
    try:
        held = signing.loads(token, salt=SALT, max_age=HOLDS_SECONDS)
    except signing.SignatureExpired:
        raise Refused(
            "upload-expired", "This upload is more than a day old and is gone; choose the file again."
        ) from None
    except signing.BadSignature:
        raise Http404 from None
    if held["project"] != access.project.pk or held["user"] != access.user.pk:
        raise Http404
    blob = Blob.objects.filter(pk=held["blob"]).first()
    if blob is None:
        raise Refused("upload-expired", "This upload is gone; choose the file again.")
    return Held(token, blob, held["name"], formats.ReadAs(**held.get("how", {})))


@login_required
@require_http_methods(["GET", "POST"])
def columns(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Step 2: a suggestion for every column, the first rows as they would come in, and each row's error. Nothing is stored yet."""
    access = enter(request, slug, ADMIN)
    held = _held(access, token)
    if request.method == "POST":
        return _checked(request, access, held)
    reading = ReadingForm(initial=_chosen(held.how))
    inspection = inspect_upload(access.project, held.blob, held.name, how=held.how)
    return _columns(request, access, held, reading, inspection, _mapping_form(access, inspection))


def _checked(request: HttpRequest, access: Access, held: Held) -> HttpResponse:
    """What was typed in step 2. Read in another way the file has other columns: these are shown before anything is imported."""
    reading = ReadingForm(request.POST)
    how = reading.how()
    try:
        inspection = inspect_upload(access.project, held.blob, held.name, how=how)
    except Refused as refused:
        reading.refuse(refused)
        inspection = inspect_upload(access.project, held.blob, held.name, how=held.how)
        return _columns(request, access, held, reading, inspection, _mapping_form(access, inspection), status=422)
    read_as = _read_as(inspection)
    if request.POST.get("read_as", read_as) != read_as:
        typed = {name: request.POST.get(name, "") for name in MappingForm.base_fields}
        form = _mapping_form(access, inspection, initial=typed)
        return _columns(request, access, held, reading, inspection, form, status=200 if reading.is_valid() else 422)
    form = _mapping_form(access, inspection, request.POST)
    if not form.is_valid():
        return _columns(request, access, held, reading, inspection, form, status=422)
    inspection = inspect_upload(access.project, held.blob, held.name, form.mapping(), how)
    if request.POST.get("do") != "import":
        return _columns(request, access, held, reading, inspection, form)
    try:
        return _start(access, held, how, inspection, form)
    except Refused as refused:
        form.refuse(refused)
    return _columns(request, access, held, reading, inspection, form, status=422)


def _mapping_form(
    access: Access, inspection: services.Inspection, data: Any = None, initial: dict[str, str] | None = None
) -> MappingForm:
    assert access.project.task_revision
    return MappingForm(data, spec=access.project.task_revision.spec, inspection=inspection, initial=initial)


def _chosen(how: formats.ReadAs) -> dict[str, str]:
    """A choice as the form shows it: a delimiter by its name."""
    named = {sign: name for name, sign in formats.DELIMITERS.items()}
    return {**asdict(how), "delimiter": named.get(how.delimiter, "")}


def _read_as(inspection: services.Inspection) -> str:
    """Tells whether the columns on the page are still those of the file as it is read now."""
    read = [inspection.format, inspection.encoding, inspection.delimiter, *(one.name for one in inspection.columns)]
    return sha256(json.dumps(read).encode()).hexdigest()[:16]


def _columns(
    request: HttpRequest,
    access: Access,
    held: Held,
    reading: ReadingForm,
    inspection: services.Inspection,
    form: MappingForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "access": access,
        "form": form,
        "reading": reading,
        "read_as": _read_as(inspection),
        "inspection": inspection,
        "file_name": held.name,
        "rows": [(column, form[column_field(place)]) for place, column in enumerate(inspection.columns)],
        "errors": [_error(error) for error in inspection.errors[:ERRORS_SHOWN]],
        "error_count": len(inspection.errors),
        "here": "tickets",
    }
    return render(request, "annotation/columns.html", context, status=status)


def _error(error: FieldError) -> tuple[str, str, str]:
    """(line, column, message); the line is empty where the whole mapping is at fault."""
    line, _, column = error.field.partition(":")
    return (line, column, error.message) if line.isdecimal() else ("", error.field, error.message)


def _start(
    access: Access, held: Held, how: formats.ReadAs, inspection: services.Inspection, form: MappingForm
) -> HttpResponse:
    values = form.cleaned_data
    made = services.start_import(
        project=access.project,
        file_name=held.name,
        file=held.blob,
        mapping=form.mapping(),
        format=inspection.format,
        encoding=how.encoding,
        delimiter=how.delimiter,
        keep_good_rows=values["keep"] == "good",
        duplicates=values["duplicates"],
        limit=values["limit"],
        by=access.actor,
    )
    return redirect("annotation:import", access.project.slug, made.pk)


@login_required
@require_GET
def result(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Step 3: progress while it runs, then the counts and what was rejected."""
    access, found = _import(request, slug, pk)
    context = {**_state(access, found), "here": "tickets"}
    return render(request, "annotation/import.html", context)


@login_required
@require_GET
def result_live(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Progress while the job lives; the whole page once it has ended."""
    access, found = _import(request, slug, pk)
    if found.job is None or not found.job.is_live:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "annotation/import_progress.html", _state(access, found))


def _import(request: HttpRequest, slug: str, pk: int) -> tuple[Access, Import]:
    rows = Import.objects.select_related("job", "created_by", "task_revision")
    return enter_by(request, rows, READERS, project__slug=slug, pk=pk)


def _state(access: Access, found: Import) -> dict[str, Any]:
    return {
        "access": access,
        "import": found,
        "job": found.job,
        "errors": found.row_errors.order_by("row", "pk")[:ERRORS_SHOWN],
        "duplicates": found.row_duplicates.order_by("row", "pk")[:ERRORS_SHOWN],
    }


@login_required
@require_GET
def rejected(request: HttpRequest, slug: str, pk: int) -> FileResponse:
    _, found = _import(request, slug, pk)
    return rejected_rows(found)


@login_required
@require_GET
def duplicates(request: HttpRequest, slug: str, pk: int) -> FileResponse:
    _, found = _import(request, slug, pk)
    return duplicate_rows(found)
