#!/usr/bin/env python
"""Django's command line. `python manage.py demo` runs the whole loop; `python manage.py help` lists the rest."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ftplatform.settings")
    from django.core.management import execute_from_command_line

    from ftplatform.local.oneoff import servers_for

    with servers_for(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
