from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "ftplatform.jobs"
    label = "jobs"
