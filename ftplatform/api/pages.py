"""The page about the API, made from its schema."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from ftplatform.api.reference import Reference, reference_of


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api/reference.html", {"reference": _reference()})


@lru_cache(maxsize=1)
def _reference() -> Reference:
    """The schema changes with the code only."""
    return reference_of(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
