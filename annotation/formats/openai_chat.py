"""OpenAI's fine-tuning format: {"messages": […, {"role": "assistant", …}]} per line. Read by OpenAI, TRL, axolotl, Unsloth.

Source: OpenAI, "Supervised fine-tuning", the chat format of training files.
"""

from collections.abc import Iterable

from annotation.formats.conversation import conversation
from annotation.formats.jsonl import json_line
from annotation.formats.rows import Format, Output, Record


def write_openai_chat(output: Output, records: Iterable[Record]) -> int:
    """Write each conversation as its messages, the completion being the last."""
    number = 0
    for number, record in enumerate(records, start=1):
        talk = conversation(record, number)
        messages = [*talk.messages, {"role": "assistant", "content": talk.completion}]
        output.write(json_line({"messages": messages}, number))
    return number


FORMAT = Format(
    "openai-chat",
    "Chat messages with the answer last, one conversation per line (JSONL)",
    write=write_openai_chat,
    takes="conversations",
)
