"""Lists page by cursor: {"next", "previous", "results"}. No page counts rows."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

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


def whole(serializer: Any) -> dict[str, Any]:
    """A list that is short by its nature, in the shape of a page: there is no other one."""
    return {"next": None, "previous": None, "results": serializer.data}


def page_of(serializer: type[serializers.BaseSerializer[Any]]) -> Any:
    """How the schema describes such a page."""
    name = serializer.__name__.removesuffix("Serializer")
    return inline_serializer(
        f"{name}Page",
        {
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "results": serializer(many=True),
        },
    )
