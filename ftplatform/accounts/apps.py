from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "ftplatform.accounts"
    label = "accounts"
