from django.urls import path, re_path

from annotation.views import datasets, imports, labelling, queues, tickets

app_name = "annotation"
VERSION = r"(?P<kind>evaluation|sft|preference|text)-(?P<number>[0-9]{1,9})"

urlpatterns = [
    path("tickets/", tickets.tickets, name="tickets"),
    path("tickets/import/", imports.upload, name="upload"),
    path("tickets/import/<str:token>/", imports.columns, name="columns"),
    path("tickets/<int:pk>/", tickets.ticket, name="ticket"),
    path("tickets/<int:pk>/flag/", tickets.flag, name="flag-ticket"),
    path("tickets/<int:pk>/review/", queues.review, name="review"),
    path("imports/<int:pk>/", imports.result, name="import"),
    path("imports/<int:pk>/live/", imports.result_live, name="import-live"),
    path("imports/<int:pk>/rejected.csv", imports.rejected, name="rejected"),
    path("imports/<int:pk>/duplicates.csv", imports.duplicates, name="duplicates"),
    path("test-set/", datasets.test_set, name="test-set"),
    path("test-set/again/", datasets.test_set_again, name="test-set-again"),
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/splits/", datasets.splits, name="splits"),
    path("datasets/freeze/", datasets.freeze, name="freeze"),
    re_path(rf"^datasets/{VERSION}/$", datasets.dataset, name="dataset"),
    re_path(rf"^datasets/{VERSION}/export/$", datasets.export, name="export"),
    path("labels/", queues.labels, name="labels"),
    path("labels/<int:queue>/close/", queues.close, name="close-queue"),
    path("labels/<int:queue>/reopen/", queues.reopen, name="reopen-queue"),
    path("label/<int:queue>/", labelling.label, name="label"),
    path("label/<int:queue>/mine/", labelling.mine, name="mine"),
    path("label/<int:queue>/mine/last/", labelling.undo, name="undo"),
    path("label/<int:queue>/mine/<int:annotation>/", labelling.revise, name="revise"),
    path("label/<int:queue>/<uuid:lease>/ahead/", labelling.ahead, name="ahead"),
    path("label/<int:queue>/<uuid:lease>/draft/", labelling.draft, name="draft"),
    path("label/<int:queue>/<uuid:lease>/skip/", labelling.skip, name="skip"),
    path("label/<int:queue>/<uuid:lease>/flag/", labelling.flag, name="flag"),
]
