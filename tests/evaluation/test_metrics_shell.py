"""`python -m evaluation.metrics`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.metrics.__main__ import main


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_two_text_files_are_scored_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions = write(tmp_path / "out.txt", "the roof\n\na wall\n")
    references = write(tmp_path / "gold.txt", "the roof\nx\na house\n")
    assert main([predictions, references, "-m", "rougeL", "-m", "exact_match"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["rougeL", "0.5000"], ["exact_match", "0.3333"]]


def test_jsonl_takes_several_references_objects_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions = write(tmp_path / "out.jsonl", '{"reply": "renovating", "id": 1}\n{"reply": null}\n')
    references = write(tmp_path / "gold.jsonl", '{"reply": ["renovated", "x"]}\n{"reply": "y"}\n')
    arguments = [predictions, references, "--field", "reply", "-m", "rouge1", "-m", "bleu", "-o", "stem=false"]
    assert main([*arguments, "--json", "--per-example"]) == 0
    rouge, bleu = map(json.loads, capsys.readouterr().out.splitlines())
    assert rouge["value"] == 0
    assert rouge["per_example"] == [0, 0]
    assert "stem:no" in rouge["signature"]
    assert bleu["per_example"] is None


def test_labels_are_given_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions, references = write(tmp_path / "o.json", '["a", "?"]'), write(tmp_path / "g.json", '["a", "b"]')
    assert main([predictions, references, "-m", "f1_macro", "-o", 'labels=["a", "b"]', "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == 0.5


def test_a_figure_that_cannot_be_had_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write(tmp_path / "empty.txt", "")
    assert main([empty, empty]) == 0
    assert capsys.readouterr().out.split(maxsplit=2) == ["rougeL", "absent", "there are no examples\n"]


@pytest.mark.parametrize(
    ("name", "text", "arguments", "message"),
    [
        ("a.jsonl", '"x"\n{broken\n', [], "a.jsonl line 2: no JSON"),
        ("a.jsonl", '{"reply": "x"}\n', [], "name the key to score with --field (reply)"),
        ("a.jsonl", '{"reply": "x"}\n', ["--field", "desk"], "no key 'desk'; there are reply"),
        ("a.json", '{"a": 1}', [], "must hold one JSON list"),
        ("a.txt", "x\n", ["-m", "rouge9"], "there is no metric 'rouge9'"),
        ("a.txt", "x\n", ["-o", "stem"], "write name=value"),
        ("a.txt", "x\n", ["-m", "bleu", "-o", "stem=1"], "none of bleu has an option 'stem'"),
    ],
)
def test_wrong_input_is_named_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, arguments: list[str], message: str
) -> None:
    path = write(tmp_path / name, text)
    assert main([path, path, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_another_encoding_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("café".encode("latin-1"))
    assert main([str(path), str(path)]) == 2
    assert "latin.txt: byte 3 is not UTF-8" in capsys.readouterr().err


def test_help_and_list_work_from_a_shell() -> None:
    command = [sys.executable, "-m", "evaluation.metrics"]
    assert (
        "one text per line" in subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    )
    assert "does not show" in subprocess.run([*command, "--list"], capture_output=True, text=True, check=True).stdout
