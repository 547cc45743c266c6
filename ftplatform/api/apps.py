from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "ftplatform.api"
    label = "api"

    def ready(self) -> None:
        from ftplatform.api import schema  # noqa: F401 - registers how an API key is described
