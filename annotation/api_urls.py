from django.urls import path

from annotation.api import datasets, examples, imports, labelling

urlpatterns = [
    path("projects/<slug:slug>/imports/", imports.Imports.as_view()),
    path("imports/<int:pk>/", imports.ImportView.as_view()),
    path("imports/<int:pk>/rejected.csv", imports.RejectedRows.as_view()),
    path("imports/<int:pk>/duplicates.csv", imports.DuplicateRows.as_view()),
    path("projects/<slug:slug>/examples/", examples.Examples.as_view()),
    path("examples/<int:pk>/", examples.ExampleView.as_view()),
    path("examples/<int:pk>/flag/", examples.FlagExample.as_view()),
    path("projects/<slug:slug>/annotations/", examples.Annotations.as_view()),
    path("annotations/<int:pk>/revise/", labelling.ReviseAnnotation.as_view()),
    path("projects/<slug:slug>/reviews/", labelling.Reviews.as_view()),
    path("projects/<slug:slug>/leases/", labelling.Leases.as_view()),
    path("leases/<uuid:pk>/submit/", labelling.SubmitLease.as_view()),
    path("leases/<uuid:pk>/draft/", labelling.SaveDraft.as_view()),
    path("leases/<uuid:pk>/skip/", labelling.SkipLease.as_view()),
    path("leases/<uuid:pk>/release/", labelling.ReleaseLease.as_view()),
    path("projects/<slug:slug>/queues/", labelling.Queues.as_view()),
    path("queues/<int:pk>/close/", labelling.CloseQueue.as_view()),
    path("queues/<int:pk>/reopen/", labelling.ReopenQueue.as_view()),
    path("projects/<slug:slug>/evaluation-sets/", datasets.EvaluationSets.as_view()),
    path("projects/<slug:slug>/dataset-versions/", datasets.DatasetVersions.as_view()),
    path("dataset-versions/<int:pk>/", datasets.DatasetVersionView.as_view()),
    path("dataset-versions/<int:pk>/export/", datasets.ExportDatasetVersion.as_view()),
]
