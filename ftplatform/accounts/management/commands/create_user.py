"""`python manage.py create_user NAME`: the operator's way to let somebody in; members of projects are chosen on their pages."""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from ftplatform.accounts import services
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Role
from ftplatform.errors import Refused
from ftplatform.projects.models import Project

BY = "create_user"


class Command(BaseCommand):
    help = "Make an account. Without --password-stdin the password is random and printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", default="")
        parser.add_argument("--superuser", action="store_true", help="an operator: may use the admin site")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of stdin"
        )
        parser.add_argument("--project", metavar="SLUG", help="make the user a member of this project, as --role")
        parser.add_argument("--role", choices=Role.values, default=Role.VIEWER)
        parser.add_argument("--api-key", metavar="LABEL", help="also make an API key of this name, printed once")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        password = chosen or secrets.token_urlsafe(15)
        try:
            made = self._make(options, password)
        except Refused as refused:
            raise CommandError(refused.message) from refused
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if not chosen:
            made["password"] = password
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for name, value in made.items():
            self.stdout.write(f"{name:<9} {value}")

    @transaction.atomic
    def _make(self, options: dict[str, Any], password: str) -> dict[str, Any]:
        by = Actor.system(BY)
        user = services.create_user(
            username=options["username"],
            password=password,
            email=options["email"],
            superuser=options["superuser"],
            by=by,
        )
        made: dict[str, Any] = {"id": user.pk, "username": user.username}
        if options["project"]:
            project = Project.objects.filter(slug=options["project"]).first()
            if project is None:
                known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none"
                raise CommandError(f"There is no project {options['project']!r}; there is {known}.")
            services.add_member(project=project, user=user, role=options["role"], by=by)
            made |= {"project": project.slug, "role": options["role"]}
        if options["api_key"]:
            made["api_key"] = services.create_api_key(user=user, name=options["api_key"], by=by)[1]
        return made
