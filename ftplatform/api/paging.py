"""Lists page by cursor: {"next", "previous", "results"}. No page counts rows."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ftplatform.keys import key_of


class ByKey(CursorPagination):
    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """A cursor's position is a key; DRF would hand any other text on to the database."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and key_of(str(cursor.position)) is None:
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As OpenAPI 3.1 has it: DRF says `nullable`, which is no word of it any more."""
        address = {"type": ["string", "null"], "format": "uri"}
        told = "The address of the page {}; null where there is none."
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": address | {"description": told.format("after this one")},
                "previous": address | {"description": told.format("before this one")},
                "results": schema,
            },
        }


class ByAge(ByKey):
    """The oldest first, for lists that one follows while they grow."""

    ordering = "id"
    page_size = 500
    max_page_size = 500


class Pages(APIView):
    """A view whose GET answers a list; the schema reads here what it pages by."""

    pagination_class: type[ByKey] = ByKey

    def page(self, request: Request, rows: Any, serializer: type[serializers.BaseSerializer[Any]]) -> Response:
        """One page of the rows, in the shape of all lists."""
        paginator = self.pagination_class()
        page: Any = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response(serializer(page, many=True).data)
