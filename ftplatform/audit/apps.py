from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "ftplatform.audit"
    label = "audit"
