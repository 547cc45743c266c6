"""Lists page by cursor: {"next", "previous", "results"}. No page counts rows."""

from rest_framework.pagination import CursorPagination


class ByKey(CursorPagination):
    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
