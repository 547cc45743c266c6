from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    name = "annotation"

    def ready(self) -> None:
        """Registers this room's part in the registries of the rooms below."""
        from annotation import registrations  # noqa: F401
