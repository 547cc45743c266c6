"""A prompt as one text under headings: `### System: … ### User: … ### Assistant:`, and the answer apart, one pair per line (JSONL).

    {"prompt": "### System: Answer briefly.\\n### User: Do I need a permit?\\n### Assistant:", "completion": " desk: permits"}

For models that are trained without a chat template. TRL reads it as its standard prompt-completion type and trains on the
completion only; the completion begins with a space, so that the two can be joined. A line of a text that looks like one of the
headings would end its part: a space is put after its first sign (`# ## User:`), as for control tokens.

Source: the prompts of Orca's open reproductions (StableBeluga's model card); TRL documentation, "Dataset formats and types".
"""

import re
from collections.abc import Iterable

from annotation.formats.conversation import conversation
from annotation.formats.jsonl import json_line
from annotation.formats.rows import Format, Output, Record

_HEADINGS = {"system": "### System:", "user": "### User:", "assistant": "### Assistant:"}
_FORGED = re.compile(r"#(?=##\s*(?:system|user|assistant)\s*:)", re.IGNORECASE)


def write_prompt_text(output: Output, records: Iterable[Record]) -> int:
    """Write each conversation as the text of its prompt and its answer."""
    number = 0
    for number, record in enumerate(records, start=1):
        talk = conversation(record, number)
        parts = [f"{_HEADINGS[message['role']]} {_harmless(message['content'])}" for message in talk.messages]
        prompt = "\n".join([*parts, _HEADINGS["assistant"]])
        output.write(json_line({"prompt": prompt, "completion": f" {_harmless(talk.completion)}"}, number))
    return number


def _harmless(text: str) -> str:
    return _FORGED.sub("# ", text)


FORMAT = Format(
    "prompt-text",
    "Prompt as one text under ### System:, ### User: and ### Assistant:, the answer apart (JSONL)",
    write=write_prompt_text,
    takes="conversations",
)
