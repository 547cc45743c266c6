"""Where the rooms' addresses come in. Part of the composition root: urls.py names no room twice."""

import importlib
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

ROOMS = ("annotation", "inference", "evaluation", "training")


def pages() -> list[URLPattern | URLResolver]:
    """Each room's pages under its project."""
    return [path("projects/<slug:slug>/", include(f"{room}.urls")) for room in ROOMS if find_spec(f"{room}.urls")]


def api() -> list[URLPattern | URLResolver]:
    """Each room's resources under /api/v1/."""
    found: list[URLPattern | URLResolver] = []
    for room in ROOMS:
        if find_spec(f"{room}.api_urls"):
            found += importlib.import_module(f"{room}.api_urls").urlpatterns
    return found
