"""The page of benchmarks: every claim is found, figures are read from what scripts print, and nothing is dressed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.__main__ import Benchmark, Outcome, benchmarks, page, read_figure


def test_scripts_that_make_a_claim_are_found_without_being_imported() -> None:
    found = {one.name: one.claim for one in benchmarks()}
    assert {"training_loss", "training_throughput"} <= found.keys()
    assert "training_data" not in found and "__main__" not in found
    assert all(claim and not claim.startswith("Claim") for claim in found.values())


@pytest.mark.parametrize(
    ("line", "ratio"),
    [
        ('{"benchmark": "a", "ratio": 1.5}\n', 1.5),
        ("  ratio 1.5×", None),
        ("{broken", None),
        ('{"event": "log"}', None),
    ],
)
def test_only_lines_with_a_ratio_are_figures(line: str, ratio: float | None) -> None:
    found = read_figure(line)
    assert (found or {}).get("ratio") == ratio


def test_what_falls_short_or_did_not_run_stands_on_the_page() -> None:
    claim = Benchmark("speed", "Ours is faster.")
    text = page(
        [
            Outcome(
                claim,
                [{"ratio": 0.5, "reach": 10.0, "peer": "theirs", "rows": 7}, {"claim": "Small too.", "ratio": 12.0}],
            ),
            Outcome(Benchmark("other", "So is this."), [], "ended with status 1"),
        ]
    )
    assert "| Ours is faster. (`speed`) | theirs | 0.50× | ≥ 10× | **no** | rows 7 |" in text
    assert "| Small too. (`speed`) |  | 12.00× |  |  |  |" in text
    assert "| So is this. (`other`) |  | – |  | **did not run** | ended with status 1 |" in text
    assert "Python 3" in text and "cores" in text


def test_a_run_collects_figures_and_tells_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "good.py").write_text(
        '"""Claim: it works."""\nprint("words")\nprint(\'{"benchmark": "good", "ratio": 2}\')\n'
    )
    (folder / "bad.py").write_text('"""Claim: it does not."""\nraise SystemExit(3)\n')
    monkeypatch.setattr(bench, "FOLDER", folder)
    output = tmp_path / "page.md"
    assert bench.main(["--output", str(output)]) == 1
    assert "| it works. (`good`) |  | 2.00× |" in output.read_text()
    assert "ended with status 3" in output.read_text() and "words" in capsys.readouterr().out
    output.unlink()
    monkeypatch.setattr(bench, "PAGE", folder / "page.md")
    assert bench.main(["good"]) == 0
    assert not (folder / "page.md").exists()
