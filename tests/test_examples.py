"""The notebook of the shelf: its cells run, print what stands under them, and are those of the script it is made from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from examples.notebook import NOTEBOOK, SOURCE, Cell, cells, notebook, run

NUMBER = re.compile(r"\d+\.\d+|\d+")


@pytest.fixture(scope="module")
def stored() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell.get("outputs", []))


def test_its_cells_run_and_print_what_stands_under_them(stored: list[dict[str, Any]]) -> None:
    needs = {cell.text: cell for cell in cells(SOURCE.read_text(encoding="utf-8"))}
    names: dict[str, Any] = {"__name__": "__main__"}
    ran = 0
    for cell in stored:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and needs[text].can_run:
            told, found = printed(cell), run(Cell("code", text), names)
            assert NUMBER.sub("#", found) == NUMBER.sub("#", told)
            expected = [float(number) for number in NUMBER.findall(told)]
            # The last digit may fall the other way on another processor.
            assert [float(number) for number in NUMBER.findall(found)] == pytest.approx(expected, rel=1e-2, abs=2e-3)
            ran += 1
    assert ran >= 11


def test_it_is_made_from_the_script(stored: list[dict[str, Any]]) -> None:
    assert ["".join(cell["source"]) for cell in stored] == [
        cell.text for cell in cells(SOURCE.read_text(encoding="utf-8"))
    ]


def test_outputs_are_small_and_the_file_is_a_notebook() -> None:
    made = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"])
    assert all(len(printed(cell)) < 1500 for cell in made["cells"])


def test_a_cell_whose_module_is_missing_is_left_out_with_its_text() -> None:
    source = (
        "# %% [markdown]\n# one\n\n# %%\nx = 1\nprint(x)\n\n# %% [markdown]\n# two\n\n# %% needs no_such_module\nx()\n"
    )
    made = notebook(source)["cells"]
    assert ["".join(cell["source"]) for cell in made] == ["one", "x = 1\nprint(x)"]
    assert printed(made[1]) == "1\n" and made[1]["execution_count"] == 1


def test_the_shelf_needs_no_site() -> None:
    code = "import sys; import examples.notebook as n; n.run(next(c for c in n.cells(n.SOURCE.read_text()) if c.kind == 'code'), {}); print('django' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
