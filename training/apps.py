from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        """Registers this room's part in the registries of the rooms below."""
        from training import registrations  # noqa: F401
