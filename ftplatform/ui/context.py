"""What the frame around a page shows. Asked for piece by piece by the templates, so that a fragment without frame costs nothing."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.messages import WARNING, get_messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.urls import reverse

from ftplatform.accounts.models import Role, User
from ftplatform.jobs.models import Job
from ftplatform.jobs.selectors import LIVE_JOBS
from ftplatform.projects.access import READERS, Access
from ftplatform.projects.models import Project
from ftplatform.ui import registries

MENU_PROJECTS = 12
MENU_JOBS = 5
_RANK = (Role.ADMIN, Role.REVIEWER, Role.EXPERT, Role.LABELER, Role.VIEWER)


class Frame:
    """The app bar and the loop for one request. `access` is the current project's, set by `ftplatform.projects.access`."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def access(self) -> Access | None:
        return getattr(self._request, "access", None)

    @cached_property
    def user(self) -> User | None:
        user = getattr(self._request, "user", None)
        return user if isinstance(user, User) and user.is_authenticated else None

    @property
    def theme(self) -> str:
        return self.user.theme if self.user else User.Theme.AUTO

    @cached_property
    def projects(self) -> list[Project]:
        """The user's projects for the menu, by name: the first dozen, the rest stand on the list of projects."""
        if self.user is None:
            return []
        mine = Project.objects.all()
        if not self.user.is_superuser:
            mine = mine.filter(pk__in=self.user.memberships.values("project"))
        return list(mine.only("name", "slug").order_by("name", "pk")[:MENU_PROJECTS])

    @property
    def sends_mail(self) -> bool:
        """Whether the operator gave a mail server: without one a lost password is the operator's to replace."""
        return bool(settings.FT_SENDS_MAIL)

    @property
    def reads(self) -> bool:
        """Whether the loop, the jobs and the search are for this user: labelers and experts see only their queue."""
        return self.access is not None and bool(self.access.roles & READERS)

    @cached_property
    def loop(self) -> list[registries.LoopStep]:
        return registries.loop_steps(self.access) if self.access and self.reads else []

    @cached_property
    def jobs(self) -> list[Job]:
        """The project's live jobs; one more than is shown tells that there are more."""
        return LIVE_JOBS.of(self.access)[: MENU_JOBS + 1] if self.access and self.reads else []

    @property
    def jobs_count(self) -> str:
        return f"{MENU_JOBS}+" if len(self.jobs) > MENU_JOBS else str(len(self.jobs))

    @property
    def jobs_percent(self) -> int | None:
        """How full the ring of the jobs indicator is: the first running job's progress."""
        return next((job.percent for job in self.jobs if job.percent is not None), None)

    @property
    def search_href(self) -> str:
        if self.access is None or not self.reads or not registries.registered.search:
            return ""
        return reverse("projects:search", args=[self.access.project.slug])

    @cached_property
    def _messages(self) -> list[Message]:
        return list(get_messages(self._request))

    @property
    def toasts(self) -> list[Message]:
        """What was done, said once at the foot of the page."""
        return [message for message in self._messages if message.level < WARNING]

    @property
    def alerts(self) -> list[Message]:
        """What was refused or needs a look, above the page."""
        return [message for message in self._messages if message.level >= WARNING]

    @property
    def role(self) -> str:
        """The word under the user's name: the strongest role in this project."""
        if self.access is None:
            return "Operator" if self.user and self.user.is_superuser else ""
        return next((role.label for role in _RANK if role in self.access.roles), "")


def frame(request: HttpRequest) -> dict[str, Any]:
    return {"frame": Frame(request)}
