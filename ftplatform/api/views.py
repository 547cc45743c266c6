"""The ground floor's resources: projects, members, task revisions, jobs."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import ValidationError
from rest_framework import serializers
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Membership, Role, User
from ftplatform.accounts.selectors import user_called
from ftplatform.api.paging import ByAge, Pages
from ftplatform.errors import FieldError, Refused
from ftplatform.jobs import selectors as job_selectors
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job, JobEvent
from ftplatform.keys import key_of
from ftplatform.projects import selectors, services
from ftplatform.projects.access import ADMIN, ANYONE, READERS, enter, enter_by
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import TaskSpec

AFTER = OpenApiParameter("after", int, description="The id of the last event that you have; 0 for all.")


class ProjectSerializer(serializers.ModelSerializer):
    task_revision = serializers.IntegerField(source="task_revision_id", read_only=True, allow_null=True)

    class Meta:
        model = Project
        fields = ["slug", "name", "description", "attribution", "task_revision", "created_at"]
        read_only_fields = ["slug", "attribution", "created_at"]


class MemberSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    user = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField(read_only=True)


class TaskRevisionSerializer(serializers.ModelSerializer):
    class Meta:
        model = TaskRevision
        fields = ["id", "number", "content", "content_hash", "created_at"]
        read_only_fields = ["id", "number", "content_hash", "created_at"]


class JobSerializer(serializers.ModelSerializer):
    percent = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Job
        fields = ["id", "kind", "title", "state", "attempt", "done", "total", "unit", "percent", "result", "error_code", "error",
                  "created_at", "started_at", "finished_at"]  # fmt: skip
        read_only_fields = fields


class JobEventSerializer(serializers.ModelSerializer):
    class Meta:
        model = JobEvent
        fields = ["id", "at", "attempt", "kind", "message", "data"]
        read_only_fields = fields


class Projects(ListAPIView):
    serializer_class = ProjectSerializer

    def get_queryset(self) -> Any:
        key = self.request.auth
        found = selectors.projects_of(cast(User, self.request.user)).order_by()
        bound = getattr(key, "project_id", None)
        return found.filter(pk=bound) if bound else found

    @extend_schema(request=ProjectSerializer, responses={201: ProjectSerializer})
    def post(self, request: Request) -> Response:
        if getattr(request.auth, "project_id", None):
            raise PermissionDenied("This key opens one project only; a new project needs a key for all of yours.")
        serializer = ProjectSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        project = services.create_project(
            name=serializer.validated_data["name"],
            description=serializer.validated_data.get("description", ""),
            by=Actor.of(cast(User, request.user)),
        )
        return Response(ProjectSerializer(project).data, status=201)


class ProjectView(APIView):
    @extend_schema(responses=ProjectSerializer)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectSerializer(enter(request, slug, ANYONE).project).data)


class Members(Pages):
    @extend_schema(responses=MemberSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        return self.page(request, access.project.memberships.select_related("user"), MemberSerializer)

    @extend_schema(request=MemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ADMIN)
        serializer = MemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        username = serializer.validated_data["user"]["username"]
        user = user_called(username)
        if user is None:
            raise Refused("unknown-user", f"There is no user called {username!r}.", field="user")
        membership = accounts.add_member(
            project=access.project, user=user, role=serializer.validated_data["role"], by=access.actor
        )
        return Response(MemberSerializer(membership).data, status=201)


class MemberView(APIView):
    @extend_schema(responses=MemberSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, membership = enter_by(request, Membership.objects.select_related("user", "project"), ADMIN, pk=pk)
        return Response(MemberSerializer(membership).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Takes the role away; what the person did stays. The last admin stays one."""
        access, membership = enter_by(request, Membership.objects.select_related("user", "project"), ADMIN, pk=pk)
        accounts.remove_member(membership=membership, by=access.actor)
        return Response(status=204)


class RenamesField(serializers.DictField):
    """Field → old label → new label."""

    child = serializers.DictField(child=serializers.CharField())


class TaskRevisions(Pages):
    @extend_schema(responses=TaskRevisionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        access = enter(request, slug, ANYONE)
        return self.page(request, access.project.task_revisions.all(), TaskRevisionSerializer)

    @extend_schema(request=TaskSpec, responses={201: TaskRevisionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """The body is the task itself, or {"content": task, "renames": {field: {old label: new label}}}.

        Answers that the task would contradict are refused with their counts unless renames cover them (409, `broken`).
        """
        access = enter(request, slug, ADMIN)
        body = request.data if isinstance(request.data, dict) else {}
        data = body.get("content", request.data)
        try:
            spec = TaskSpec.model_validate(data)
        except ValidationError as error:
            errors = [FieldError(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
            raise Refused("bad-task", "This task cannot be used; each reason is listed.", errors=errors) from error
        renames = RenamesField().run_validation(body.get("renames", {})) if "content" in body else {}
        revision = services.revise_task(project=access.project, spec=spec, renames=renames, by=access.actor)
        return Response(TaskRevisionSerializer(revision).data, status=201)


class JobView(APIView):
    @extend_schema(responses=JobSerializer)
    def get(self, request: Request, pk: int) -> Response:
        _, job = enter_by(request, Job.objects.all(), READERS, pk=pk)
        return Response(JobSerializer(job).data)


class JobEvents(Pages):
    pagination_class = ByAge

    @extend_schema(parameters=[AFTER], responses=JobEventSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """Events after `?after=ID`, oldest first."""
        _, job = enter_by(request, Job.objects.all(), READERS, pk=pk)
        asked = request.query_params.get("after") or "0"
        after = key_of(asked)
        if after is None:
            raise Refused("bad-key", f"after is the id of an event, not {asked[:40]!r}.", field="after")
        return self.page(request, job_selectors.events_after(job, after), JobEventSerializer)


class JobCancel(APIView):
    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, pk: int) -> Response:
        access, job = enter_by(request, Job.objects.all(), ADMIN, pk=pk)
        return Response(JobSerializer(jobs.cancel(job=job, by=access.actor)).data)


class JobResume(APIView):
    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, pk: int) -> Response:
        access, job = enter_by(request, Job.objects.all(), ADMIN, pk=pk)
        return Response(JobSerializer(jobs.resume(job=get_object_or_404(Job, pk=job.pk), by=access.actor)).data)
