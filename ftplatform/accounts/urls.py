from django.urls import path, re_path

from ftplatform.accounts import views

app_name = "accounts"
urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("keys/", views.api_keys, name="api-keys"),
    re_path(r"^keys/(?P<key_id>[0-9a-f]{12})/revoke/$", views.revoke_api_key, name="revoke-api-key"),
]
