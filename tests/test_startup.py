"""What every command, the site and the worker pay before they do anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("scipy.stats", "sklearn", "pandas", "pyarrow", "torch", "transformers")
LOADED = (
    f"import json, sys, django; django.setup(); print(json.dumps([one for one in {HEAVY!r} if one in sys.modules]))"
)


def test_setting_up_django_loads_no_science() -> None:
    """Each costs seconds; who computes loads it then."""
    root = Path(__file__).resolve().parents[1]
    told = subprocess.run([sys.executable, "-c", LOADED], cwd=root, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout.splitlines()[-1]) == []
