from django.apps import AppConfig


class LocalConfig(AppConfig):
    """Only for its management commands: all else in this package is plain Python."""

    name = "ftplatform.local"
    label = "local"
