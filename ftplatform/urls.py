"""Every address of the site. Rooms bring their own; see rooms.py."""

from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from ftplatform import rooms
from ftplatform.ui import probes, views

handler400 = "ftplatform.ui.errors.bad_request"
handler403 = "ftplatform.ui.errors.forbidden"
handler404 = "ftplatform.ui.errors.not_found"
handler500 = "ftplatform.ui.errors.server_error"

urlpatterns = [
    path("", views.front, name="front"),
    path("accounts/", include("ftplatform.accounts.signin_urls")),
    path("account/", include("ftplatform.accounts.urls")),
    path("help/", include(([path("keys/", views.keys, name="keys")], "ui"))),
    path("projects/", include("ftplatform.projects.urls")),
    path("projects/<slug:slug>/", include("ftplatform.jobs.urls")),
    path("projects/<slug:slug>/audit/", views.audit, name="audit"),
    *rooms.pages(),
    path("api/", include("ftplatform.api.urls")),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", probes.metrics),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}ui/favicon.svg", permanent=True)),
    path("robots.txt", probes.robots),
]
