"""Campaigns: opened, joined, closed, and what they say."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from pydantic import BaseModel
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluation import selectors, services
from evaluation.api.shared import named
from evaluation.campaigns.drawing import USUAL_ITEMS
from evaluation.models import Campaign, CampaignRater, ReleaseRules, Scorecard
from evaluation.scorecards.campaign_results import results_of, shortfalls_of
from evaluation.scoring.content import Figure, Human
from evaluation.services.scorecards import default_rules
from ftplatform.accounts.models import Membership, User
from ftplatform.accounts.selectors import user_called
from ftplatform.api.idempotency import PARAMETER, once
from ftplatform.api.paging import Pages
from ftplatform.errors import Refused
from ftplatform.projects.access import ADMIN, EXPERTS, READERS, Access, enter, enter_by
from ftplatform.projects.models import Project
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


class InvitationSerializer(serializers.Serializer):
    """An open campaign to whom it asks to rate: how far they are, and nothing of what is compared."""

    id = serializers.IntegerField(source="campaign_id", help_text="For campaigns/{id}/items/next/.")
    number = serializers.IntegerField(source="campaign.number", help_text="In the addresses of the site's pages.")
    name = serializers.CharField(source="campaign.name")
    done = serializers.IntegerField(source="progress.done", help_text="Items that you have rated.")
    left = serializers.IntegerField(source="progress.left", help_text="Items that you can still have.")

    def to_representation(self, rater: CampaignRater) -> dict[str, Any]:
        rater.progress = selectors.progress_of(rater)  # type: ignore[attr-defined]  # two fields tell of it
        return dict(super().to_representation(rater))


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


LISTED = PolymorphicProxySerializer(
    "ListedCampaign", [CampaignSerializer, InvitationSerializer], resource_type_field_name=None, many=True
)


class Campaigns(Pages):
    @extend_schema(responses=LISTED)
    def get(self, request: Request, slug: str) -> Response:
        """All campaigns for readers of the project; for an expert, the open ones in which they are asked to rate."""
        access = enter(cast(Any, request), slug, READERS | EXPERTS)
        if access.roles & READERS:
            return self.page(request, selectors.campaigns_of(access.project), CampaignSerializer)
        return self.page(request, selectors.invitations_of(access.project, access.user), InvitationSerializer)

    @extend_schema(parameters=[PARAMETER], request=CampaignRequest, responses={201: OpenedCampaign})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(cast(Any, request), slug, ADMIN)
        serializer = CampaignRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        return once(request, lambda: (201, _open(access, values)))


def _open(access: Access, values: dict[str, Any]) -> dict[str, Any]:
    project = access.project
    raters = [_member(project, name) for name in values["raters"]]
    card = named(Scorecard.objects.filter(project=project), values, "scorecard")
    rules = named(ReleaseRules.objects.filter(project=project), values, "rules", required=False)
    campaign = services.open_campaign(
        scorecard=card,
        rubric=services.ensure_rubric(project=project, by=access.actor),
        rules=rules or card.rules or default_rules(project, by=access.actor),
        raters=list(dict.fromkeys(raters)),
        by=access.actor,
        **{name: values[name] for name in ("name", "items", "overlap", "asks_preference", "seed")},
    )
    return {**_shown(campaign), "warnings": shortfalls_of(campaign, campaign.items.count())}


def _member(project: Project, name: str) -> User:
    user = user_called(name)
    if user is None or not Membership.objects.filter(project=project, user=user).exists():
        raise Refused("unknown-user", f"{name!r} is not a member of this project.", field="raters")
    return user


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
        user = user_called(name)
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
    @extend_schema(responses=Human)
    def get(self, request: Request, pk: int) -> Response:
        """What the ratings say until now. Refused to raters while the campaign is open."""
        return Response(results_of(_campaign(request, pk)).model_dump(mode="json"))


class DimensionAgreement(BaseModel):
    dimension: str
    alpha: Figure
    ac2: Figure


class Agreement(BaseModel):
    """How far the raters say the same. raters: how many have rated."""

    ratings: int
    raters: int
    dimensions: list[DimensionAgreement]


class CampaignAgreement(APIView):
    @extend_schema(responses=Agreement)
    def get(self, request: Request, pk: int) -> Response:
        found = results_of(_campaign(request, pk))
        rows = [DimensionAgreement(dimension=one.name, alpha=one.alpha, ac2=one.ac2) for one in found.dimensions]
        agreement = Agreement(ratings=found.ratings, raters=len(found.raters), dimensions=rows)
        return Response(agreement.model_dump(mode="json"))


def _campaign(request: Request, pk: int) -> Campaign:
    access, campaign = enter_by(cast(Any, request), Campaign.objects.select_related("rules", "rubric"), READERS, pk=pk)
    refuse_if_sealed(access, selectors.versions_in(campaign))
    return cast(Campaign, campaign)
