from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "ftplatform.ui"
    label = "ui"
