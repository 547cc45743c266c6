from django.urls import path

from training import api

urlpatterns = [
    path("projects/<slug:slug>/training-runs/", api.TrainingRuns.as_view()),
    path("training-runs/<int:pk>/", api.TrainingRunView.as_view()),
    path("training-runs/<int:pk>/metrics/", api.TrainingRunMetrics.as_view()),
]
