"""/api/: the schema, its pages, and version 1 of the resources."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from ftplatform import rooms
from ftplatform.api import lineage, pages, views

v1 = [
    path("projects/", views.Projects.as_view()),
    path("projects/<slug:slug>/", views.ProjectView.as_view()),
    path("projects/<slug:slug>/members/", views.Members.as_view()),
    path("members/<int:pk>/", views.MemberView.as_view()),
    path("projects/<slug:slug>/task-revisions/", views.TaskRevisions.as_view()),
    path("projects/<slug:slug>/lineage/", lineage.LineageView.as_view()),
    path("jobs/<int:pk>/", views.JobView.as_view()),
    path("jobs/<int:pk>/events/", views.JobEvents.as_view()),
    path("jobs/<int:pk>/cancel/", views.JobCancel.as_view()),
    path("jobs/<int:pk>/resume/", views.JobResume.as_view()),
    *rooms.api(),
]
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", pages.docs, name="api-docs"),
    path("v1/", include(v1)),
]
