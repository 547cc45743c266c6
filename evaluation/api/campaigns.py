"""Campaigns: opened, joined, closed, and what they say."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluation import selectors, services
from evaluation.api.shared import AnyObject, named
from evaluation.campaigns.drawing import USUAL_ITEMS
from evaluation.models import Campaign, ReleaseRules, Scorecard
from evaluation.services.scorecards import default_rules
from ftplatform.accounts.models import Membership, User
from ftplatform.api.idempotency import once
from ftplatform.errors import Refused
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed


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
    card = named(Scorecard.objects.filter(project=project), values, "scorecard")
    rules = named(ReleaseRules.objects.filter(project=project), values, "rules", required=False)
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
