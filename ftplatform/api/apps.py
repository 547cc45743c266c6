from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "ftplatform.api"
    label = "api"
