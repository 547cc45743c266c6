from django.urls import path

from inference import api

urlpatterns = [
    path("projects/<slug:slug>/model-versions/", api.ModelVersions.as_view()),
    path("projects/<slug:slug>/deployments/", api.Deployments.as_view()),
    path("projects/<slug:slug>/generation-runs/", api.GenerationRuns.as_view()),
    path("model-versions/<int:pk>/", api.ModelVersionView.as_view()),
    path("generation-runs/<int:pk>/", api.GenerationRunView.as_view()),
    path("generation-runs/<int:pk>/generations/", api.Generations.as_view()),
]
