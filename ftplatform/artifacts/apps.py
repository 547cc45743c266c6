from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "ftplatform.artifacts"
    label = "artifacts"
