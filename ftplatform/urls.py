"""Every address of the site. Rooms bring their own; see rooms.py."""

from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from ftplatform import rooms
from ftplatform.ui import probes, views

urlpatterns = [
    path("", views.front, name="front"),
    path("accounts/", include("allauth.urls")),
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
