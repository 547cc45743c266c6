from django.urls import path

from training import views

app_name = "training"
urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/new/", views.new_run, name="new-run"),
    path("runs/new/rows/", views.row_check, name="row-check"),
    path("runs/<int:number>/", views.run, name="run"),
    path("runs/<int:number>/live/", views.run_live, name="run-live"),
    path("runs/<int:number>/stop/", views.stop_run, name="stop-run"),
    path("runs/<int:number>/resume/", views.resume_run, name="resume-run"),
]
