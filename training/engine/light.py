"""A chat tokenizer that loads in 20 ms and without torch, for pages: tokens and text as transformers' own, nothing else.

`transformers.AutoTokenizer` imports torch (2.6 s, 400 MB), which a web process has no use for. What `render.Renderer` asks of a
tokenizer is little: ids with offsets, the chat template, and which tokens are control tokens. All of it stands in the model
folder's tokenizer.json, tokenizer_config.json and chat_template.jinja. A test holds this equal to transformers on real templates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from training.engine.render import Renderer

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class LightTokenizerError(ValueError):
    """The folder's tokenizer cannot be read; the message says which file, and what to do."""


@dataclass(frozen=True)
class AddedToken:
    content: str
    special: bool


class LightTokenizer:
    """The part of `PreTrainedTokenizerBase` that rendering needs, under the same names."""

    is_fast = True

    def __init__(self, tokenizer: Tokenizer, config: dict[str, Any], chat_template: str | None) -> None:
        self._tokenizer = tokenizer
        self.chat_template = chat_template
        self.added_tokens_decoder = {
            index: AddedToken(token.content, token.special)
            for index, token in tokenizer.get_added_tokens_decoder().items()
        }
        self._special = {name: text for name in SPECIAL_NAMES if (text := _text(config.get(name)))}
        extra = config.get("extra_special_tokens", config.get("additional_special_tokens")) or ()
        more = extra.values() if isinstance(extra, dict) else extra
        ids = (tokenizer.token_to_id(text) for text in [*self._special.values(), *map(_text, more)])
        self.all_special_ids = sorted({index for index in ids if index is not None})

    @classmethod
    def load(cls, folder: Path) -> LightTokenizer:
        """Raises LightTokenizerError where a file is missing or is not what it should be."""
        try:
            config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except (OSError, ValueError) as error:
            raise LightTokenizerError(f"The tokenizer in {folder} cannot be read: {error}") from error
        except Exception as error:
            raise LightTokenizerError(f"{folder / 'tokenizer.json'} is not a tokenizer: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer, config, _template(folder, config))

    @property
    def eos_token_id(self) -> int | None:
        return self._id("eos_token")

    @property
    def unk_token_id(self) -> int | None:
        return self._id("unk_token")

    def _id(self, name: str) -> int | None:
        text = self._special.get(name)
        found: int | None = self._tokenizer.token_to_id(text) if text else None
        return found

    def convert_ids_to_tokens(self, index: int) -> str:
        return str(self._tokenizer.id_to_token(index))

    def __call__(
        self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool = False
    ) -> dict[str, list[Any]]:
        encoded = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        found: dict[str, list[Any]] = {"input_ids": encoded.ids}
        if return_offsets_mapping:
            found["offset_mapping"] = encoded.offsets
        return found

    def apply_chat_template(
        self, messages: Sequence[dict[str, Any]], *, add_generation_prompt: bool, tokenize: bool
    ) -> str:
        """The template's text, in the sandbox and with the globals that transformers gives it."""
        if tokenize:
            raise ValueError("only the text is rendered here")
        return self._compiled.render(messages=messages, add_generation_prompt=add_generation_prompt, **self._special)

    @cached_property
    def _compiled(self) -> Template:
        """Compiled once: it costs more than a row's tokens."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        return environment.from_string(self.chat_template or "")


def light_renderer(folder: Path) -> Renderer:
    """Renders with the tokenizer in a model's folder. Raises LightTokenizerError, render.TemplateError."""
    return Renderer(LightTokenizer.load(folder))  # type: ignore[arg-type]  # what rendering needs of a tokenizer


def _template(folder: Path, config: dict[str, Any]) -> str | None:
    """The folder's chat template: its own file first, then the configuration's; of several, the one called default."""
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):
        found = next((one["template"] for one in found if one.get("name") == "default"), None)
    return found if isinstance(found, str) else None


def _text(token: Any) -> str:
    """A special token as configurations write it: a text, or an object with `content`."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else ""


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """Jinja's own filter escapes HTML, which a prompt must not."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)
