"""`python manage.py doctor`: look at this machine and say what is wrong and what to do. Exits with 1 if there is a problem."""

import json as json_format
import sys
from typing import Any

from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis.exceptions import RedisError

from ftplatform.jobs.selectors import worker_is_here
from ftplatform.local import checks, lifetime
from ftplatform.local.checks import Finding, State, note, ok, problem
from ftplatform.local.errors import LocalError
from ftplatform.local.home import Home, open_home


class Command(BaseCommand):
    help = "Check this machine: Python, packages, disk, ports, servers, migrations, worker. Exits with 1 if something is wrong."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            home = open_home()
        except LocalError as error:
            raise CommandError(str(error)) from error
        findings = [*checks.of_this_machine(home), *of_the_servers(home)]
        problems = sum(finding.state is State.PROBLEM for finding in findings)
        if options["json"]:
            lines = [
                {"name": found.name, "state": found.state.value, "found": found.found, "remedy": found.remedy}
                for found in findings
            ]
            self.stdout.write(json_format.dumps({"ok": not problems, "findings": lines}, indent=2))
        else:
            for found in findings:
                self._show(found)
            self.stdout.write(f"\n{problems or 'No'} problem{'s' if problems != 1 else ''}.")
        sys.exit(1 if problems else 0)

    def _show(self, finding: Finding) -> None:
        style = {State.OK: self.style.SUCCESS, State.NOTE: self.style.WARNING, State.PROBLEM: self.style.ERROR}
        self.stdout.write(f"{style[finding.state](f'{finding.state.value:8}')} {finding.name:17} {finding.found}")
        if finding.remedy:
            self.stdout.write(f"{'':26} → {finding.remedy}")


def of_the_servers(home: Home) -> list[Finding]:
    """Database, broker, migrations and worker. The embedded servers are started for the look where they don't run."""
    try:
        with lifetime.using_unless_given(home):
            findings = [database()]
            if findings[0].state is State.OK:
                findings += [migrations(), worker()]
            connection.close()
            return [*findings, valkey()]
    except LocalError as error:
        return [problem("embedded servers", str(error), f"See {home.logs}; `make up` tries again.")]


def database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return ok("database", f"PostgreSQL {cursor.fetchone()[0]}")
    except DatabaseError as error:
        return problem("database", str(error).strip(), "Check DATABASE_URL, or unset it to use the embedded server.")


def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        return note(
            "migrations",
            f"{len(missing)} not applied: {', '.join(missing[:3])} …",
            "`make up` and `make demo` apply them, as does `python manage.py migrate`.",
        )
    return ok("migrations", "all applied")


def worker() -> Finding:
    try:
        alive = worker_is_here(now=timezone.now())
    except DatabaseError:  # its table comes with the migrations
        alive = False
    if not alive:
        return note("worker", "none reported in the last minute", "`make up` starts one; without a worker no job runs.")
    return ok("worker", "reported in the last minute")


def valkey() -> Finding:
    try:
        cache.get("doctor")
    except RedisError as error:
        return problem("Valkey", str(error), "Check VALKEY_URL, or unset it to use the embedded server.")
    return ok("Valkey", "answers")
