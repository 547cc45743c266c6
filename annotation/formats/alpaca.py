"""Stanford Alpaca's format: one JSON list of {"instruction", "input", "output"}.

"system" and "history" (earlier turns as [question, answer] pairs) stand there only where a conversation has them, as
LLaMA-Factory reads them. The whole question is the instruction, since a ticket does not tell its task from its input.
Source: github.com/tatsu-lab/stanford_alpaca; github.com/hiyouga/LLaMA-Factory, data/README.md.
"""

from collections.abc import Iterable, Iterator

from annotation.formats.conversation import conversation
from annotation.formats.json import write_json
from annotation.formats.rows import Format, FormatError, Output, Record


def write_alpaca(output: Output, records: Iterable[Record]) -> int:
    """Write each conversation as an instruction and its output."""
    return write_json(output, _instructions(records))


def _instructions(records: Iterable[Record]) -> Iterator[Record]:
    for number, record in enumerate(records, start=1):
        talk = conversation(record, number)
        *earlier, question = talk.turns or [{"role": "user", "content": ""}]
        if [turn["role"] for turn in earlier] != ["user", "assistant"] * (len(earlier) // 2):
            raise FormatError(
                f"Record {number}: Alpaca's history needs user and assistant in turn. Export it as openai-chat."
            )
        row: dict[str, object] = {"instruction": question["content"], "input": "", "output": talk.completion}
        if talk.system is not None:
            row["system"] = talk.system
        if earlier:
            texts = [turn["content"] for turn in earlier]
            row["history"] = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
        yield row


FORMAT = Format(
    "alpaca",
    "Instruction, input and output, one JSON list (Stanford Alpaca)",
    write=write_alpaca,
    ending=".json",
    takes="conversations",
)
