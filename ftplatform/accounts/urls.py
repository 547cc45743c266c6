from django.urls import path

from ftplatform.accounts import views

app_name = "accounts"
urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("keys/", views.api_keys, name="api-keys"),
    path("keys/<str:key_id>/revoke/", views.revoke_api_key, name="revoke-api-key"),
]
