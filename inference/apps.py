from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        """Registers this room's part in the registries of the rooms below."""
        from inference import registrations  # noqa: F401
