"""The lineage of one thing: what it was made of, what was made of it."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ftplatform import lineage
from ftplatform.projects.access import READERS, enter


class NodeSerializer(serializers.Serializer):
    """key is `kind:id`, as `of` and the edges name it. side: above what was asked for, or below it."""

    key = serializers.CharField()
    kind = serializers.CharField()
    id = serializers.IntegerField()
    side = serializers.ChoiceField(choices=["above", "this", "below"])
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    url = serializers.CharField(help_text="The page, below the site's address.")


class EdgeSerializer(serializers.Serializer):
    before = serializers.CharField(help_text="What was there first.")
    after = serializers.CharField(help_text="What was made of it.")


class LineageSerializer(serializers.Serializer):
    of = serializers.CharField()
    nodes = NodeSerializer(many=True)
    edges = EdgeSerializer(many=True)
    is_cut = serializers.BooleanField(help_text=f"There are more than {lineage.MOST} on a side; the nearest are here.")


class LineageView(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("of", str, required=True, description="kind:id, such as model-version:7")],
        responses=LineageSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        """What it was made of, all the way up, and what was made of it, all the way down; the nearest first."""
        access = enter(request, slug, READERS)
        start = lineage.Key.read(request.query_params.get("of", ""))
        if not lineage.told(access.project, [start]):
            raise Http404
        found = lineage.lineage_of(access.project, start)
        sides = dict.fromkeys(found.above, "above") | {start: "this"} | dict.fromkeys(found.below, "below")
        nodes = [
            {
                "key": str(key),
                "kind": key.kind,
                "id": key.id,
                "side": sides[key],
                "title": told.title,
                "detail": told.detail,
                "url": told.href,
            }
            for key, told in lineage.told(access.project, sides).items()
        ]
        edges = [{"before": str(before), "after": str(after)} for before, after in found.edges]
        return Response({"of": str(start), "nodes": nodes, "edges": edges, "is_cut": found.is_cut})
