"""`python manage.py local start|stop|status`: the embedded PostgreSQL and Valkey of FT_HOME."""

import dataclasses
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ftplatform.local import lifetime
from ftplatform.local.errors import LocalError
from ftplatform.local.home import Home, open_home, urls


class Command(BaseCommand):
    help = "Start, stop or show the embedded PostgreSQL and Valkey of FT_HOME."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")
        parser.add_argument("--force", action="store_true", help="stop, whoever uses them")

    def handle(self, *args: Any, action: str, force: bool, **options: Any) -> None:
        try:
            home = open_home()
            if action == "start":
                lifetime.start(home, say=self.stderr.write)
            if action == "stop":
                self._stop(home, force=force)
            self._show(home, as_json=options["json"])
        except LocalError as error:
            raise CommandError(str(error)) from error

    def _stop(self, home: Home, *, force: bool) -> None:
        if users := lifetime.stop(home, force=force):
            raise CommandError(
                f"The servers of {home.path} go on: they are used by {'; '.join(users)}. "
                "End these, or say `local stop --force`."
            )

    def _show(self, home: Home, *, as_json: bool) -> None:
        status = lifetime.status(home)
        addresses = urls(home)
        if as_json:
            state = {"postgres": status.postgres.value, "valkey": status.valkey.value}
            shown = dataclasses.asdict(status) | state | {"home": str(home.path), "urls": addresses._asdict()}
            self.stdout.write(json.dumps(shown, indent=2))
            return
        self.stdout.write(f"home      {home.path}")
        self.stdout.write(f"postgres  {status.postgres.value:9} {home.sockets}")
        self.stdout.write(f"valkey    {status.valkey.value:9} {home.sockets}")
        if status.pinned:
            self.stdout.write("They run until `local stop`.")
        for user in status.users:
            self.stdout.write(f"used by   {user}")
