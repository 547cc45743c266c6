from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self) -> None:
        """Registers this room's part in the registries of the rooms below."""
        from evaluation import registrations  # noqa: F401
