"""ShareGPT's format: one JSON list of {"conversations": [{"from": "human", "value": …}, {"from": "gpt", …}]}.

Source: github.com/lm-sys/FastChat, docs/training.md; read by axolotl, LLaMA-Factory and Unsloth.
"""

from collections.abc import Iterable, Iterator

from annotation.formats.conversation import conversation
from annotation.formats.json import write_json
from annotation.formats.rows import Format, Output, Record

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def write_sharegpt(output: Output, records: Iterable[Record]) -> int:
    """Write each conversation as its turns, the completion being the last."""
    return write_json(output, _conversations(records))


def _conversations(records: Iterable[Record]) -> Iterator[Record]:
    for number, record in enumerate(records, start=1):
        talk = conversation(record, number)
        turns = [{"from": _SPEAKERS[message["role"]], "value": message["content"]} for message in talk.messages]
        yield {"conversations": [*turns, {"from": "gpt", "value": talk.completion}]}


FORMAT = Format(
    "sharegpt",
    "Conversations of human and gpt, one JSON list (FastChat)",
    write=write_sharegpt,
    ending=".json",
    takes="conversations",
)
