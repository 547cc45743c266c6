"""Letters, signs, HTML, code, spaces and numbers: each rule by what it does to texts, and what it leaves."""

import pytest

from annotation.cleaning import clean
from tests.annotation.cleaning_cases import cases


# --------------------------------------------------------------------------------------------------------- unicode
@cases(
    ("cafe\u0301", "café"),
    ("ﬁne Ｈｅｌｌｏ 𝐇𝐢", "fine Hello Hi"),
    ("itâ€™s â‚¬ 5 and Â£5", "it’s € 5 and £5"),
    ("â€œhiâ€\x9d, â€œhiâ€", "“hi”, “hi”"),
    ("Ã¼ber ÃœBER MÃ¼ller & SÃ¶hne", "über ÜBER Müller & Söhne"),
    ("Â¿QuÃ© tal? niÃ±o", "¿Qué tal? niño"),
    ("voilÃ\u00a0 voilÃ  le", "voilà voilà le"),
    ("Ã…land Ã–l Ã„rger", "Åland Öl Ärger"),
    ("ÃƒÂ¼ber", "über"),
    ("ðŸ˜€", "😀"),
    ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет"),
    ("f√ºr, caf√©", "für, café"),
    ("f├╝r, caf├⌐", "für, café"),
    ("150Ã—150 mm, 30 Â°C", "150×150 mm, 30 °C"),
    *(
        "CAFÉ™",
        "ÀÉ…",
        "naïve œuvre “quoted” – … ½ m²",
        "Ça coûte 5 €, à Noël",
        "√2 ≈ 1.41",
        "√π ∆° ×£35",
        "Ôôô",
        "Ω ≠ å",
    ),
)
def test_unicode(raw, wanted):
    assert clean(raw, ["unicode"]).text == wanted


@pytest.mark.parametrize(
    ("codec", "times"),
    [("latin-1", 1), ("latin-1", 2), ("cp1252", 1), ("cp1252", 2), ("mac_roman", 1), ("cp850", 1), ("cp437", 1)],
)
def test_sentences_of_five_languages_come_back_from_a_wrong_codec(codec, times):
    sentences = [
        "Für die Prüfung benötigen wir größere Pläne, Übung, Öl, Ärger",
        "Où est l'hôtel ? Ça coûte cher à Noël, garçon, déjà vu, œuvre",
        "¿Dónde está? ¡Sí! El niño pingüino, Ángel, Íñigo",
        "Jag åkte till Malmö på lördag, är det öppet? Åsa, Älvsjö",
        "It is £5 for a café – naïve",
    ]
    for sentence in sentences:
        wrong = sentence
        for _ in range(times):
            wrong = "".join(_read(octet, codec) for octet in wrong.encode())
        assert clean(wrong, ["unicode"]).text == sentence


def _read(octet, codec):
    try:
        return bytes([octet]).decode(codec)
    except UnicodeDecodeError:
        return chr(octet)  # what browsers do with the five bytes that Windows-1252 leaves undefined


def test_letters_that_are_lost_are_noted():
    notes = clean("M\ufffdller", ["unicode"]).notes
    assert [(note.start, note.end, note.text) for note in notes] == [(1, 2, "\ufffd")]


# ------------------------------------------------------------------------------------------------------- characters
@cases(
    ("a\x00b\u200bc\u00add\ufeff", "abcd"),
    ("\x1b[31mred\x1b[0m", "red"),
    ("a\U000e0067b\u202ec\ue000d\ud800", "abcd"),
    "👩\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    *("שלום\u200f!", "می\u200cخواهم", "tab\tand\nline", "“quoted” – …"),
)
def test_characters(raw, wanted):
    assert clean(raw, ["characters"]).text == wanted


# ------------------------------------------------------------------------------------------------------------- html
@cases(
    ("<p>Hi <b>you</b></p>", "\n\nHi you\n\n"),
    ("a &lt; b &amp; c&nbsp;&eacute;&#233;&#xe9;", "a < b & c\u00a0ééé"),
    ("Tom &amp Jerry, 1 &lt 2&nbsp&nbsp!", "Tom & Jerry, 1 < 2\u00a0\u00a0!"),
    ("&amp;amp;lt;p&gt;twice encoded&lt;/p&gt;", "\n\ntwice encoded\n\n"),
    ("<a href='https://x.y'>site</a>, <a href='https://x.y'>https://x.y/</a>", "site (https://x.y), https://x.y/"),
    ("<script>alert('<p>')</script><style>p{}</style><!-- c -->x<img src=x onerror=y>", "x"),
    ("<ul><li>a</li><li>b</li></ul>", "\n\n\n- a\n- b\n\n"),
    ("x<br>y<BR/>z<td>a</td><td>b</td>", "x\ny\nza b "),
    ("<pre><code class='py'>if a &lt; b:\n  x</code></pre>", "\n```\nif a < b:\n  x\n```\n"),
    ("<!DOCTYPE html><style>never closed", "never closed"),
    *(
        "a < b > c",
        "<order number>",
        "List<String>",
        "`<b>`",
        "```\n<b>&amp;\n```",
        "&unknown; AT&T",
        "?a=1&lt=2&ampere",
        "<unclosed",
        "<!-- open",
    ),
    *("if a<b and c>d:", "if (a<b && c>d)", "if a<b and c=d>", "<i think so>", "put <code> in the field, and <time>"),
    ("<td nowrap>a</td><hr noshade><input disabled><a href=x y>l</a>", "a \n\nl"),
    ("<code>x</code> <title>t</title>", "x "),
    ("<pre>if a<b and c>d</pre>", "\n```\nif a<b and c>d\n```\n"),
)
def test_html(raw, wanted):
    assert clean(raw, ["html"]).text == wanted


@pytest.mark.parametrize(
    ("raw", "wanted", "noted"),
    [
        ("To make it bold write &lt;b&gt; before it", None, ["&lt;b&gt;"]),
        ("<p>write &lt;b&gt;x&lt;/b&gt;</p>", "\n\nwrite &lt;b&gt;x&lt;/b&gt;\n\n", ["&lt;b&gt;", "&lt;/b&gt;"]),
        ("use &amp;lt;br /&amp;gt; &amp; more", "use &amp;lt;br /&amp;gt; & more", ["&amp;lt;br /&amp;gt;"]),
        ("half escaped: <b&gt; and &lt;b>", None, ["&gt;", "&lt;"]),
        ("&lt;b&gt; or &lt;i&gt;", None, ["&lt;b&gt;", "&lt;i&gt;"]),
        ("&lt;p&gt;all of it &lt;b&gt;is&lt;/b&gt; encoded&lt;/p&gt;", "\n\nall of it is encoded\n\n", []),
        ("Dear all,&lt;br /&gt;I have a question", "Dear all,\nI have a question", []),
        (
            "List&lt;String&gt;, a &lt;b and c&gt; d, &lt;bo@acme.se&gt;",
            "List<String>, a <b and c> d, <bo@acme.se>",
            [],
        ),
    ],
)
def test_escaped_tags_are_text_unless_all_of_it_is_encoded(raw, wanted, noted):
    result = clean(raw, ["html"])
    assert result.text == (raw if wanted is None else wanted)
    assert [note.text for note in result.notes] == noted
    assert clean(result.text, ["html"]).edits == ()


# ------------------------------------------------------------------------------------------------ code and whitespace
@cases(
    ("```\n\tx\n\t\ty\n```", "```\nx\n    y\n```"),
    ("\tx\n```py\n    a\n      b  \n\n    c\n```\n\ty", "\tx\n```py\na\n  b\n\nc\n```\n\ty"),
    ("  ```\n  a\n    b\n  ```", "  ```\n  a\n    b\n  ```"),
    *("    outside", "`\tinline`", "\tint x;\n\tint y;"),
)
def test_code_indentation(raw, wanted):
    assert clean(raw, ["code_indentation"]).text == wanted


def test_a_tab_is_as_wide_as_asked():
    assert clean("```\na\n\tb\n```", ["code_indentation"], tab_width=2).text == "```\na\n  b\n```"


@cases(
    ("  a\t b\u00a0c  \r\n\r\n\r\n\nd ", "a b c\n\nd"),
    ("- a\n  - b\n\t- c\n1. d", "- a\n  - b\n    - c\n1. d"),
    ("a\n\n\n\n```\nx  y\n\n\n\nz\n```\n\n\n\nb", "a\n\n```\nx  y\n\n\n\nz\n```\n\nb"),
    ("a\u2028b\n c", "a\nb\nc"),
    *((" ", ""), ("\n", "")),
    *("a `x  y` b", "run this:\n\n    for x in y:\n        print(x)\n\nok"),
)
def test_whitespace(raw, wanted):
    assert clean(raw, ["whitespace"]).text == wanted


# ---------------------------------------------------------------------------------------------------------- numbers
@cases(
    ("Der Preis ist 1.234,50 € und nicht mehr", "Der Preis ist 1234.50 EUR und nicht mehr"),
    ("Coûte 1 234,50 € et pas plus", "Coûte 1234.50 EUR et pas plus"),
    ("cuesta 1.234.567 euros y no más", "cuesta 1234567 EUR y no más"),
    ("det kostar 1\u00a0234 kr och är 12,5 kvm", "det kostar 1234 kr och är 12.5 m²"),
    ("the city has 1,234 people, 1,234.50 USD", "the city has 1234 people, 1234.50 USD"),
    ("$1,234.50 und 1.234,50 $, 5$", "$1234.50 und 1234.50 $, 5 $"),
    ("1'234.50 CHF, € 12,50, £5, -5 °c", "1234.50 CHF, 12.50 EUR, 5 GBP, -5 °C"),
    (
        "10km, 10 Kgs, 20° C, 100qm, 100m2, 100 kwh, 50 Mbps, (3,5 kg)",
        "10 km, 10 kg, 20 °C, 100 m², 100 m², 100 kWh, 50 Mbit/s, (3.5 kg)",
    ),
    ("Das sind 1.234 kg und 3,5 Leute, 0,125 und mehr", "Das sind 1234 kg und 3.5 Leute, 0.125 und mehr"),
    *(
        "Das ist 1.2.3 und nicht 192.168.1.1",
        "1,2,3",
        "12.345-Z",
        "10:30",
        "2024-03-05",
        "1/2",
        "$5",
        "10M",
        "10m",
        "no 5.",
        "5,",
    ),
    ("$1,000 or 1.000 EUR, 2,5 l, 3 mins", "$1000 or 1000 EUR, 2.5 l, 3 min"),  # nobody writes three zeros as decimals
    ("1.234,- und 1,234,-", "1234 und 1234"),
    ("Der Monitor kostet 1.759 € und nicht mehr", "Der Monitor kostet 1759 EUR und nicht mehr"),
    ("The rent is £1,459 and it is too much", "The rent is 1459 GBP and it is too much"),
    ("hyran är 12.500 kr och inte mer", "hyran är 12500 kr och inte mer"),
    ("Das sind 0,325 € für eine und nicht mehr", "Das sind 0.325 EUR für eine und nicht mehr"),
    ("cuesta 1 234 567 y no más de lo que es", "cuesta 1234567 y no más de lo que es"),
    *(
        "tel 1 234 567",
        "5G",
        "10l",
        "3.14159",
        "`10km`",
        "x10km",
        "5%",
        "file10.5mb",
        "2 m x 3 m",
        "Zimmer 1 234",
        "#1,5",
        "A1.234",
    ),
)
def test_numbers(raw, wanted):
    assert clean(raw, ["numbers"]).text == wanted


@pytest.mark.parametrize(
    "raw",
    [
        *("Das sind 1.234 Leute und nicht mehr", "Das ist 1,234 und nicht mehr", "xqz 1,234 xqz"),
        *("Das kostet 1,759 € und nicht mehr", "It is £1.459 for that and not more", "The euro is at $1.085 and not more", "Gas 1,125 EUR"),
        *("El alquiler es de 1,250 € y no más", "Le loyer est de 1,250 € et pas plus", "hyran är 12,500 kr och inte mer", "1.234 €"),
    ],
)  # fmt: skip
def test_thousands_or_decimals_are_noted_and_left(raw):
    result = clean(raw, ["numbers"])
    assert result.text == raw and "thousands or decimals" in result.notes[0].reason


@pytest.mark.parametrize(
    "raw",
    [
        *("Der Liter Benzin kostet an der Tankstelle 1.759 € und nicht mehr", "The fuel costs £1,459 per litre and it is too much"),
        *("La gasolina cuesta 1.459 € el litro y es muy cara", "Le litre d'essence coûte 1.759 € à la station", "Bensinen kostar 18.990 kr litern"),
        "the exchange rate is 1,085 USD for a euro and not more",
    ],
)  # fmt: skip
def test_a_price_that_has_three_decimals_by_its_kind_is_left_whatever_its_mark(raw):
    result = clean(raw, ["numbers"])
    assert result.text == raw and "three decimals" in result.notes[0].reason
