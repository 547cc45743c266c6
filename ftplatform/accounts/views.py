"""A user's own pages: theme and API keys. Signing in and passwords are allauth's."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ftplatform.accounts import services
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.forms import ApiKeyForm, ThemeForm
from ftplatform.accounts.models import User


@login_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    form = ThemeForm(request.POST, instance=cast(User, request.user))
    if not form.is_valid():
        return HttpResponseBadRequest("theme must be auto, light or dark")
    form.save()
    return HttpResponse(status=204)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def api_keys(request: HttpRequest) -> HttpResponse:
    """Lists the user's keys and makes one; the new key is shown in this one answer and never again."""
    user = cast(User, request.user)
    form = ApiKeyForm(request.POST or None, user=user)
    made = None
    if request.method == "POST" and form.is_valid():
        _, made = services.create_api_key(
            user=user,
            name=form.cleaned_data["name"],
            project=form.cleaned_data["project"],
            expires_at=form.expires_at,  # type: ignore[arg-type]  # a datetime or None
            by=Actor.of(user),
        )
        form = ApiKeyForm(user=user)
    keys = user.api_keys.select_related("project").order_by("revoked_at", "-created_at")[:100]
    return render(request, "accounts/api_keys.html", {"form": form, "made": made, "keys": keys})


@login_required
@require_POST
def revoke_api_key(request: HttpRequest, key_id: str) -> HttpResponse:
    user = cast(User, request.user)
    key = get_object_or_404(user.api_keys, pk=key_id)
    services.revoke_api_key(key=key, by=Actor.of(user))
    messages.success(request, f"Key {key.name} is revoked.")
    return redirect("accounts:api-keys")
