"""Small, pure functions over the texts of tickets: a grouping key, neutralised control tokens, sentence cutting, defects.

Positions are code points throughout, as everywhere in the product.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# The control tokens of the chat families in use (ChatML, GPT, Llama 2 and 3, Mistral, Gemma, Phi, BERT, T5, DeepSeek, Qwen).
# A caller who holds a tokenizer adds its own: neutralise(text, CONTROL_TOKENS + tuple(tokenizer.all_special_tokens)).
CONTROL_TOKENS: tuple[str, ...] = (
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        "<|eom_id|>",
    ),
    *(
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|end|>",
        "<|python_tag|>",
    ),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[IMG]", "[PREFIX]", "[SUFFIX]"),
    *("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<s>", "</s>", "<unk>", "<pad>", "<mask>"),
    *("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "<think>", "</think>", "<tool_call>", "</tool_call>"),
    *("<tool_response>", "</tool_response>"),
)

# Any other token of the <|name|> family (reserved tokens, future models), with DeepSeek's full-width bar too.
_BAR_FAMILY = r"<[|｜][^<>|｜\n]{1,64}[|｜]>"


# ---------------------------------------------------------------------------------------------- the key of a prompt
class _Folding(dict[int, str]):
    """`str.translate` table that decides a code point once: separators become a space, invisible signs vanish."""

    def __missing__(self, code_point: int) -> str:
        sign = chr(code_point)
        category = unicodedata.category(sign)
        if category == "Cf" or sign in "'’‘ʼ`´":  # soft hyphen, zero-width signs, apostrophes: don't = dont
            folded = ""
        elif category[0] in "PZC":
            folded = " "
        else:
            folded = sign
        self[code_point] = folded
        return folded


_FOLDING = _Folding()


def normalise_prompt(text: str) -> str:
    """The key under which two prompts count as the same question, and so never stand in different sets.

    NFKC, casefold, apostrophes and invisible signs removed, each run of punctuation, white space and control
    characters folded to one space, ends stripped. Letters, marks, digits and symbols (`+`, `€`, emoji) stay, and
    so does accentuation. A text of nothing but punctuation keeps it (only white space is folded), so that `?` and
    `!` are two prompts and not both the empty one. Grouping too much costs a little freedom in splitting, grouping
    too little leaks test into train: in doubt this folds.

    >>> normalise_prompt("  Do I need a PERMIT – for the façade?! ")
    'do i need a permit for the façade'

    Idempotent: `normalise_prompt(normalise_prompt(t)) == normalise_prompt(t)`. Source: Unicode TR 15 (NFKC), TR 21.
    """
    if text.isascii():  # the common case needs no Unicode tables
        folded = " ".join(text.lower().translate(_FOLDING).split())
        return folded or " ".join(text.split())
    # Casefolding and the removal of signs can each bring letters and marks together that compose anew, hence the
    # loop; two rounds are the rule, and a round never lengthens what the one before it made.
    folded = _fold_once(text)
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def _fold_once(text: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    folded = unicodedata.normalize("NFKC", " ".join(plain.translate(_FOLDING).split()))
    return folded or " ".join("".join(sign for sign in plain if unicodedata.category(sign) != "Cf").split())


# ---------------------------------------------------------------------------------------------------- control tokens
def neutralise(text: str, control_tokens: Iterable[str] = CONTROL_TOKENS) -> tuple[str, int]:
    """`text` with every control token made harmless, and how many there were.

    A space is put after the token's first character: `<|im_end|>` becomes `< |im_end|>`. Why a space and not a
    zero-width sign: tokenizers match control tokens as exact strings, some after a normalisation (SentencePiece's
    nmt_nfkc, BERT's cleaning) that drops zero-width signs and would put the token together again; none drops a
    space between two printed signs. It can also be seen, by labelers and in exports. Nothing else changes, so a reader
    can still tell what the ticket said.

    Besides the tokens given, anything of the form `<|name|>` is taken. Tokens shorter than two characters and tokens
    of white space only (some vocabularies hold runs of spaces) carry no structure and are left alone. Idempotent.
    """
    pattern = _token_pattern(tuple(sorted(set(control_tokens))))
    total = 0
    while True:  # a second round only where a given token itself holds the space that was just put in
        text, count = pattern.subn(_break_token, text)
        if not count:
            return text, total
        total += count


def _break_token(match: re.Match[str]) -> str:
    token = match.group()
    return f"{token[0]} {token[1:]}"


@lru_cache(maxsize=64)
def _token_pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    real = [token for token in tokens if len(token) > 1 and not token.isspace()]
    longest_first = sorted(real, key=len, reverse=True)  # else `<s` would hide `<s>` and the count would be wrong
    return re.compile("|".join([*map(re.escape, longest_first), _BAR_FAMILY]))


# --------------------------------------------------------------------------------------------------------- sentences
# What a full stop after these does not end. English, Spanish, German, French, Swedish, as they stand in tickets.
_NEVER_LAST = frozenset(
    [
        "e.g",
        "i.e",
        "eg",
        "ie",
        "approx",
        "ca",
        "cca",
        "eds",
        "ed",
        "vs",
        "cf",
        "viz",
        "resp",
        "incl",
        "excl",
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "sra",
        "srta",
        "dña",
        "ud",
        "uds",
        "avda",
        "avd",
        "pza",
        "c/",
        "esq",
        "z.b",
        "d.h",
        "u.a",
        "bzw",
        "ggf",
        "evtl",
        "vgl",
        "str",
        "hr",
        "fr",
        "bl.a",
        "t.ex",
        "dvs",
        "s.k",
        "m.fl",
        "p.ej",
        "ej",
        "apdo",
        "aprox",
        "mme",
        "mlle",
    ]
)
# … these only before a number ("No. 5"; but "The answer is no. Ask again.") …
_BEFORE_NUMBER = frozenset(
    [
        "no",
        "nos",
        "nr",
        "núm",
        "art",
        "arts",
        "sec",
        "fig",
        "figs",
        "pp",
        "vol",
        "ch",
        "§",
        "pág",
        "págs",
        "tel",
        "fax",
        "ext",
        "min",
        "max",
        "abs",
        "est",
    ]
)
# … and these unless a capital follows.
_PERHAPS_LAST = frozenset(
    [
        "etc",
        "a.m",
        "p.m",
        "am",
        "pm",
        "usw",
        "osv",
        "u.s",
        "u.k",
        "u.s.a",
        "e.u",
        "ltd",
        "co",
        "corp",
        "s.a",
        "s.l",
        "jr",
        "al",
    ]
)

_SENTENCE_END = re.compile(
    r"""(?P<mark>[.!?…]+)(?P<close>["'”’»)\]]*)(?=\s|$)      # a mark, its closing quotes, then white space or the end
      | (?P<cjk>[。！？｡]+[”’」』）]*)                           # scripts without spaces
      | (?P<break>\n[ \t]*(?:\n|(?=[-*•–][ \t]|\d{1,3}[.)][ \t])))  # a paragraph's end, or the next item of a list""",
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«,;:]+$")
_LONGEST_WORD = 24  # characters looked at before a stop: more than any abbreviation, so that long texts stay cheap
_BETWEEN = re.compile(r"\s*[\"'“‘«(\[¿¡]*")  # what may stand between a stop and the first letter of the next sentence
_PRINTED = re.compile(r"\S")


def first_sentences(text: str, n: int) -> str:
    """The first `n` sentences of `text`, as they stand there (a stripped slice: inner white space is kept).

    A sentence ends at `.`, `!`, `?` or `…` with its closing quotes before white space, at a CJK stop, at an empty line,
    and before the next item of a list. A full stop does not end it after an abbreviation ("e.g.", "approx.", "No. 5"),
    a single initial ("J. Smith"), a list number at the start of a line ("2. Ask"), inside a number ("3.5"), or before
    a lower-case letter. Fewer sentences than `n`: the whole text. Rules, not a model: it is predictable, and a wrong
    cut shows in the preview.

    >>> first_sentences("Works of approx. 30 m² (e.g. a pergola) need a permit. Ask first. It is free.", 2)
    'Works of approx. 30 m² (e.g. a pergola) need a permit. Ask first.'
    """
    if n < 1:
        return ""
    stripped = text.strip()
    found, start = 0, 0
    for match in _SENTENCE_END.finditer(stripped):
        if not _PRINTED.search(stripped, start, match.start()) or not _ends_sentence(stripped, start, match):
            continue
        found, start = found + 1, match.end()
        if found == n:
            return stripped[: match.end()].strip()
    return stripped


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    if match["mark"] is None:
        return True
    between = _BETWEEN.match(text, match.end())
    following = text[between.end() : between.end() + 1] if between else ""
    if match["mark"] != ".":
        return not following.islower()  # "Really?" he asked.
    before = text[max(start, match.start() - _LONGEST_WORD) : match.start()]
    found = _LAST_WORD.search(before)
    word = found.group().casefold() if found else ""
    if word in _NEVER_LAST or (len(word) == 1 and word.isalpha()):
        return False
    if word in _BEFORE_NUMBER and following.isdigit():
        return False
    if word in _PERHAPS_LAST:
        return following.isupper() or not following
    if word.isdigit() and before.rpartition("\n")[2].strip() == word:  # the number of a list's item
        return False
    return not following.islower()


# ----------------------------------------------------------------------------------------------------------- defects
_SURROGATE = re.compile("[\ud800-\udfff]")


def problems(text: str, max_length: int) -> list[str]:
    """Why `text` cannot be stored: a reason for each kind of defect, in words; empty when there is none.

    PostgreSQL stores neither NUL nor lone surrogates, and no tokenizer takes the latter. `max_length` counts code points.
    """
    reasons = []
    if (at := text.find("\0")) >= 0:
        reasons.append(f"it holds a NUL character (U+0000) at position {at + 1:,}; remove it and import the row again")
    if surrogate := _SURROGATE.search(text):
        code, at = f"U+{ord(surrogate.group()):04X}", surrogate.start()
        reasons.append(
            f"it holds half a character ({code}, a lone surrogate) at position {at + 1:,}: the text was cut in its middle"
        )
    if len(text) > max_length:
        reasons.append(f"it is {len(text):,} characters long, at most {max_length:,} are allowed")
    return reasons
