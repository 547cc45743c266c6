from django.urls import path

from inference import views

app_name = "inference"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/register/<slug:source>/", views.register, name="register-model"),
    path("models/<int:number>/", views.model, name="model"),
    path("models/<int:number>/deployments/<int:deployment>/check/", views.check_deployment, name="check-deployment"),
    path("generations/", views.generations, name="generations"),
    path("generations/new/", views.new_generation, name="new-generation"),
    path("generations/<int:number>/", views.generation, name="generation"),
    path("generations/<int:number>/live/", views.generation_live, name="generation-live"),
    path("generations/<int:number>/stop/", views.stop_generation, name="stop-generation"),
    path("generations/<int:number>/resume/", views.resume_generation, name="resume-generation"),
    path("compare/", views.compare, name="compare"),
]
