#!/usr/bin/env python3
"""Make the files of Label Studio and Argilla that the tests read: by those programs themselves, in environments thrown away.

    python3 scripts/foreign_exports.py [FOLDER]        # tests/annotation/files by default

Label Studio runs in its own process on a fresh SQLite: a project is made, tasks imported, answers submitted as its pages submit them,
and its exports are kept as they come. Our own file for Label Studio is imported there, too, and exported again. Argilla's client needs
no server to write its records.
"""

import sys
import tempfile
from pathlib import Path

from bootstrap import ROOT, InstallError, make_venv, python_of, run, say, uv

PARTS = ROOT / "scripts" / "foreign-exports"
PROGRAMS = {
    "label_studio_project": ["label-studio==1.23.2"],
    "argilla_records": ["argilla==2.8.0", "requests"],  # which its client imports and does not ask for
}


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "tests" / "annotation" / "files"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for part, requirements in PROGRAMS.items():
            with tempfile.TemporaryDirectory() as scratch:
                venv = Path(scratch) / "venv"
                make_venv(venv)
                run([*uv(venv), "--quiet", *requirements])
                run([python_of(venv), str(PARTS / f"{part}.py"), str(folder.resolve())], environ={"HOME": scratch})
    except InstallError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    say(f"written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
