from django.urls import path

from ftplatform.projects import views

app_name = "projects"
urlpatterns = [
    path("", views.project_list, name="list"),
    path("new/", views.create, name="create"),
    path("<slug:slug>/", views.home, name="home"),
    path("<slug:slug>/members/", views.members, name="members"),
    path("<slug:slug>/members/<int:pk>/remove/", views.remove_member, name="remove-member"),
    path("<slug:slug>/task/", views.task, name="task"),
    path("<slug:slug>/task/revise/", views.revise_task, name="revise-task"),
    path("<slug:slug>/search/", views.search, name="search"),
]
