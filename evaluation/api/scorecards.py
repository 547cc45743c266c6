"""Scorecards and release rules."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.models import DatasetVersion
from evaluation import selectors, services
from evaluation.api.shared import named
from evaluation.campaigns.blinding import sealed_versions
from evaluation.models import ReleaseRules, Scorecard
from evaluation.scorecards import export
from evaluation.scoring.rules import Rules
from evaluation.services.scorecards import MOST_SHOTS, SHOTS
from ftplatform.api.idempotency import PARAMETER, once
from ftplatform.errors import FieldError, Refused
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed
from inference.models import ModelVersion


class ScorecardSerializer(serializers.ModelSerializer):
    """A card in a list: what it is and its verdict, which is null for a baseline and while the caller rates its answers blind. Its
    figures stand on the card itself, behind its seal."""

    verdict = serializers.SerializerMethodField()

    class Meta:
        model = Scorecard
        fields = ["id", "number", "kind", "evaluation_set", "base_model", "baseline", "candidate", "generation_run", "rules",
                  "campaign", "supersedes", "verdict", "content_hash", "created_at"]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=Scorecard.Verdict.choices, allow_null=True))
    def get_verdict(self, card: Scorecard) -> str | None:
        is_sealed = not selectors.versions_of_card(card).isdisjoint(self.context["sealed"])
        return None if is_sealed else card.verdict


class ScorecardRequest(serializers.Serializer):
    """`baseline` wants evaluation_set and base_model; `comparison` wants baseline and candidate. Without rules the newest are taken;
    without validation_set the set that the candidate was trained with, and none where it is null."""

    kind = serializers.ChoiceField(choices=Scorecard.Kind.choices)
    evaluation_set = serializers.IntegerField(required=False)
    base_model = serializers.IntegerField(required=False)
    shots = serializers.IntegerField(required=False, default=SHOTS, min_value=0, max_value=MOST_SHOTS)
    baseline = serializers.IntegerField(required=False)
    candidate = serializers.IntegerField(required=False)
    rules = serializers.IntegerField(required=False)
    validation_set = serializers.IntegerField(required=False, allow_null=True)


class JobAnswer(serializers.Serializer):
    job = serializers.IntegerField()


class RulesSerializer(serializers.ModelSerializer):
    class Meta:
        model = ReleaseRules
        fields = ["id", "number", "content", "content_hash", "created_at"]
        read_only_fields = ["id", "number", "content_hash", "created_at"]


class Scorecards(ListAPIView):
    serializer_class = ScorecardSerializer

    def get_queryset(self) -> Any:
        access = enter(cast(Any, self.request), self.kwargs["slug"], READERS)
        self.sealed = sealed_versions(access)
        return selectors.scorecards_of(access.project).order_by()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "sealed": getattr(self, "sealed", {})}

    @extend_schema(parameters=[PARAMETER], request=ScorecardRequest, responses={202: JobAnswer})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(cast(Any, request), slug, ADMIN)
        serializer = ScorecardRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data

        def act() -> tuple[int, Any]:
            baseline = values["kind"] == Scorecard.Kind.BASELINE
            job = _request_baseline(access, values) if baseline else _request_comparison(access, values)
            return 202, {"job": job.pk}

        return once(request, act)


def _request_baseline(access: Access, values: dict[str, Any]) -> Any:
    sets = DatasetVersion.objects.filter(project=access.project)
    models = ModelVersion.objects.filter(project=access.project)
    return services.request_baseline(
        evaluation_set=named(sets, values, "evaluation_set"),
        base_model=named(models, values, "base_model"),
        shots=values["shots"],
        by=access.actor,
    )


def _request_comparison(access: Access, values: dict[str, Any]) -> Any:
    project = access.project
    baseline = named(Scorecard.objects.filter(project=project), values, "baseline")
    candidate = named(ModelVersion.objects.filter(project=project), values, "candidate")
    validation_set = None
    if "validation_set" not in values:
        validation_set = selectors.usual_validation_set(candidate, baseline)
    elif values["validation_set"] is not None:
        validation_set = named(DatasetVersion.objects.filter(project=project), values, "validation_set")
    return services.request_comparison(
        baseline=baseline,
        candidate=candidate,
        rules=named(ReleaseRules.objects.filter(project=project), values, "rules", required=False),
        validation_set=validation_set,
        by=access.actor,
    )


def _card(request: Request, pk: int, allowed: Any = READERS) -> tuple[Access, Scorecard]:
    rows = Scorecard.objects.select_related(
        "evaluation_set", "base_model", "candidate", "task_revision", "baseline__generation_run", "generation_run", "rules__created_by", "campaign"
    )  # fmt: skip
    access, card = enter_by(cast(Any, request), rows, allowed, pk=pk)
    refuse_if_sealed(access, selectors.versions_of_card(card))
    return access, card


class ScorecardView(APIView):
    @extend_schema(responses=export.ScorecardDocument)
    def get(self, request: Request, pk: int) -> Response:
        _, card = _card(request, pk)
        return Response(export.document(card))


class ScorecardExport(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("format", enum=list(export.FORMATS), default="html")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        _, card = _card(request, pk)
        made = export.export(card, request.query_params.get("format", "html"))
        return HttpResponse(
            made.body, content_type=made.content_type, headers={"Content-Disposition": made.disposition}
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`?format=` names the file here, not one of the framework's renderers."""
        return self.get_renderers()[0], "application/json"


class ScorecardRescore(APIView):
    @extend_schema(parameters=[PARAMETER], request=None, responses={202: JobAnswer})
    def post(self, request: Request, pk: int) -> Response:
        access, card = _card(request, pk, ADMIN)
        return once(request, lambda: (202, {"job": services.request_rescore(scorecard=card, by=access.actor).pk}))


class RulesList(ListAPIView):
    serializer_class = RulesSerializer

    def get_queryset(self) -> Any:
        access = enter(cast(Any, self.request), self.kwargs["slug"], READERS)
        return selectors.rules_of(access.project).order_by()

    @extend_schema(request=RulesSerializer, responses={201: RulesSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """The body is the rules themselves, or {"content": rules}; what is left out takes its default."""
        access = enter(cast(Any, request), slug, ADMIN)
        data = request.data.get("content", request.data) if isinstance(request.data, dict) else request.data
        try:
            rules = Rules.model_validate(data)
        except ValidationError as error:
            errors = [FieldError(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
            raise Refused("bad-rules", "These rules cannot be used; each reason is listed.", errors=errors) from error
        row = services.set_rules(project=access.project, rules=rules, by=access.actor)
        return Response(RulesSerializer(row).data, status=201)
