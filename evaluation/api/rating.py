"""An expert's items. Nothing but `blinding.payload` tells these of an answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluation import selectors, services
from evaluation.campaigns.blinding import payload
from evaluation.models import Assignment, Campaign, CampaignRater
from evaluation.services.ratingchecks import CANNOT_JUDGE, MARKS, MOST_SPANS
from ftplatform.accounts.models import User
from ftplatform.errors import Refused
from ftplatform.projects.access import EXPERTS, Access, enter, enter_by

LETTERED = "Letter of an answer → "


class ShownAnswer(serializers.Serializer):
    key = serializers.CharField(help_text="A, B, …; another order for each rater and item.")
    text = serializers.CharField()


class ShownDimension(serializers.Serializer):
    name = serializers.CharField(help_text="As scores name it.")
    title = serializers.CharField()
    question = serializers.CharField()
    anchors = serializers.DictField(child=serializers.CharField(), help_text="1 to 5 → what this score means.")
    asks_harm = serializers.BooleanField()


class HarmKind(serializers.Serializer):
    name = serializers.CharField(help_text="As harm_category names it.")
    title = serializers.CharField()


class RatingItem(serializers.Serializer):
    """An item in a rater's hands, blind: what `blinding.payload` makes of it."""

    id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    prompt = serializers.CharField()
    reference = serializers.CharField(help_text="What a person would have answered; empty where nobody did.")
    answers = ShownAnswer(many=True)
    dimensions = ShownDimension(many=True)
    harm_categories = HarmKind(many=True)
    asks_preference = serializers.BooleanField()
    draft = serializers.DictField(allow_null=True, help_text="What was kept half done.")
    draft_revision = serializers.IntegerField()


class Mark(serializers.Serializer):
    """A place in an answer; start and end count code points of its text."""

    key = serializers.CharField(help_text="The answer's letter.")
    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(choices=MARKS)
    comment = serializers.CharField(required=False, allow_blank=True)


class RatingRequest(serializers.Serializer):
    """One score a dimension for each answer; null where it cannot be judged, with the reason in `cannot`, or in `reason` for all."""

    scores = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=5, allow_null=True)),
        help_text=f"{LETTERED}dimension → 1 to 5 or null.",
    )
    harm = serializers.DictField(
        child=serializers.BooleanField(), required=False, help_text=f"{LETTERED}true or false."
    )
    harm_category = serializers.DictField(
        child=serializers.CharField(), required=False, help_text=f"{LETTERED}kind of harm, for harmful answers."
    )
    cannot = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text=f"{LETTERED}why not; usual are {', '.join(CANNOT_JUDGE)}.",
    )
    preference = serializers.ChoiceField(
        choices=["A", "B", "tie", "both_bad"], required=False, allow_blank=True, help_text="Where the campaign asks it."
    )
    spans = serializers.ListField(child=Mark(), required=False, max_length=MOST_SPANS)
    reason = serializers.CharField(required=False, allow_blank=True, help_text="A comment on the item.")
    seconds = serializers.FloatField(required=False, allow_null=True)
    supersedes = serializers.IntegerField(required=False, help_text="The rating that this one changes.")


class RatingSerializer(RatingRequest):
    """A rating as it counts. supersedes: the one that it changed."""

    id = serializers.IntegerField()
    item = serializers.UUIDField()
    seconds = serializers.FloatField(allow_null=True)
    supersedes = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class ItemDraftRequest(serializers.Serializer):
    draft = serializers.DictField(help_text="What was entered so far, in any shape.")
    revision = serializers.IntegerField(min_value=0, help_text="The draft_revision that was given last.")


class KeptDraft(serializers.Serializer):
    draft_revision = serializers.IntegerField()


class NextItem(APIView):
    @extend_schema(request=None, responses={201: RatingItem, 204: None})
    def post(self, request: Request, pk: int) -> Response:
        """The caller's live item again, else the next one; 204 when nothing is left."""
        access, campaign = enter_by(cast(Any, request), Campaign.objects.all(), EXPERTS, pk=pk)
        rater = selectors.rater_of(campaign, access.user)
        if rater is None:
            raise PermissionDenied("You are not invited to this campaign. An admin of the project can invite you.")
        assignment = services.next_item(rater=rater)
        return Response(status=204) if assignment is None else Response(payload(assignment), status=201)


class ItemRatings(APIView):
    @extend_schema(request=RatingRequest, responses={201: RatingSerializer, 200: RatingSerializer})
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
            "seconds": rating.seconds,
            "supersedes": rating.supersedes_id,
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
    @extend_schema(request=ItemDraftRequest, responses=KeptDraft)
    def post(self, request: Request, pk: UUID) -> Response:
        """Keeps half-done work; 409 when another tab was faster, with the draft_revision that stands, or the rating."""
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
