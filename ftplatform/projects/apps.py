from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "ftplatform.projects"
    label = "projects"
