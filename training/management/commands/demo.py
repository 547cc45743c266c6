"""`python manage.py demo`: the whole loop once, on a real model and real tickets, then the site."""

import errno
import json
import os
import shutil
import sys
import time
from argparse import SUPPRESS
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.local import lifetime, ports
from ftplatform.local.errors import LocalError
from ftplatform.local.home import open_home
from ftplatform.local.processes import end_with_make
from ftplatform.local.tree import Tree, stopped_by_signals, web, worker
from ftplatform.outage import database_is_away
from training.demo import plan
from training.demo.building_questions import building_questions
from training.demo.ownfile import own_file
from training.demo.source import Source, TicketsError

BAR = 24
INTERRUPTED = 130
LARGEST_SEED = 2**31 - 1
MOST_INSTALLING = 3600.0
MEGABYTES_NEEDED, LEAST_MEGABYTES = 2500, 200
"""The model, its merged child, checkpoints and the database of a demo, with a margin."""

FREE_SPACE = (
    "Free some space, or set FT_HOME to a folder on a larger disk; what is complete is kept, and the next demo goes on."
)


class Command(BaseCommand):
    help = "Run the whole loop on the embedded model and tickets, or on your own file, then serve the site."
    requires_system_checks = []
    _serves = False
    _began = 0.0

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="run the loop and stop")
        parser.add_argument("--json", type=Path, metavar="PATH", help="write the results as JSON")
        parser.add_argument(
            "--tickets", type=Path, metavar="FILE", help="your own file: CSV, JSON Lines, JSON, Parquet, …"
        )
        parser.add_argument(
            "--input", metavar="COLUMN", help="the column with the ticket's text; found by its name when left out"
        )
        parser.add_argument(
            "--target", metavar="COLUMN", help="the column with the label or answer to learn; found likewise"
        )
        parser.add_argument("--kind", choices=["choice", "text"], help="what the target is; guessed when left out")
        parser.add_argument("--limit", type=int, help="a seeded sample of so many rows, stratified by the target")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--began", type=float, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        # Imported here: stages need the rooms' models, and a wrong argument should be told before anything is loaded or started.
        from training.demo.stages import DemoError

        self._began = time.monotonic() - _spent_before(options["began"])
        end_with_make()
        try:
            with stopped_by_signals():
                self._run(options)
        except (LocalError, DemoError, TicketsError) as error:
            raise CommandError(str(error)) from error
        except Refused as error:
            raise CommandError(error.message) from error
        except (DatabaseError, InterfaceError) as error:
            if not database_is_away(error):
                raise
            raise CommandError("The database went away. Nothing is lost: the next demo goes on from here.") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise CommandError(f"The disk is full ({error.filename or open_home().path}). {FREE_SPACE}") from error
        except KeyboardInterrupt:
            self._say("\nStopped. Nothing is lost: the next demo goes on from here.")
            if not self._serves:
                sys.exit(INTERRUPTED)

    def _run(self, options: dict[str, Any]) -> None:
        home = open_home()
        _refuse_unfit(options)
        _refuse_small_disk(home.path)
        source = self._source(options, home.path / "demo")
        if not options["no_serve"]:
            ports.choose()  # a port that is asked for and taken is told now, not after the loop
        with lifetime.using_unless_given(home, say=self._say) as hold, Tree(home, hold, say=self._say) as tree:
            call_command("migrate", interactive=False, verbosity=0)
            tree.start(worker())
            results, passwords = self._loop(source, options)
            self._tell_results(results)
            if options["json"]:
                _write_json(options["json"], results)
            if options["no_serve"]:
                return
            port = ports.choose()
            tree.start(web(port))
            tree.wait_for_site(port)
            self._tell_site(port, passwords, results)
            self._serves = True
            tree.wait()

    def _source(self, options: dict[str, Any], folder: Path) -> Source:
        if not options["tickets"]:
            return building_questions(folder)
        return own_file(options["tickets"], text=options["input"], target=options["target"], kind=options["kind"])

    def _loop(self, source: Source, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        from ftplatform.accounts.models import User
        from training.demo import stages
        from training.demo.people import people
        from training.demo.report import report

        with stages.preparing_model() as preparing:
            passwords = people()
            by = Actor.of(User.objects.get(username="ada"))
            loop = stages.Loop(
                source=source,
                seed=options["seed"],
                limit=options["limit"],
                tell=Bars(),
                say=self._say,
                by=by,
                started=self._began,
            )
            stages.make_project(loop)
            stages.import_tickets(loop)
            stages.register_model(loop, preparing)
            stages.plan_sizes(loop)
            self._say(stages.plan_text(loop))
            stages.freeze_test_set(loop)
        stages.measure_baseline(loop)
        stages.freeze_dataset(loop)
        stages.train(loop)
        stages.compare(loop)
        stages.open_campaign(loop)
        stages.open_queue(loop)
        return report(loop), passwords

    def _tell_results(self, results: dict[str, Any]) -> None:
        self._say("")
        for name, delta in results["deltas"].items():
            base = results["baseline"]["metrics"].get(name)
            ours = results["tuned"]["metrics"][name]
            if base is None or base["value"] is None or ours["value"] is None or delta["ci"] is None:
                continue
            low, high = delta["ci"]
            self._say(
                f"  {name:22} base {base['value']:7.3f} ({results['baseline']['condition'][name]})  tuned {ours['value']:7.3f}  "
                f"difference {delta['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
            )
        self._say(f"\n  Verdict: {results['verdict']['value']}. {' '.join(results['verdict']['reasons'])}")
        for threat in results["threats"]:
            self._say(f"  – {threat}")
        self._say(f"\n  Seconds: {', '.join(f'{name} {value:.0f}' for name, value in results['seconds'].items())}")

    def _tell_site(self, port: int, passwords: dict[str, str], results: dict[str, Any]) -> None:
        self._say(
            f"\nThe site is at http://127.0.0.1:{port}/projects/{results['project']}/   (Ctrl-C stops everything)"
        )
        from training.demo.people import PEOPLE

        for name, password in passwords.items():
            self._say(f"  {PEOPLE.get(name, ''):8} {name:5} {password or '(the password that its owner has set)'}")

    def _say(self, message: str) -> None:
        sys.stderr.write(message + os.linesep)
        sys.stderr.flush()


class Bars:
    """One progress bar per stage on stderr; on a terminal it is redrawn, in a log it is a line when a stage begins and ends."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._live = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int | None, unit: str) -> None:
        begun = self._begun.setdefault(stage, time.monotonic())
        seconds = time.monotonic() - begun
        ended = unit == "done"
        if not self._live and not ended:
            return
        share = min(1.0, done / total) if total else 0.0
        bar = "█" * round(BAR * share) + "░" * (BAR - round(BAR * share))
        rate = (
            f" {done / seconds:.1f}/s, {(total - done) * seconds / done:.0f} s left"
            if total and 0 < done < total
            else ""
        )
        count = "" if ended else f" {done:,} of {total:,} {unit}{rate}" if total else " …"
        line = f"  {stage:12} {bar} {seconds:5.0f} s{count}"
        sys.stderr.write(f"\r\033[K{line}" + (os.linesep if ended else "") if self._live else line + os.linesep)
        sys.stderr.flush()
        if ended:
            self._begun.pop(stage, None)


def _spent_before(began: float | None) -> float:
    """Seconds since `make demo` was called, which counts installing as well; none where the clock was set meanwhile."""
    spent = 0.0 if began is None else time.time() - began
    return spent if 0 <= spent <= MOST_INSTALLING else 0.0


def _refuse_unfit(options: dict[str, Any]) -> None:
    """What can be told to be wrong before anything is started."""
    if options["limit"] is not None and options["limit"] < plan.LEAST:
        raise CommandError(f"--limit {options['limit']} is too few; at least {plan.LEAST} tickets are needed.")
    if not 0 <= options["seed"] <= LARGEST_SEED:
        raise CommandError(f"--seed is a whole number from 0 to {LARGEST_SEED}, not {options['seed']}.")
    columns = [name for name in ("input", "target", "kind") if options[name]]
    if columns and not options["tickets"]:
        raise CommandError(f"--{' and --'.join(columns)} belong to --tickets FILE.")
    if options["json"] is not None:
        _refuse_unwritable(options["json"])


def _refuse_unwritable(path: Path) -> None:
    """The results come after minutes; whether they can be written is known now."""
    part = _part_of(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.write_text("", encoding="utf-8")
        part.unlink()
    except OSError as error:
        raise CommandError(f"--json {path} cannot be written: {error.strerror}.") from error


def _refuse_small_disk(home: Path) -> None:
    """What an earlier demo has made needs no room any more."""
    free, made = shutil.disk_usage(home).free // 2**20, _megabytes_in(home)
    needed = max(MEGABYTES_NEEDED - made, LEAST_MEGABYTES)
    if free < needed:
        raise CommandError(f"{free} MB are free for {home}; the demo needs {needed}. {FREE_SPACE}")


def _megabytes_in(home: Path) -> int:
    """Files that vanish meanwhile do not count: servers may be at work there."""
    total = 0
    for folder, _, names in os.walk(home):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total // 2**20


def _part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write_json(path: Path, results: dict[str, Any]) -> None:
    """Whole or not at all."""
    made = _part_of(path)
    made.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    made.replace(path)
