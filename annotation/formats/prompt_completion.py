"""TRL's conversational prompt-completion format: {"prompt": […messages], "completion": [{"role": "assistant", …}]} per line.

TRL trains on the completion only for this type. Source: TRL documentation, "Dataset formats and types".
"""

from collections.abc import Iterable

from annotation.formats.conversation import conversation
from annotation.formats.jsonl import json_line
from annotation.formats.rows import Format, Output, Record


def write_prompt_completion(output: Output, records: Iterable[Record]) -> int:
    """Write each conversation as the messages of its prompt and its one answer."""
    number = 0
    for number, record in enumerate(records, start=1):
        talk = conversation(record, number)
        completion = [{"role": "assistant", "content": talk.completion}]
        output.write(json_line({"prompt": talk.messages, "completion": completion}, number))
    return number


FORMAT = Format(
    "prompt-completion",
    "Prompt messages and the answer apart, one conversation per line (JSONL, TRL)",
    write=write_prompt_completion,
    takes="conversations",
)
