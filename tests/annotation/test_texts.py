"""Texts: the key of a prompt, control tokens, sentences, defects."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.texts import CONTROL_TOKENS, first_sentences, neutralise, normalise_prompt, problems


# ------------------------------------------------------------------------------------------------ normalise_prompt
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do I need a permit?", "  do i need\n a PERMIT ?!"),
        ("don’t ask", "dont ask"),
        ("ﬁle №5", "file no5"),
        ("Straße", "STRASSE"),
        ("façade", unicodedata.normalize("NFD", "FAÇADE")),
        ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen"),
        ("３階建て。", "3階建て"),
        ("“quoted” – text", '"quoted" - text'),
    ],
)
def test_the_same_question_has_one_key(one, other):
    assert normalise_prompt(one) == normalise_prompt(other)


@pytest.mark.parametrize(
    ("one", "other"), [("5 €", "5 $"), ("?", "!"), ("año", "ano"), ("permit 1", "permit 2"), ("🙂", "🙁")]
)
def test_other_questions_have_other_keys(one, other):
    assert normalise_prompt(one) != normalise_prompt(other)


@given(st.text())
def test_a_key_is_its_own_key(text):
    key = normalise_prompt(text)
    assert normalise_prompt(key) == key
    assert key == key.strip()


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_fast_way_for_ascii_equals_the_general_one(text):
    assert normalise_prompt(text + "é") == normalise_prompt(normalise_prompt(text + "é"))
    assert normalise_prompt("\u200b" + text) == normalise_prompt(text)


# ------------------------------------------------------------------------------------------------------ neutralise
@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_every_known_control_token_is_broken_once_and_visibly(token):
    text, count = neutralise(f"before{token}after")
    assert (text, count) == (f"before{token[0]} {token[1:]}after", 1)
    assert neutralise(text) == (text, 0)


def test_unknown_tokens_of_the_bar_family_and_the_callers_own_are_broken_too():
    assert neutralise("<|reserved_special_token_7|> <｜begin▁of▁sentence｜>")[1] == 2
    assert neutralise("say [GO]", ["[GO]"]) == ("say [ GO]", 1)
    assert neutralise("a < b | c > d and <b>bold</b>") == ("a < b | c > d and <b>bold</b>", 0)
    assert neutralise("<s><s>", ["<s>", "<s", " ", "x"]) == ("< s>< s>", 2)


def test_no_token_is_made_by_breaking_another():
    text, count = neutralise("<s>", ["<s>", "< s>"])
    assert count == 2 and "<s>" not in text and "< s>" not in text
    assert neutralise("<<s>s>")[0] == "<< s>s>"


@given(st.lists(st.sampled_from([*CONTROL_TOKENS, "<", "|", ">", "[", "]", "s", " ", "im_end"])).map("".join))
def test_afterwards_no_control_token_is_left(text):
    safe, count = neutralise(text)
    assert not any(token in safe for token in CONTROL_TOKENS)
    assert (count == 0) == (safe == text)
    assert neutralise(safe) == (safe, 0)


def test_a_tokenizer_that_drops_zero_width_signs_finds_no_control_token():
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex("[\u200b-\u200f]"), "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_tokens(
        [AddedToken(token, normalized=True) for token in CONTROL_TOKENS]
    )  # the worst case: matched late
    assert any(tokenizer.encode("<\u200b|im_end|>").ids)  # why no zero-width sign is used
    for token in CONTROL_TOKENS:
        assert not any(tokenizer.encode(neutralise(f"a {token} b")[0]).ids)


# ----------------------------------------------------------------------------------------------------- first_sentences
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Works of approx. 30 m² (e.g. a pergola) need one. Ask.", "Works of approx. 30 m² (e.g. a pergola) need one."),
        ("See Art. 5 of No. 12/2004. Then go.", "See Art. 5 of No. 12/2004."),
        ("The answer is no. Ask again.", "The answer is no."),
        ("It costs 3.5 EUR. Pay.", "It costs 3.5 EUR."),
        ("Built in 2004. Then sold.", "Built in 2004."),
        ("Mr. J. Smith said “Stop!” and left. End.", "Mr. J. Smith said “Stop!” and left."),
        ("Open at 9 a.m. on Monday. Come.", "Open at 9 a.m. on Monday."),
        ("Bring ID, plans, etc. Then wait.", "Bring ID, plans, etc."),
        ("Wait... then go. Done.", "Wait... then go."),
        ("Really?! Yes.", "Really?!"),
        ("你好。再见。", "你好。"),
        ("A title\n\nThe text. More.", "A title"),
        ("Do this:\n- ask\n- pay", "Do this:"),
        ("1. Ask them. 2. Pay.", "1. Ask them."),
        ("No end here", "No end here"),
        ("  spaced.  Next. ", "spaced."),
        ("", ""),
    ],
)
def test_the_first_sentence(text, first):
    assert first_sentences(text, 1) == first


@given(st.text(alphabet="ab A.!?\n-1e.g\"'"), st.integers(1, 5))
def test_sentences_are_a_prefix_that_grows(text, n):
    cut = first_sentences(text, n)
    assert text.strip().startswith(cut)
    assert len(cut) <= len(first_sentences(text, n + 1))
    assert first_sentences(text, 0) == ""
    assert first_sentences(text, len(text) + 1) == text.strip()


def test_long_texts_without_an_end_stay_linear():
    started = time.perf_counter()
    for text in ("e.g. " * 100_000, "a. " * 100_000, " " * 300_000 + "x", "x" * 300_000):
        first_sentences(text, 3)
    assert time.perf_counter() - started < 30  # a quadratic search takes minutes


# ----------------------------------------------------------------------------------------------------------- problems
def test_defects_are_named_with_their_place():
    assert problems("fine 🙂", 10) == []
    nul, surrogate, long = problems("a\0b\ud800c", 3)
    assert "NUL" in nul and "position 2" in nul
    assert "U+D800" in surrogate and "position 4" in surrogate
    assert "5 characters" in long and "at most 3" in long
