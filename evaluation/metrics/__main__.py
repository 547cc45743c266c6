"""Score two files from a shell: `python -m evaluation.metrics predictions.txt references.jsonl -m rougeL -m bleu`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from evaluation.metrics import MetricInputError, MetricResult, UnknownMetricError, compute, describe, names

EPILOG = """\
files:
  .jsonl   one JSON value per line: a string, a list of strings (several references), null, a number;
           or an object, of which --field names the key
  .json    one JSON list of such values
  other    one text per line

examples:
  python -m evaluation.metrics out.txt gold.txt -m rougeL -m bleu
  python -m evaluation.metrics out.jsonl gold.jsonl --field desk -m f1_macro -o 'labels=["roads", "water"]'
  python -m evaluation.metrics --list
"""


class FileError(ValueError):
    """A file cannot be read as predictions or references; the message names file and line."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0; 2 if the input is wrong, with the reason on stderr."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        _print_list()
        return 0
    if options.predictions is None or options.references is None:
        parser.error("give a file of predictions and a file of references (or --list)")
    try:
        wanted = options.metric or ["rougeL"]
        settings = _settings(wanted, options.option)
        predictions = read(options.predictions, options.field)
        references = read(options.references, options.field)
        results = [compute(name, predictions, references, **settings[name]) for name in wanted]
    except (FileError, MetricInputError, UnknownMetricError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 — a command's output
        return 2
    for result in results:
        print(_line(result, as_json=options.json, per_example=options.per_example))  # noqa: T201
    return 0


def read(path: Path, field: str | None) -> list[Any]:
    """The values of a file, in order; see the epilog of `--help` for its forms."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: byte {error.start} is not UTF-8; convert the file first") from error
    if path.suffix not in (".json", ".jsonl"):
        # Not splitlines(): a form feed or a line separator inside a text is no end of line.
        lines = text.split("\n")
        return lines[:-1] if lines[-1] == "" else lines
    if path.suffix == ".json":
        values = _json(text, path, "")
        if not isinstance(values, list):
            raise FileError(f"{path}: the file must hold one JSON list")
    else:
        lines = text.split("\n")
        values = [_json(line, path, f" line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    return [_pick(value, field, path, number) for number, value in enumerate(values, 1)]


def _json(text: str, path: Path, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(f"{path}{where}: no JSON: {error}") from error


def _pick(value: Any, field: str | None, path: Path, number: int) -> Any:
    if not isinstance(value, dict):
        return value
    if field is None:
        raise FileError(f"{path} entry {number}: an object; name the key to score with --field ({', '.join(value)})")
    if field not in value:
        raise FileError(f"{path} entry {number}: there is no key {field!r}; there are {', '.join(value)}")
    return value[field]


def _settings(wanted: list[str], options: list[str]) -> dict[str, dict[str, Any]]:
    """Options by metric: each goes to the metrics that take it, and one that none takes is an error."""
    metrics = describe()
    settings: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals:
            raise MetricInputError(f"option {option!r}: write name=value")
        takers = [name for name in wanted if name in metrics and key in metrics[name].options]
        if not takers:
            raise MetricInputError(f"none of {', '.join(wanted)} has an option {key!r}")
        for name in takers:
            settings[name][key] = _value(text)
    return settings


def _value(text: str) -> Any:
    """JSON where it is some (`false`, `["a", "b"]`), else the string itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _line(result: MetricResult, *, as_json: bool, per_example: bool) -> str:
    if as_json:
        row = {
            "name": result.name,
            "value": result.value,
            "direction": result.direction,
            "range": [None if bound in (float("inf"), float("-inf")) else bound for bound in result.range],
            "signature": result.signature,
            "reason": result.reason,
        }
        if per_example:
            row["per_example"] = None if result.per_example is None else result.per_example.tolist()
        return json.dumps(row, ensure_ascii=False)
    value = "absent" if result.value is None else f"{result.value:.4f}"
    return f"{result.name:<22}{value:>10}  {result.reason or result.signature}"


def _print_list() -> None:
    for name, metric in describe().items():
        state = f" (absent here: {metric.absent})" if metric.absent else ""
        print(f"{name:<22}{metric.takes}, {metric.direction} is better{state}")  # noqa: T201
        print(f"{'':<22}does not show: {metric.blind_spot}")  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.metrics",
        description="Score predictions against references.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, nargs="?", help="what the model wrote")
    parser.add_argument("references", type=Path, nargs="?", help="what is right, in the same order")
    parser.add_argument("-m", "--metric", action="append", metavar="NAME", help=f"repeatable: {', '.join(names())}")
    parser.add_argument(
        "-o",
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option, for the metrics that take it; the value is JSON or a string",
    )
    parser.add_argument("--field", metavar="KEY", help="key of the value in JSON objects")
    parser.add_argument("--json", action="store_true", help="one JSON object per metric and line")
    parser.add_argument("--per-example", action="store_true", help="with --json: the value of each example")
    parser.add_argument("--list", action="store_true", help="list the metrics and what each does not show")
    return parser


if __name__ == "__main__":
    sys.exit(main())
