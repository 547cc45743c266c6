"""Leases and what people answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import selectors, services
from annotation.api.examples import AnnotationSerializer
from annotation.models import Annotation, Example, Lease, Queue
from annotation.services.imports import MOST_ROWS
from annotation.services.labelling import MOST_NOTE, MOST_SECONDS
from ftplatform.api.paging import Pages
from ftplatform.api.parsing import ShallowJSON
from ftplatform.projects.access import ADMIN, LABELERS, READERS, REVIEWERS, Access, enter, enter_by


class QueueSerializer(serializers.ModelSerializer):
    """total: slots in all, as many a ticket as the overlap asks."""

    task_revision = serializers.IntegerField(source="task_revision_id", read_only=True)

    class Meta:
        model = Queue
        fields = ["id", "name", "overlap", "total", "is_open", "task_revision", "created_at"]
        read_only_fields = fields


class NewQueue(serializers.Serializer):
    """source: which tickets. limit: at most so many, the oldest; left out, all. overlap: how many labelers each goes to."""

    name = serializers.CharField(max_length=120)
    source = serializers.ChoiceField(choices=list(selectors.QUEUE_SOURCES))  # type: ignore[assignment]  # the metaclass takes it out
    limit = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST_ROWS, default=None)
    overlap = serializers.IntegerField(required=False, min_value=1, max_value=20, default=1)


class Queues(Pages):
    @extend_schema(responses=QueueSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, LABELERS | READERS)
        return self.page(request, Queue.objects.filter(project=access.project).order_by("-pk"), QueueSerializer)

    @extend_schema(request=NewQueue, responses={201: QueueSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Opens a queue. Tickets of the test set, and those that stand in an open queue, are left out."""
        access = enter(request, slug, ADMIN)
        form = NewQueue(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        queue = services.open_queue(
            project=access.project,
            name=values["name"],
            examples=selectors.queue_tickets(access.project, values["source"], values["limit"]),
            overlap=values["overlap"],
            by=access.actor,
        )
        return Response(QueueSerializer(queue).data, status=201)


class CloseQueue(APIView):
    @extend_schema(request=None, responses=QueueSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Hands out no more tickets; those in people's hands may still be submitted."""
        access, queue = enter_by(request, Queue.objects.all(), ADMIN, pk=pk)
        return Response(QueueSerializer(services.close_queue(queue=queue, by=access.actor)).data)


class ReopenQueue(APIView):
    @extend_schema(request=None, responses=QueueSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Hands out again what is left, without the tickets that stand in another open queue by now."""
        access, queue = enter_by(request, Queue.objects.all(), ADMIN, pk=pk)
        return Response(QueueSerializer(services.reopen_queue(queue=queue, by=access.actor).queue).data)


class LeasedSuggestion(serializers.Serializer):
    field = serializers.CharField()
    value = serializers.JSONField(help_text="As an answer has it: a label, a text, a number, or a list.")
    score = serializers.FloatField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out


class LeasedTicket(serializers.Serializer):
    """A ticket in a labeler's hands. inputs: column → text."""

    id = serializers.IntegerField()
    inputs = serializers.DictField()
    suggestions = LeasedSuggestion(many=True)


class LeaseSerializer(serializers.ModelSerializer):
    example = serializers.SerializerMethodField()
    draft = serializers.DictField(read_only=True, allow_null=True)
    queue = serializers.IntegerField(source="queue_id", read_only=True)

    class Meta:
        model = Lease
        fields = ["id", "queue", "state", "expires_at", "draft", "draft_revision", "example"]
        read_only_fields = fields

    @extend_schema_field(LeasedTicket)
    def get_example(self, row: Lease) -> dict[str, Any]:
        suggestions = [
            {"field": one.field, "value": one.value, "score": one.score, "source": one.source}
            for one in row.example.suggestions.order_by("pk")
        ]
        return {"id": row.example_id, "inputs": row.example.content.inputs, "suggestions": suggestions}


class LeaseRequest(serializers.Serializer):
    """queue: an open queue; left out, the ticket in the caller's hands, else one of the oldest queue that has any. after: the lease in
    hand, to prefetch one more."""

    queue = serializers.IntegerField(required=False, allow_null=True, default=None)
    after = serializers.UUIDField(required=False, allow_null=True, default=None)


class Leases(APIView):
    @extend_schema(request=LeaseRequest, responses={201: LeaseSerializer, 204: None})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, LABELERS)
        form = LeaseRequest(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        held = Lease.objects.select_related("queue").filter(labeler=access.user, queue__project=access.project)
        after = get_object_or_404(held, pk=asked["after"]) if asked["after"] else None
        queues = Queue.objects.filter(project=access.project)
        if after is not None:
            lease = services.take_lease(queue=after.queue, labeler=access.user, after=after)
        elif asked["queue"] is not None:
            wanted = get_object_or_404(queues, pk=asked["queue"])
            lease = services.take_lease(queue=wanted, labeler=access.user)
        else:
            lease = services.take_any_lease(project=access.project, labeler=access.user)
        return Response(LeaseSerializer(lease).data, status=201) if lease else Response(status=204)


class Submission(serializers.Serializer):
    values = serializers.DictField()
    seconds = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=MOST_SECONDS, default=None)
    note = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NOTE, default="")
    is_unsure = serializers.BooleanField(required=False, default=False)


class DraftRequest(serializers.Serializer):
    draft = serializers.DictField()
    revision = serializers.IntegerField(min_value=0)


class SkipRequest(serializers.Serializer):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class _OwnLease(APIView):
    """Something done with a lease: only its own labeler may, and for all others it does not exist."""

    parser_classes = [ShallowJSON]

    def lease(self, request: Request, pk: str) -> tuple[Access, Lease]:
        row = get_object_or_404(Lease.objects.select_related("queue__project", "example"), pk=pk, labeler=request.user)
        return enter(request, row.queue.project.slug, LABELERS), row


class SubmitLease(_OwnLease):
    @extend_schema(request=Submission, responses={200: AnnotationSerializer, 201: AnnotationSerializer})
    def post(self, request: Request, pk: str) -> Response:
        """201 the first time; the same submit again answers 200 with the same annotation; other values 409."""
        access, lease = self.lease(request, pk)
        form = Submission(data=request.data)
        form.is_valid(raise_exception=True)
        submitted = services.submit_annotation(lease=lease, by=access.actor, **form.validated_data)
        return Response(AnnotationSerializer(submitted.annotation).data, status=201 if submitted.is_new else 200)


class SaveDraft(_OwnLease):
    @extend_schema(request=DraftRequest, responses=LeaseSerializer)
    def post(self, request: Request, pk: str) -> Response:
        """A stale revision answers 409: another tab wrote meanwhile."""
        _, lease = self.lease(request, pk)
        form = DraftRequest(data=request.data)
        form.is_valid(raise_exception=True)
        saved = services.save_draft(lease=lease, **form.validated_data)
        return Response(LeaseSerializer(saved).data)


class SkipLease(_OwnLease):
    @extend_schema(request=SkipRequest, responses={204: None})
    def post(self, request: Request, pk: str) -> Response:
        access, lease = self.lease(request, pk)
        form = SkipRequest(data=request.data)
        form.is_valid(raise_exception=True)
        services.skip_lease(lease=lease, reason=form.validated_data["reason"], by=access.actor)
        return Response(status=204)


class ReleaseLease(_OwnLease):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: str) -> Response:
        access, lease = self.lease(request, pk)
        services.release_lease(lease=lease, by=access.actor)
        return Response(status=204)


class Revision(serializers.Serializer):
    """note, is_unsure: left out, they stay as they were."""

    values = serializers.DictField()
    note = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=MOST_NOTE, default=None)
    is_unsure = serializers.BooleanField(required=False, allow_null=True, default=None)


class ReviseAnnotation(APIView):
    @extend_schema(request=Revision, responses={201: AnnotationSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """A new answer that supersedes the author's own last one. 409 names the newest where this is not the last any more."""
        rows = Annotation.objects.select_related("example__project", "lease__queue", "task_revision", "author")
        row = get_object_or_404(rows, pk=pk, author=request.user)
        access = enter(request, row.example.project.slug, LABELERS)
        form = Revision(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.revise_annotation(annotation=row, by=access.actor, **form.validated_data)
        return Response(AnnotationSerializer(made).data, status=201)


class Reviews(APIView):
    class Request(serializers.Serializer):
        example = serializers.IntegerField()
        values = serializers.DictField()
        note = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NOTE, default="")

    @extend_schema(request=Request, responses={201: AnnotationSerializer})
    def post(self, request: Any, slug: str) -> Response:
        """A reviewer's decision: it counts alone."""
        access = enter(request, slug, REVIEWERS)
        form = Reviews.Request(data=request.data)
        form.is_valid(raise_exception=True)
        example = get_object_or_404(Example, pk=form.validated_data.pop("example"), project=access.project)
        made = services.adjudicate(example=example, by=access.actor, **form.validated_data)
        return Response(AnnotationSerializer(made).data, status=201)
