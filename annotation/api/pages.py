"""One page of a list by cursor: {"next", "previous", "results"}."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ftplatform.api.paging import ByKey


def page_of(view: APIView, request: Request, rows: Any, serializer: type[serializers.BaseSerializer[Any]]) -> Response:
    paginator = ByKey()
    page: Any = paginator.paginate_queryset(rows, request, view=view)
    return paginator.get_paginated_response(serializer(page, many=True).data)
