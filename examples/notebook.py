"""Make `shelf.ipynb` from `shelf.py`: its cells are run one after another, and what they print is put under them.

    python -m examples.notebook [--output examples/shelf.ipynb]

A cell begins with `# %%`, a text with `# %% [markdown]`. A cell that begins with `# %% needs some.module` is left out where that
module is not there. Written for no more than that, so that neither a Jupyter kernel nor its packages are needed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("shelf.py")
NOTEBOOK = SOURCE.with_suffix(".ipynb")


@dataclass(frozen=True)
class Cell:
    """`needs`: the module without which the cell is left out."""

    kind: str
    text: str
    needs: str = ""

    @property
    def can_run(self) -> bool:
        return not self.needs or find_spec(self.needs) is not None


def cells(source: str) -> Iterator[Cell]:
    """The cells of a file in percent format."""
    for part in source.split("# %%")[1:]:
        head, _, text = part.partition("\n")
        if head.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in text.strip().split("\n")]
            yield Cell("markdown", "\n".join(lines))
        else:
            yield Cell("code", text.strip(), head.strip().removeprefix("needs "))


def run(cell: Cell, names: dict[str, Any]) -> str:
    """Run a cell in the namespace of those before it; what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(cell.text, str(SOURCE), "exec"), names)
    return printed.getvalue()


def notebook(source: str) -> dict[str, Any]:
    """The executed notebook, as JSON of nbformat 4.5."""
    names: dict[str, Any] = {"__name__": "__main__"}
    made: list[dict[str, Any]] = []
    for cell in cells(source):
        entry: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{len(made)}", "metadata": {}}
        entry["source"] = cell.text.splitlines(keepends=True)
        if cell.kind == "code":
            if not cell.can_run:
                made.pop()  # and the text above it
                continue
            printed = run(cell, names)
            stream = {"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)}
            entry["execution_count"] = 1 + sum(each["cell_type"] == "code" for each in made)
            entry["outputs"] = [stream] if printed else []
        made.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=NOTEBOOK)
    options = parser.parse_args()
    made = notebook(SOURCE.read_text(encoding="utf-8"))
    options.output.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.output}")


if __name__ == "__main__":
    main()
