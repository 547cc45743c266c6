"""This room's part of the API: scorecards, release rules, campaigns, and an expert's items."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.models import DatasetVersion
from evaluation import export, selectors, services
from evaluation.blinding import payload, sealed_versions
from evaluation.drawing import USUAL_ITEMS
from evaluation.models import Assignment, Campaign, CampaignRater, ReleaseRules, Scorecard
from evaluation.scoring.rules import Rules
from evaluation.services.scorecards import SHOTS, default_rules
from ftplatform.accounts.models import Membership, User
from ftplatform.api.idempotency import once
from ftplatform.errors import FieldError, Refused
from ftplatform.projects.access import ADMIN, EXPERTS, READERS, Access, enter, enter_by
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
    """`baseline` wants evaluation_set and base_model; `comparison` wants baseline and candidate."""

    kind = serializers.ChoiceField(choices=Scorecard.Kind.choices)
    evaluation_set = serializers.IntegerField(required=False)
    base_model = serializers.IntegerField(required=False)
    shots = serializers.IntegerField(required=False, default=SHOTS, min_value=0, max_value=16)
    baseline = serializers.IntegerField(required=False)
    candidate = serializers.IntegerField(required=False)
    rules = serializers.IntegerField(required=False)
    validation_set = serializers.IntegerField(required=False)


class JobAnswer(serializers.Serializer):
    job = serializers.IntegerField()


class RulesSerializer(serializers.ModelSerializer):
    class Meta:
        model = ReleaseRules
        fields = ["id", "number", "content", "content_hash", "created_at"]
        read_only_fields = ["id", "number", "content_hash", "created_at"]


class CampaignSerializer(serializers.ModelSerializer):
    items = serializers.IntegerField(source="item_count")
    raters = serializers.IntegerField(source="rater_count")
    ratings = serializers.SerializerMethodField()

    class Meta:
        model = Campaign
        fields = ["id", "number", "name", "state", "rubric", "rules", "evaluation_set", "text_field", "asks_preference", "overlap",
                  "items", "raters", "ratings", "created_at", "closed_at"]  # fmt: skip
        read_only_fields = fields

    def get_ratings(self, campaign: Campaign) -> int:
        return getattr(campaign, "rated", None) or 0


class OpenedCampaign(CampaignSerializer):
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="Rules that cannot be met on so many tickets, however the rating goes."
    )

    class Meta(CampaignSerializer.Meta):
        fields = [*CampaignSerializer.Meta.fields, "warnings"]
        read_only_fields = fields


class CampaignRequest(serializers.Serializer):
    """raters: usernames who are invited at once."""

    scorecard = serializers.IntegerField()
    name = serializers.CharField(required=False, default="", max_length=120, allow_blank=True)
    items = serializers.IntegerField(required=False, default=USUAL_ITEMS, min_value=1, max_value=2000)
    overlap = serializers.IntegerField(required=False, default=2, min_value=1, max_value=10)
    asks_preference = serializers.BooleanField(required=False, default=False)
    seed = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    rules = serializers.IntegerField(required=False)
    raters = serializers.ListField(child=serializers.CharField(), required=False, default=list)


class AnyObject(serializers.Serializer):
    """A JSON object whose keys the documentation describes."""


# ── scorecards and rules ──


class Scorecards(ListAPIView):
    serializer_class = ScorecardSerializer

    def get_queryset(self) -> Any:
        access = enter(cast(Any, self.request), self.kwargs["slug"], READERS)
        self.sealed = sealed_versions(access)
        return selectors.scorecards_of(access.project).order_by()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "sealed": getattr(self, "sealed", {})}

    @extend_schema(request=ScorecardRequest, responses={202: JobAnswer})
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
        evaluation_set=_named(sets, values, "evaluation_set"),
        base_model=_named(models, values, "base_model"),
        shots=values["shots"],
        by=access.actor,
    )


def _request_comparison(access: Access, values: dict[str, Any]) -> Any:
    project = access.project
    return services.request_comparison(
        baseline=_named(Scorecard.objects.filter(project=project), values, "baseline"),
        candidate=_named(ModelVersion.objects.filter(project=project), values, "candidate"),
        rules=_named(ReleaseRules.objects.filter(project=project), values, "rules", required=False),
        validation_set=_named(DatasetVersion.objects.filter(project=project), values, "validation_set", required=False),
        by=access.actor,
    )


def _named(rows: Any, values: dict[str, Any], name: str, *, required: bool = True) -> Any:
    """The project's own row that a field of the body names. Raises Refused, with that field, for a missing or foreign one."""
    if name not in values:
        if required:
            raise Refused("missing-field", f"Say which {name.replace('_', ' ')}, by its id.", field=name)
        return None
    found = rows.filter(pk=values[name]).first()
    if found is None:
        raise Refused("unknown-id", f"The project has no {name.replace('_', ' ')} {values[name]}.", field=name)
    return found


def _card(request: Request, pk: int, allowed: Any = READERS) -> tuple[Access, Scorecard]:
    rows = Scorecard.objects.select_related(
        "evaluation_set", "base_model", "candidate", "task_revision", "baseline__generation_run", "generation_run", "rules__created_by", "campaign"
    )  # fmt: skip
    access, card = enter_by(cast(Any, request), rows, allowed, pk=pk)
    refuse_if_sealed(access, selectors.versions_of_card(card))
    return access, card


class ScorecardView(APIView):
    @extend_schema(responses=AnyObject)
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
    @extend_schema(request=None, responses={202: JobAnswer})
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


# ── campaigns ──


class Campaigns(ListAPIView):
    serializer_class = CampaignSerializer

    def get_queryset(self) -> Any:
        access = enter(cast(Any, self.request), self.kwargs["slug"], READERS)
        return selectors.campaigns_of(access.project).order_by()

    @extend_schema(request=CampaignRequest, responses={201: OpenedCampaign})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(cast(Any, request), slug, ADMIN)
        serializer = CampaignRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        return once(request, lambda: (201, _open(access, values)))


def _open(access: Access, values: dict[str, Any]) -> dict[str, Any]:
    project = access.project
    members = User.objects.filter(pk__in=Membership.objects.filter(project=project).values("user"))
    people = {user.username.casefold(): user for user in members}
    if unknown := [name for name in values["raters"] if name.casefold() not in people]:
        raise Refused("unknown-user", f"{unknown[0]!r} is no member of this project.", field="raters")
    card = _named(Scorecard.objects.filter(project=project), values, "scorecard")
    rules = _named(ReleaseRules.objects.filter(project=project), values, "rules", required=False)
    campaign = services.open_campaign(
        scorecard=card,
        rubric=services.ensure_rubric(project=project, by=access.actor),
        rules=rules or card.rules or default_rules(project, by=access.actor),
        raters=[people[name] for name in dict.fromkeys(name.casefold() for name in values["raters"])],
        by=access.actor,
        **{name: values[name] for name in ("name", "items", "overlap", "asks_preference", "seed")},
    )
    return {**_shown(campaign), "warnings": selectors.shortfalls_of(campaign, campaign.items.count())}


def _shown(campaign: Campaign) -> dict[str, Any]:
    return dict(CampaignSerializer(selectors.all_campaigns().get(pk=campaign.pk)).data)


class InviteRequest(serializers.Serializer):
    user = serializers.CharField(help_text="Username of an expert of the project.")


class CampaignRaters(APIView):
    @extend_schema(request=InviteRequest, responses=CampaignSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Invites a rater; asking twice changes nothing."""
        access, campaign = enter_by(cast(Any, request), Campaign.objects.all(), ADMIN, pk=pk)
        serializer = InviteRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        name = serializer.validated_data["user"]
        user = User.objects.filter(username=name).first()
        if user is None:
            raise Refused("unknown-user", f"There is no user called {name!r}.", field="user")
        services.invite_rater(campaign=campaign, user=user, by=access.actor)
        return Response(_shown(campaign))


class CampaignClose(APIView):
    @extend_schema(request=None, responses=CampaignSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Ends the rating for good; closing twice changes nothing."""
        access, campaign = enter_by(cast(Any, request), Campaign.objects.all(), ADMIN, pk=pk)
        services.close_campaign(campaign=campaign, by=access.actor)
        return Response(_shown(campaign))


class CampaignResults(APIView):
    @extend_schema(responses=AnyObject)
    def get(self, request: Request, pk: int) -> Response:
        """What the ratings say until now: scoring.content.Human. Refused to raters while the campaign is open."""
        return Response(selectors.results_of(_campaign(request, pk)).model_dump(mode="json"))


class CampaignAgreement(APIView):
    @extend_schema(responses=AnyObject)
    def get(self, request: Request, pk: int) -> Response:
        found = selectors.results_of(_campaign(request, pk))
        rows = [
            {"dimension": one.name, "alpha": one.alpha.model_dump(mode="json"), "ac2": one.ac2.model_dump(mode="json")}
            for one in found.dimensions
        ]
        return Response({"ratings": found.ratings, "raters": len(found.raters), "dimensions": rows})


def _campaign(request: Request, pk: int) -> Campaign:
    access, campaign = enter_by(cast(Any, request), Campaign.objects.select_related("rules", "rubric"), READERS, pk=pk)
    refuse_if_sealed(access, selectors.versions_in(campaign))
    return cast(Campaign, campaign)


# ── an expert's items ──


class NextItem(APIView):
    @extend_schema(request=None, responses={201: AnyObject, 204: None})
    def post(self, request: Request, pk: int) -> Response:
        """The caller's live item again, else the next one; 204 when nothing is left."""
        access, campaign = enter_by(cast(Any, request), Campaign.objects.all(), EXPERTS, pk=pk)
        rater = selectors.rater_of(campaign, access.user)
        if rater is None:
            raise PermissionDenied("You are not invited to this campaign. An admin of the project can invite you.")
        assignment = services.next_item(rater=rater)
        return Response(status=204) if assignment is None else Response(payload(assignment), status=201)


class ItemRatings(APIView):
    @extend_schema(request=AnyObject, responses={201: AnyObject, 200: AnyObject})
    def post(self, request: Request, pk: UUID) -> Response:
        """Counts a rating once: 201, and 200 for the same again. With `supersedes` it revises the rating of that id."""
        access, assignment = _own_item(request, pk)
        body = _body(request)
        before = selectors.newest_rating(assignment)
        if "supersedes" in body:
            if not isinstance(body["supersedes"], int) or isinstance(body["supersedes"], bool):
                raise Refused("bad-id", "supersedes is the id of the rating that is changed.", field="supersedes")
            rating = services.revise_rating(
                assignment=assignment, answer=body, supersedes=body["supersedes"], by=access.actor
            )
        else:
            rating = services.submit_rating(assignment=assignment, answer=body, by=access.actor)
        is_new = before is None or before.pk != rating.pk
        answer = {
            "id": rating.pk,
            "item": str(assignment.pk),
            "scores": rating.scores,
            "harm": rating.harm,
            "harm_category": rating.harm_category or {},
            "cannot": rating.cannot,
            "preference": rating.preference,
            "spans": rating.spans,
            "reason": rating.reason,
            "created_at": rating.created_at,
        }
        return Response(answer, status=201 if is_new else 200)


class ItemRelease(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        access, assignment = _own_item(request, pk)
        services.release_item(assignment=assignment, by=access.actor)
        return Response(status=204)


class ItemDraft(APIView):
    @extend_schema(request=AnyObject, responses=AnyObject)
    def post(self, request: Request, pk: UUID) -> Response:
        """{"draft": any object, "revision": the last draft_revision} → the next draft_revision; 409 when another tab was faster."""
        _, assignment = _own_item(request, pk)
        body = _body(request)
        draft, revision = body.get("draft"), body.get("revision")
        if not isinstance(draft, dict):
            raise Refused("bad-draft", "draft is an object with what was entered so far.", field="draft")
        if not isinstance(revision, int) or isinstance(revision, bool):
            raise Refused("bad-revision", "revision is the draft_revision that was given last.", field="revision")
        kept = services.save_draft(assignment=assignment, draft=draft, revision=revision)
        return Response({"draft_revision": kept.draft_revision})


def _own_item(request: Request, pk: UUID) -> tuple[Access, Assignment]:
    """An item in the caller's own hands; anybody else's is not found."""
    rows = CampaignRater.objects.filter(user=cast(User, request.user)).select_related("campaign__project")
    assignment = selectors.shown_assignments().filter(pk=pk, rater__in=rows).first()
    if assignment is None:
        raise Http404
    access = enter(cast(Any, request), assignment.campaign_item.campaign.project.slug, EXPERTS)
    return access, assignment


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise Refused("not-an-object", "The body has to be a JSON object.")
    return request.data
