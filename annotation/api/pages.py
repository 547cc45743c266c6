"""One page of a list by cursor: {"next", "previous", "results"}."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView


def page_of(view: APIView, request: Request, rows: Any, serializer: type[serializers.BaseSerializer[Any]]) -> Response:
    paginator: CursorPagination = api_settings.DEFAULT_PAGINATION_CLASS()
    page = paginator.paginate_queryset(rows, request, view=view)
    return paginator.get_paginated_response(serializer(page, many=True).data)
