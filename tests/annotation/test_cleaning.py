"""Cleaning as a whole: the contract, edits of several rules as one list, and that cleaning the cleaned changes nothing."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.cleaning import (
    CleaningInputError,
    Edit,
    UnknownRuleError,
    apply_edits,
    clean,
    describe,
    names,
    prepare,
)
from annotation.cleaning.edits import Places, apply_changes, compose
from annotation.cleaning.rule import Change, least

# What each rule looks for, and what lies between: put together at random, they meet in ways that nobody thought of.
FRAGMENTS = [
    *("&lt;b&gt;", "&amp;lt;", "&amp", "&lt", "&amp;amp;", "&#x26;", "&nbsp;", "<p>", "</p>", "<br/>", "<li>", "<a href='https://a.b'>", "</a>", "<!--"),
    *("-->", "<script>", "</script>", "<pre>", "</pre>", "<code>", "<", ">", "&", "a < b"),
    *("Ã¤", "Ã", "Â", "â€™", "Ã\u00a0", "Ãƒ", "Æ’", "é", "e\u0301", "\u0301", "ﬁ", "Ａ", "\ufffd", "√", "©", "™", "€", "ð", "Ÿ", "˜", "Š"),
    *("\u200b", "\u200d", "\u00ad", "\x00", "\x1b[31m", "\u202e", "👩\u200d🚀", "❤\ufe0f", "\ufe0f", "א", "\u200f", "\ud800", "\U000e0041"),
    *("\n", "\n\n", "\r\n", "\t", "    ", " ", "  ", "\u00a0", "\u2028", "\n> quoted\n", "\n>>> x", "\n- item\n", "\n    x = 1;\n    y = 2;\n"),
    *("```", "\n```\n", "\n```py\n\tx\n", "`", "``", "~~~"),
    *("\n-- \n", "\n--\n", "Best regards\n", "\nMvh\n", "Sent from my iPhone", "\nOn 5 Mar 2024, Ann wrote:\n", "-----Original Message-----\n"),
    *("From: a\n", "To: b\n", "Subject: c\n", "This message is confidential", "\n\n"),
    *("5.3.2024", "03/04/2024", "2024-03-05", "T14:30", " 14:30", "14.30 Uhr", ":15", ",5", "+01:00", "Z", "March 5, 2024", "5 mars 2024", "10 pm"),
    *("Mar  5 14:30:00 2024", "05/Mar/2024:", "20240305T1430", "14:30 on ", "5 to ", " uhr", " 2 pm", "5 Mar 24", " IST", "kl. ", "(UTC)"),
    *("Thanks,\n", "Ann\n", "Thanks, Ann", "Mvh Anna", "____\n", "PS: x", "a@b.se wrote 5:\n> x\n", "├╝", "ÔÇÖ", "â€", "Ð¿", "\x9d"),
    *("&lt;", "&gt;", "&lt;br&gt;", "<b and c>", "<time>", " p. m.", " nachmittags", " de la noche", " and ", " Uhr ", "version ", "5/3 2024", " – ", "–"),
    *("Max.", "usw.", " tb ", " av. ", "J.-C.", "The ", "opción ", "Je vous prie d'agréer, Madame, l'expression de mes salutations", "\n/Anna\n"),
    *("my number is ", "202 555 0143", "811228 9874", "personnummer ", "1,759 €", " litre "),
    *("(0221)", " ext. 12", "4111.1111.1111.1111", "8803200016", "1 000 000 ", "$1,000", "knwo", "cant ", " l", " min"),
    *("1", "12", "234", "1.234", "1,234", "1 234", ".", ",", "-", "1.234,50", "€", "EUR", " kg", "qm", "m2", " m", "%", "°c", "0,5"),
    *("a@b.se", "@", "+34 600 123 456", "030 1234567", "tel. ", "DE89370400440532013000", "4111 1111 1111 1111", "192.168.1.1", "::1", "fe80::1"),
    *("12345678Z", "811228-9874", "[EMAIL]", "asap", "z.B.", "e.g.", "p. ej.", "t.ex.", "bzw.", "svp", "VPN"),
    *("recieve", "teh", "vieleicht", "informacion", "tyvär", "permitt", "the ", "my ", "card ", "und ", "die ", "el ", "que ", "le ", "och ", "det "),
    *(" ist ", " nicht ", " is ", " of ", " est ", " pas ", " är ", " por ", "Hello", "NASA", "x", "_", "/", "https://x.y/z", "'", "’", "(", ")", ":"),
]  # fmt: skip
MIXED = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=14).map("".join)
GLOSSARY = {"VPN": "virtual private network (VPN)", "asap": "soon", "N/A": "not available"}
OPTIONS = {
    "glossary": GLOSSARY,
    "dictionary": {"kard": "card"},
    "protect": ["Nasa"],
    "zone": "Europe/Madrid",
    "day_order": "dmy",
}
RECIPES = {name: [prepare([name]), prepare([name], **OPTIONS)] for name in names()}
RECIPES["all"] = [prepare(names()), prepare(names(), **OPTIONS)]


def check(recipe, raw):
    result = recipe.clean(raw)
    assert apply_edits(raw, result.edits) == result.text
    place = 0
    for rule, start, end, before, after in result.edits:
        assert rule in recipe.rules
        assert place <= start < end <= len(raw) and raw[start:end] == before != after
        place = end
    for note in result.notes:
        assert raw[note.start : note.end] == note.text and note.text and note.reason
    again = recipe.clean(result.text)
    assert again.text == result.text and again.edits == ()


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=250, deadline=None)
@given(raw=MIXED)
def test_edits_lead_to_the_text_and_cleaning_it_again_changes_nothing(name, raw):
    for recipe in RECIPES[name]:
        check(recipe, raw)


@settings(max_examples=200, deadline=None)
@given(raw=st.text(max_size=60))
def test_any_text_of_any_script(raw):
    for recipe in RECIPES["all"]:
        check(recipe, raw)


@settings(max_examples=300, deadline=None)
@given(raw=MIXED, choice=st.integers(min_value=0))
def test_any_choice_of_edits_can_be_accepted(raw, choice):
    edits = RECIPES["all"][0].clean(raw).edits
    accepted = [edit for number, edit in enumerate(edits) if choice >> number % 64 & 1]
    expected, place = "", 0
    for edit in edits:
        expected += raw[place : edit.start] + (edit.after if edit in accepted else edit.before)
        place = edit.end
    assert apply_edits(raw, accepted) == expected + raw[place:]


# ------------------------------------------------------------------------------------------------------ composing
def changes_of(text):
    """Any changes of a text, in order and apart."""
    cuts = st.lists(st.integers(0, len(text)), unique=True, max_size=8).map(sorted)
    afters = st.lists(st.sampled_from(["", "x", "yz", "a"]), min_size=8, max_size=8)
    return st.tuples(cuts, afters).map(
        lambda drawn: [
            Change(s, e, a)
            for (s, e), a in zip(zip(drawn[0][::2], drawn[0][1::2], strict=False), drawn[1], strict=False)
        ]
    )


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_composing_three_lists_of_changes_does_what_they_do_in_turn(data):
    raw = data.draw(st.text("abc ", max_size=12))
    text, edits = raw, []
    for rule in ("one", "two", "three"):
        changes = data.draw(changes_of(text))
        edits = compose(edits, changes, rule, raw, text)
        text = apply_changes(text, changes)
        assert apply_edits(raw, edits) == text
        place = 0
        for edit in edits:
            assert place <= edit.start < edit.end and raw[edit.start : edit.end] == edit.before != edit.after
            place = edit.end


def test_a_later_rule_takes_over_what_it_changes_and_only_that():
    raw = "a&#64;b.se and &lt;3"
    result = clean(raw, ["html", "personal_data"])
    assert result.text == "[EMAIL] and <3"
    assert result.edits == (
        Edit("personal_data", 0, 10, "a&#64;b.se", "[EMAIL]"),
        Edit("html", 15, 19, "&lt;", "<"),
    )


def test_what_one_rule_makes_and_another_takes_back_is_no_edit():
    raw = "one two"
    edits = compose([], [Change(3, 4, "  ")], "one", raw, raw)
    assert compose(edits, [Change(3, 5, " ")], "two", raw, "one  two") == []


def test_places_of_the_cleaned_text_are_found_in_the_raw_one():
    raw = "&amp; 03/04/2024 &amp;"
    result = clean(raw, ["html", "timestamps"])
    assert [(note.start, note.end, note.text) for note in result.notes] == [(6, 16, "03/04/2024")]
    places = Places(result.edits)
    assert places.raw(0, 1) == (0, 5) and places.raw(13, 14) == (17, 22) and places.raw(0, 14) == (0, 22)


def test_offsets_are_code_points_not_bytes_or_utf16():
    edit = clean("😀😀 recieve the card", ["typos"]).edits[0]
    assert (edit.start, edit.end, edit.before) == (3, 10, "recieve")


def test_an_edit_of_another_text_is_refused():
    edits = clean("a  b", ["whitespace"]).edits
    with pytest.raises(ValueError, match="does not fit"):
        apply_edits("axxb", edits)
    with pytest.raises(ValueError, match="does not fit"):
        apply_edits("aa", [Edit("x", 0, 1, "a", "b"), Edit("x", 0, 1, "a", "c")])


@given(st.text("ab", min_size=1, max_size=6), st.text("ab", max_size=6))
def test_the_least_change_does_the_same(before, after):
    change = least(0, before, after)
    assert change.start < change.end and apply_changes(before, [change]) == after


# --------------------------------------------------------------------------------------------------------- contract
def test_the_registry_lists_and_describes_itself():
    assert names() == [
        *("unicode", "characters", "html", "quoted_replies", "signatures", "code_indentation", "personal_data", "timestamps"),
        *("numbers", "abbreviations", "typos", "whitespace"),
    ]  # fmt: skip
    described = describe()
    assert list(described) == names()
    assert all(one.title and len(one.text) > 40 and one.leaves for one in described.values())
    assert described["timestamps"].options == {"zone": "None", "day_order": "None"}


def test_the_order_in_which_rules_are_named_makes_no_difference():
    raw = " recieve &amp; the  card"
    assert clean(raw, names()[::-1]) == clean(raw, names())
    assert clean(raw, "whitespace").text == "recieve &amp; the card"


def test_a_wrong_rule_or_option_is_told():
    with pytest.raises(UnknownRuleError, match="did you mean whitespace"):
        clean("", ["whitspace"])
    with pytest.raises(CleaningInputError, match="no rule has an option 'zones'"):
        clean("", ["timestamps"], zones="UTC")
    with pytest.raises(CleaningInputError, match="none of en, es"):
        clean("", ["typos"], language="xx")
    for rule, options in {
        "timestamps": [{"zone": 5}, {"zone": ["UTC"]}, {"day_order": 5}],
        "code_indentation": [{"tab_width": "4"}, {"tab_width": 2.5}],
        "personal_data": [{"keep": 5}, {"keep": [["ip"]]}, {"national_ids": 5}, {"national_ids": [5]}],
        "abbreviations": [{"glossary": ["a"]}, {"glossary": {5: "x"}}, {"glossary": {"x": 5}}],
        "typos": [
            {"dictionary": 5},
            {"dictionary": {"abc": 5}},
            {"protect": 5},
            {"protect": [5]},
            {"language": ["de"]},
        ],
    }.items():
        for option in options:
            with pytest.raises(CleaningInputError, match=next(iter(option))):
                clean("x", [rule], **option)
    for rule, option in {
        "timestamps": {"zone": "Mars/Olympus"},
        "code_indentation": {"tab_width": 0},
        "personal_data": {"keep": ["names"]},
        "abbreviations": {"glossary": {"aa": "bb x", "bb": "aa y"}},
        "typos": {"dictionary": {"foo": "bar baz", "bar": "foo"}},
    }.items():
        with pytest.raises(CleaningInputError):
            prepare([rule], **option)
    with pytest.raises(CleaningInputError, match="lead back"):
        prepare(["abbreviations"], glossary={"soon": "asap"})  # with the built-in expansion of asap
    assert clean("x  y", ["whitespace"], zone="UTC").text == "x y"  # an option of a rule that was not chosen


def test_clean_may_be_called_for_each_text_with_any_options():
    for glossary in ({"aa": "bb"}, {"aa": "cc"}):
        assert clean("aa", ["abbreviations"], glossary=glossary).text == glossary["aa"]
        assert clean("kard", ["typos"], protect=(word for word in ["x"]), dictionary={"kard": "card"}).text == "card"


def test_no_rules_and_no_text():
    assert clean(" a ", []).text == " a "
    assert clean("", names()) == clean("", [])


def test_it_needs_no_django():
    code = "import sys, annotation.cleaning as c; c.clean('recieve  it', c.names()); assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "unit", ["<a ", "&amp;", "<!--", "<pre>", "`", "```\n", "\n> ", "Ã", "1.", "1 ", "a@", "-- \n", "On 5 wrote:\n", "e\u0301", "\t", "\u200b", "\u200f", "\U000e0041", "a@b.se ", "+34612345678 ", "a.", "+", "::", "from: \n", " ' ",
             "5 to ", "Mar 5 ", "14:30 5/3 ", "├╝", "â€", "Thanks\n", "Ann wrote:\n> a\n", "_\n", "4111 ", "DE89 ", "1:2:",
             "1,759 € ", "&lt;b&gt; ", "<time>", "usw. A ", "10 and 12:00 on 5 March 2024 ", "5 March 2024 at 2 in the ", "\n/Anna.", "555–123–",
             "SELECT a ", "recieve(", "x = a + ", "import a, ", "if (a) ", "f()  ", "; ", "tel 1 or ", "DE89 3704 0044 "]
)  # fmt: skip
def test_a_long_text_made_to_be_slow_is_cleaned_as_a_short_one_is(unit):
    """Where the work grew with the square of the length, this would take minutes: nobody would wait for it."""
    recipe = RECIPES["all"][0]
    raw = unit * (60_000 // len(unit))
    result = recipe.clean(raw)
    assert apply_edits(raw, result.edits) == result.text
    assert recipe.clean(result.text).edits == ()


def test_the_pages_examples_are_true():
    page = Path(__file__).parents[2] / "docs" / "cleaning.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 8 and not failed
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == names()
