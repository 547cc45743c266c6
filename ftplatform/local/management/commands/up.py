"""`python manage.py up`: the site and the worker on what is already there; Ctrl-C stops all of it."""

import os
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ftplatform.local import lifetime, ports
from ftplatform.local.errors import LocalError
from ftplatform.local.home import open_home
from ftplatform.local.processes import end_with_make
from ftplatform.local.tree import Tree, stopped_by_signals, web, worker


class Command(BaseCommand):
    help = "Run the site and the worker, and the embedded servers where no others are given. Ctrl-C stops all of it."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        end_with_make()
        try:
            with stopped_by_signals():
                self._run()
        except LocalError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _run(self) -> None:
        home = open_home()
        port = ports.choose()
        with lifetime.using_unless_given(home, say=self._say) as hold, Tree(home, hold, say=self._say) as tree:
            call_command("migrate", interactive=False, verbosity=0)
            tree.start(worker())
            tree.start(web(port))
            tree.wait_for_site(port)
            self._say(f"The site is at http://127.0.0.1:{port}  (logs in {home.logs}; Ctrl-C stops all)")
            tree.wait()

    def _say(self, message: str) -> None:
        sys.stderr.write(message + os.linesep)
        sys.stderr.flush()
