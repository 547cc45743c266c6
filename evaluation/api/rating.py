"""An expert's items. Nothing but `blinding.payload` tells these of an answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluation import selectors, services
from evaluation.api.shared import AnyObject
from evaluation.campaigns.blinding import payload
from evaluation.models import Assignment, Campaign, CampaignRater
from ftplatform.accounts.models import User
from ftplatform.errors import Refused
from ftplatform.projects.access import EXPERTS, Access, enter, enter_by


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
