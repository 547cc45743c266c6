"""Cleaning against independent packages and published numbers.

phonenumbers and python-stdnum are not among the dependencies: their answers stand here, taken from phonenumbers 9.0.43
(`example_number_for_type`) and python-stdnum 2.2. dateutil and ftfy are installed and asked themselves.
"""

import random
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from dateutil import parser
from ftfy import fix_encoding
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from annotation.cleaning import clean, prepare
from annotation.cleaning.checksums import luhn, mod97
from annotation.cleaning.edits import apply_changes
from annotation.cleaning.mojibake import repairs
from annotation.cleaning.national_ids import NationalId, members, names
from annotation.cleaning.slips import slip

# Mojibake of many kinds, and what is none. The answers are ftfy's, which the rule has to give at exact places.
MOJIBAKE = [
    "âœ” No problems",
    "lâ€™humanitÃ©",
    "schÃ¶n",
    "Ã ",
    "LondonÂ£20",
    "5Â° C",
    "â€¢ item",
    "itâ€™s",
    "â€“ dash â€” dash",
    "Ã‰cole Ã€ la carte",
    "naÃ¯ve",
    "PiÃ±ata Ãngel",
    "ÃœbergrÃ¶ÃŸe",
    "Ã…sa Ã„lvsjÃ¶ Ã–berg",
    "smÃ¶rgÃ¥s",
    "prÃ¼fung 30 m Â² ok",
    "ðŸ˜€ ðŸ‘",
    "â‚¬50",
    "â„¢ Â© Â®",
    "Ð¿Ñ€Ð¸Ð²ÐµÑ‚",
    "Î±Î²Î³",
    "Å¡koda Å¾ivot",
    "Å‚Ã³dÅº",
    "lâ€™Å“uvre",
    "Â¿DÃ³nde?",
    "Â¡SÃ\xad!",
    "Ã‚ge",
    "ÃƒÂ©tÃƒÂ©",
    "caf√©",
    "caf├⌐",
    "Ha√øti",
    "All naïve café ÀÉÎ",
    "CAFÉ™",
    "“quoted” … – €",
    "Ça va à Noël",
    "HÃ”TEL",
    "RÃ‰PUBLIQUE FRANÃ‡AISE",
    "Ã‘andÃº",
    "ESPAÃ‘A",
    "MÃœNCHEN",
    "STRASSE Ã„NDERN",
    "â€œhelloâ€\x9d said",
    "ï»¿BOM",
    "â€¦",
    "Ä°stanbul",
    "kraÄ\x8dun",
]
# Signs that mojibake of several codecs is made of, between letters that it is found in.
SIGNS = st.sampled_from(
    "ÃÂâÄÅÆÐÑØÙàáãåæçèéêëìíîïñòóôõö÷øùúûüýÿŒœŠšŸŽžƒˆ˜€‚„…†‡‰‹‘’“”•–—™¡¢£¤¥¦§¨©ª«¬\xad®¯°±²³´µ¶·¸¹º»¼½¾¿\xa0√∂≈Ω├┤╝ĂĽŻРСГВв\x80\x9d\ufffd abcXYZ,.'?\n"
)


@pytest.mark.parametrize("raw", MOJIBAKE)
def test_mojibake_is_repaired_as_ftfy_repairs_it(raw):
    assert clean(raw, ["unicode"]).text == unicodedata.normalize("NFC", fix_encoding(raw))


@settings(max_examples=600, deadline=None)
@given(st.lists(SIGNS, max_size=24).map("".join))
def test_no_line_that_ftfy_repairs_is_passed_over(raw):
    assume("├" not in raw and "â€" not in raw)  # code page 850 and a lost quotation mark, which ftfy leaves
    assert apply_changes(raw, repairs(raw)) == "\n".join(map(fix_encoding, raw.split("\n")))


@pytest.mark.parametrize("codec", ["latin-1", "cp1250", "cp1252", "cp1254", "mac_roman", "cp437", "cp850"])
@pytest.mark.parametrize(
    "sentence",
    [
        *("Für die Prüfung benötigen wir größere Pläne, Öl und Übung", "Où est l'hôtel, ça coûte cher, déjà vu, garçon", "El niño pingüino está aquí, ¿verdad?"),
        "Jag åkte till Malmö på lördag, är det öppet? Åsa",
    ],
)  # fmt: skip
def test_what_was_read_with_a_wrong_codec_comes_back(sentence, codec):
    try:
        wrong = sentence.encode().decode(codec)
    except UnicodeDecodeError:
        pytest.skip("the codec has no sign for a byte of it")
    assert clean(wrong, ["unicode"]).text == sentence


# ------------------------------------------------------------------------------------------------------------ dates
FORMATS = [
    *(
        "%Y-%m-%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%d %B %Y %H:%M",
        "%B %d, %Y at %I:%M %p",
        "%b %d, %Y, %I:%M:%S %p",
        "%d-%b-%Y %H:%M",
    ),
    *("%a, %d %b %Y %H:%M:%S", "%A, %d %B %Y", "%d. %B %Y", "%Y-%m-%dT%H:%M:%S.%f", "%d %b. %Y"),
]


@pytest.mark.parametrize("form", FORMATS)
def test_english_dates_are_read_as_dateutil_reads_them(form):
    rng = random.Random(form)
    for _ in range(60):
        moment = datetime(1950, 1, 1) + timedelta(
            seconds=rng.randrange(4_000_000_000), microseconds=rng.randrange(1_000_000)
        )
        written = moment.strftime(form)
        cleaned = clean(f"seen {written} here", ["timestamps"]).text.removeprefix("seen ").removesuffix(" here")
        iso = cleaned.split(", ")[-1]
        assert datetime.fromisoformat(iso) == parser.parse(written), written


def test_offsets_are_read_as_dateutil_reads_them():
    rng = random.Random(1)
    for _ in range(200):
        zone = timezone(timedelta(minutes=rng.randrange(-48, 57) * 15))
        moment = datetime(2024, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(minutes=rng.randrange(1_000_000))
        written = moment.strftime("%d %b %Y %H:%M:%S %z")
        assert datetime.fromisoformat(clean(written, ["timestamps"]).text) == parser.parse(written) == moment


# ----------------------------------------------------------------------------------------------------- personal data
IBANS = [
    "AD1200012030200359100100",
    "AE070331234567890123456",
    "AL47212110090000000235698741",
    "AT611904300234573201",
    "AZ21NABZ00000000137010001944",
    "BA391290079401028494",
    "BE68539007547034",
    "BG80BNBG96611020345678",
    "BH67BMAG00001299123456",
    "BR1800360305000010009795493C1",
    "CH9300762011623852957",
    "CR05015202001026284066",
    "CY17002001280000001200527600",
    "CZ6508000000192000145399",
    "DE89370400440532013000",
    "DK5000400440116243",
    "DO28BAGR00000001212453611324",
    "EE382200221020145685",
    "ES9121000418450200051332",
    "FI2112345600000785",
    "FO6264600001631634",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "GE29NB0000000101904917",
    "GI75NWBK000000007099453",
    "GL8964710001000206",
    "GR1601101250000000012300695",
    "GT82TRAJ01020000001210029690",
    "HR1210010051863000160",
    "HU42117730161111101800000000",
    "IE29AIBK93115212345678",
    "IL620108000000099999999",
    "IS140159260076545510730339",
    "IT60X0542811101000000123456",
    "JO94CBJO0010000000000131000302",
    "KW81CBKU0000000000001234560101",
    "KZ86125KZT5004100100",
    "LB62099900000001001901229114",
    "LI21088100002324013AA",
    "LT121000011101001000",
    "LU280019400644750000",
    "LV80BANK0000435195001",
    "MC5811222000010123456789030",
    "MD24AG000225100013104168",
    "ME25505000012345678951",
    "MK07250120000058984",
    "MR1300020001010000123456753",
    "MT84MALT011000012345MTLCAST001S",
    "MU17BOMM0101101030300200000MUR",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "PK36SCBL0000001123456702",
    "PL61109010140000071219812874",
    "PS92PALS000000000400123456702",
    "PT50000201231234567890154",
    "QA58DOHB00001234567890ABCDEFG",
    "RO49AAAA1B31007593840000",
    "RS35260005601001611379",
    "SA0380000000608010167519",
    "SE4550000000058398257466",
    "SI56263300012039086",
    "SK3112000000198742637541",
    "SM86U0322509800000000270100",
    "TN5910006035183598478831",
    "TR330006100519786457841326",
    "VG96VPVG0000012345678901",
    "XK051212012345678906",
]  # SWIFT, IBAN Registry: the example of each country


@pytest.mark.parametrize("iban", IBANS)
def test_the_registrys_examples_are_found_however_written_and_not_with_a_wrong_digit(iban):
    spaced = " ".join(iban[place : place + 4] for place in range(0, len(iban), 4))
    for written in (iban, spaced, spaced.replace(" ", "-"), iban.lower()):
        assert clean(f"pay to {written}, please", ["personal_data"]).text == "pay to [IBAN], please"
    wrong = iban[:3] + str((int(iban[3]) + 1) % 10) + iban[4:]
    assert "[IBAN]" not in clean(wrong, ["personal_data"]).text


CARDS = [
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "30569309025904",
    "38520000023237",
    "6011111111111117",
    "6011000990139424",
    "3566002020360505",
    "3530111333300000",
    "6304000000000000",
    "4222222222222",
]  # test numbers that the card brands and payment services publish


@pytest.mark.parametrize("card", CARDS)
def test_test_cards_are_found_however_written_and_not_with_a_wrong_digit(card):
    spaced = " ".join(card[place : place + 4] for place in range(0, len(card), 4))
    for written in (card, spaced, spaced.replace(" ", "-")):
        assert clean(f"my card {written}.", ["personal_data"]).text == "my card [CARD]."
    assert "[CARD]" not in clean(card[:-1] + str((int(card[-1]) + 1) % 10), ["personal_data"]).text


PHONES = """
+34 612 34 56 78|+34612345678|612 34 56 78|+34-612-34-56-78|+34 810 12 34 56|810 12 34 56|+49 1512 3456789|01512 3456789|+49 30 123456
030 123456|+49-800-1234567890|0800 1234567890|+33 6 12 34 56 78|06 12 34 56 78|+33123456789|01 23 45 67 89|0 801 23 45 67|+46 70 123 45 67
070-123 45 67|08-12 34 56|+46-8-12-34-56|020-12 34 56|+44 7400 123456|07400 123456|+44 121 234 5678|0121 234 5678|0800 123 4567
+1 201-555-0123|+12015550123|(201) 555-0123|+1-800-234-5678|(800) 234-5678
"""


@pytest.mark.parametrize("phone", [phone for line in PHONES.split("\n") for phone in line.split("|") if phone])
def test_example_numbers_of_phonenumbers_are_found(phone):
    assert clean(f"Please call {phone}, thanks", ["personal_data"]).text == "Please call [PHONE], thanks"
    assert clean(phone, ["personal_data"]).text == "[PHONE]"


NATIONAL = {  # valid by python-stdnum 2.2; the second of each differs in one sign and is not
    "de_steuer_id": ("36574261809", "36574261808"),
    "es_dni": ("54362315K", "54362315Z"),
    "fr_nir": ("295109912611193", "295109912611199"),
    "se_personnummer": ("880320-0016", "880320-0018"),
    "us_ssn": ("536-90-4399", "536-00-4399"),
    "gb_nino": ("AB123456C", "GB123456C"),
}


def test_national_numbers_are_told_by_their_check_digits():
    assert set(NATIONAL) == set(names())
    for name, (right, wrong) in NATIONAL.items():
        assert clean(f"it is {right}.", ["personal_data"]).text == f"it is {members()[name].placeholder}."
        assert clean(wrong, ["personal_data"]).text == wrong


def test_one_can_bring_a_national_number_of_ones_own():
    import re

    mine = NationalId("nl_bsn", "BSN", re.compile(r"\d{9}"), lambda digits: digits == "111222333", "test")
    recipe = prepare(["personal_data"], national_ids=[mine, "es_dni"], keep=["email"])
    assert (
        recipe.clean("a@b.nl 111222333 12345678Z 111222334 536-90-4399").text
        == "a@b.nl [NL_BSN] [ES_DNI] 111222334 536-90-4399"
    )


@given(st.text("0123456789", min_size=2, max_size=20))
def test_luhn_is_the_sum_of_the_standard(digits):
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits[::-1])]
    assert luhn(digits) == (sum(number // 10 + number % 10 for number in doubled) % 10 == 0)


@given(st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}", fullmatch=True))
def test_mod_97_is_the_remainder_digit_by_digit(account):
    remainder = 0
    for sign in account[4:] + account[:4]:
        for digit in str("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(sign)):
            remainder = (remainder * 10 + int(digit)) % 97
    assert mod97(account) == (remainder == 1)


def distance(one, other):
    """Damerau and Levenshtein's, with swaps of neighbours, by its recursion."""
    table = {(i, -1): i + 1 for i in range(-1, len(one))} | {(-1, j): j + 1 for j in range(-1, len(other))}
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
            if i and j and a == other[j - 1] and one[i - 1] == b:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one) - 1, len(other) - 1]


@given(st.text("abe", min_size=1, max_size=7), st.text("abe", min_size=1, max_size=7))
def test_a_slip_is_one_stroke(word, target):
    if slip(word, target):
        assert distance(word, target) == 1
