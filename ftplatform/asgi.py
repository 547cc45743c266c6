"""The ASGI application. `/v1/`, the gateway, will be given to an app of its own here, before Django's middleware."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ftplatform.settings")

application = get_asgi_application()
