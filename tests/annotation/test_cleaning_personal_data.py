"""Personal data: what is one, however it is written and whatever stands beside it, and what only looks like it."""

import re

import pytest

from annotation.cleaning import CleaningInputError, clean, prepare
from annotation.cleaning.national_ids import NationalId
from tests.annotation.cleaning_cases import cases

PERSONAL = ["personal_data"]


@pytest.mark.parametrize(
    "mail",
    [
        *("ann@x.org", "Ann.O'Brien@x.org", "müller@exämple.de", "user+tag@sub.x.co.uk", "ANN@X.ORG", "a_b-c%d@x-y.org", "a@x.museum"),
        *("ann@x.xn--p1ai", "ann@мвд.рф"),
    ],
)  # fmt: skip
def test_mail_addresses(mail):
    for around in ("{}", "<{}>", "mailto:{}?subject=x", "write to {}.", "'{}'", "{},", "({})"):
        assert clean(around.format(mail), PERSONAL).text == around.format("[EMAIL]")


@cases(*("a@b.c", "user@localhost", "@handle on x", "a b@ c.de", "5 @ 3.50 EUR", "x@y", "foo@"))
def test_what_is_no_mail_address(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@pytest.mark.parametrize(
    "phone",
    [
        *("+1 (555) 123-4567", "001-555-123-4567", "(555)123-4567", "555.123.4567", "1-800-555-0199", "+1-202-555-0143 ext. 12", "555-123-4567x12"),
        *("+44 (0)20 7946 0958", "020 7946 0958", "(0117) 496 0123", "01174960123", "+44(0)1174960123", "07911 123456"),
        *("+34612345678", "0034 612 345 678", "(+34) 612 345 678", "912 345 678", "91 123 45 67", "93-123-45-67"),
        *("0171/1234567", "030-12345678", "0711 123456-0", "0221 / 47 11 - 0", "+49 (0) 89 / 123 456-78", "(030) 123 456 78", "01234 56789"),
        *("+33.1.42.68.53.00", "06-12-34-56-78", "06.12.34.56.78", "0612345678", "+33 (0)1 23 45 67 89"),
        *("+46(0)70-123 45 67", "070 - 123 45 67", "08-123 456 78", "0123-45 67 89", "+46 8 123 456 78"),
    ],
)  # fmt: skip
def test_phone_numbers_of_five_countries(phone):
    for around in ("{}", "tel:{}", "I am at {}, thanks", "Nr. {}.", "({})"):
        assert clean(around.format(phone), PERSONAL).text == around.format("[PHONE]")


@cases(
    ("+34612345678,+34600123456", "[PHONE],[PHONE]"),
    ("08-123 45 67 eller 070-1234567", "[PHONE] eller [PHONE]"),
    ("call 5551234567", "call [PHONE]"),
    ("202 555 0143, 00 33 6 12 34 56 78, 555–123–4567, 070–123 45 67", "[PHONE], [PHONE], [PHONE], [PHONE]"),
    ("my number is 5551234567, mi número es 912345678", "my number is [PHONE], mi número es [PHONE]"),
    ("meine Nummer ist 12345678, mon numéro est le 12345678", "meine Nummer ist [PHONE], mon numéro est le [PHONE]"),
    ("No me han dado el permiso y estoy en el 912345678 por las tardes", "No me han dado el permiso y estoy en el [PHONE] por las tardes"),
    ("612 345 678 – 612 345 679, tel. 612345678–612345679", "[PHONE] – [PHONE], tel. [PHONE]–[PHONE]"),
    *("my order number is 5551234567", "mi número de pedido es 912345678", "El expediente 912345678 no es el que quiero", "912345678"),
    *("order 202 555 0143", "250 300 1200", "600–700 000 personas", "the number is 5551234567", "2020–2024", "2024-03-05–2024-03-07"),
    *("order 0612345678", "pedido 612345678", "ISBN 978-3-16-148410-0", "12.345.678,90", "612 000 000 EUR", "20 000 000 kr", "3 000 000"),
    *("2023 2024 2025", "2024-03-05 14:30:22", "05.03.2024 14:30", "10-10-10", "ring 112", "tracking 1Z999AA10123456784", "5551234567", "3.1415926535897932"),
)  # fmt: skip
def test_phones_beside_each_other_and_what_is_none(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@cases(
    # A placeholder says nothing of the number behind it.
    ("Phone +49 30 1234567, order 12345678", "Phone [PHONE], order 12345678"),
    ("+49 30 1234567, order 12345678 is late", "[PHONE], order 12345678 is late"),
    ("Tel. 0171/1234567, Kundennr. 12345678", "Tel. [PHONE], Kundennr. 12345678"),
    ("+34 612 345 678, pedido 12345678", "[PHONE], pedido 12345678"),
    ("06 12 34 56 78, facture 1234567", "[PHONE], facture 1234567"),
    ("070-123 45 67, fakturanummer 12345678", "[PHONE], fakturanummer 12345678"),
    ("My number is +46 70 123 45 67, invoice 987654321", "My number is [PHONE], invoice 987654321"),
    ("+49 30 1234567 and 12345678", "[PHONE] and 12345678"),
    *("[PHONE] 12345678", "Phone: [PHONE] we paid 12345678", "[EMAIL] or 12345678"),
    # The nearer word counts.
    *("call me about order 12345678", "My mobile contract 12345678", "Handy Kundennummer 12345678", "Appelez pour le dossier 1234567"),
    *("Llámame por el pedido 12345678", "Ring mig om faktura 12345678", "numret på min faktura är 12345678", "Please call. Permit 12345678 is late"),
    ("Order 12345678, call me at 12345678", "Order 12345678, call me at [PHONE]"),
    ("Bestellung 12345678, Tel. 7654321", "Bestellung 12345678, Tel. [PHONE]"),
    ("pedido 12345678, móvil 7654321", "pedido 12345678, móvil [PHONE]"),
    ("commande 12345678, tél. 7654321", "commande 12345678, tél. [PHONE]"),
    ("beställning 12345678, mobil 7654321", "beställning 12345678, mobil [PHONE]"),
    # What is said of a phone goes for a list of them, and whosever it is.
    ("Tel. 1234567, 2345678 und 3456789", "Tel. [PHONE], [PHONE] und [PHONE]"),
    ("Mail/phone: a@b.se, 1234567", "Mail/phone: [EMAIL], [PHONE]"),
    ("Telefon des Kunden: 12345678, Kundentelefon 1234567", "Telefon des Kunden: [PHONE], Kundentelefon [PHONE]"),
    ("The phone number for this account is 202 555 0143", "The phone number for this account is [PHONE]"),
    ("Tel. no. 0171 1234567, teléfono nº 5551234567, ese no, 612 34 56 78", "Tel. no. [PHONE], teléfono nº [PHONE], ese no, [PHONE]"),
)  # fmt: skip
def test_the_nearest_word_says_whether_a_number_is_a_phone(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@cases(
    *("The meter reads 707510428 today", "part 699123456", "707510428", "Das Konto 612345678 ist nicht da", "Jag har 612345678 här"),
    *("We paid 633 880 107 in all", "El contador marca 707510428 hoy en la calle y no es verdad"),
    ("Mi vecino está en el 612345678 por las tardes y quiere la licencia", "Mi vecino está en el [PHONE] por las tardes y quiere la licencia"),
    ("Call me on 612345678, you can reach us at 712345678", "Call me on [PHONE], you can reach us at [PHONE]"),
    ("Nås på 612345678, erreichbar unter 612345679", "Nås på [PHONE], erreichbar unter [PHONE]"),
    ("I am at 633 880 107 today, my permit, 633 880 108", "I am at [PHONE] today, my permit, [PHONE]"),
)  # fmt: skip
def test_nine_digits_are_a_phone_in_spanish_or_where_a_word_says_so(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@cases(
    ("IBANDE89370400440532013000", "IBAN[IBAN]"),
    ("SE45.5000.0000.0583.9825.7466", "[IBAN]"),
    ("DE89  3704 0044 0532 0130 00 and more", "[IBAN] and more"),
    ("mt84malt011000012345mtlcast001s", "[IBAN]"),
    ("DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111", "[IBAN], [CARD]"),
    ("4111 1111 1111 1111 12/26 123", "[CARD] 12/26 123"),
    ("12 4111 1111 1111 1111", "12 [CARD]"),
    ("4111.1111.1111.1111", "[CARD]"),
    ("4111  1111  1111  1111", "[CARD]"),
    ("Visa4111111111111111", "Visa[CARD]"),
    ("5018 0000 0009", "[CARD]"),
    ("4111–1111–1111–1111", "[CARD]"),
    ("4111 1111 1111 1111 5500 0000 0000 0004", "[CARD] [CARD]"),
    *("1234 5678 9012 3456", "5018 0000 0009 1234"),  # a part of another number
    ("DE89–3704–0044–0532–0130–00", "[IBAN]"),
    # an account whose check digits are wrong, or that is cut off, holds no card and no phone
    *("IBAN ES07 3079 8683 0784 8531 9413", "IBAN SE24 2515 6694 5435 6128 06", "IBAN DE18-4778-8354-4075-5438", "FR06 2187 5707 6811 1131 4150 307"),
    *("IBAN NL84 ABNA 0800 1255 78", "DE26 3022 9013 4338 8689 bitte"),
    ("DE57 5678 1840 0408 1702 49 4111 1111 1111 1111", "DE57 5678 1840 0408 1702 49 [CARD]"),
    ("DE57 5678 1840 0408 1702 49, Tel. 0171 1234567", "DE57 5678 1840 0408 1702 49, Tel. [PHONE]"),
    *(("NO4111111111111111", "NO[CARD]"), ("my card is de 4111 1111 1111 1111", "my card is de [CARD]")),
    *("DE88 3704 0044 0532 0130 00", "XX89 3704 0044 0532 0130 00", "4111111111111112", "0000 0000 0000 0000", "0.4111111111111111", "1234567890123456"),
)  # fmt: skip
def test_accounts_and_cards(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@cases(
    ("192.168.1.1:8080, 10.0.0.0/24 and http://10.1.2.3/x", "[IP]:8080, [IP]/24 and http://[IP]/x"),
    ("2001:db8::1, [fe80::a00:27ff:fe4e:66a1]:443, ::1, fe80::1%eth0", "[IP], [[IP]]:443, [IP], [IP]%eth0"),
    ("::ffff:192.0.2.1", "[IP]"),
    ("2001:0db8:85a3:0000:0000:8a2e:0370:7334.", "[IP]."),
    *(
        "256.1.1.1",
        "1.2.3.4.5",
        "version 1.2.3.4",
        "v1.2.3.4",
        "section 1.2.3.4",
        "§ 1.2.3.4",
        "192.168.001.001",
        "de:ad:be:ef:00:01",
        "10:30:15",
    ),
    *("std::vector", "a::1", "::", "1:2:3"),
)
def test_addresses_of_machines(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


@cases(
    ("DNI 12.345.678-Z, NIE X-1234567-L", "DNI [ES_DNI], NIE [ES_DNI]"),
    ("19880320-0016, 880320-0016, 8803200016, 880320+0016", ", ".join(["[SE_PERSONNUMMER]"] * 4)),
    ("2 95 10 99 126 111 93", "[FR_NIR]"),
    ("AB 12 34 56 C", "[GB_NINO]"),
    (
        "personnummer 811228 9874, Personnr: 19811228 9874",
        "personnummer [SE_PERSONNUMMER], Personnr: [SE_PERSONNUMMER]",
    ),
    ("811228–9874, 123–45–6789, 12345678–Z", "[SE_PERSONNUMMER], [US_SSN], [ES_DNI]"),
    ("NIR 1850578006084 91", "NIR [FR_NIR]"),
    *("ordernummer 811228 9874", "811228 9874", "NIR 1850578006084 36"),
    *("12345678A", "000-12-3456", "QQ123456C", "880332-0016"),
)
def test_national_numbers(raw, wanted):
    assert clean(raw, PERSONAL).text == wanted


def test_a_number_with_a_wrong_kind_is_told():
    bsn = NationalId("nl_bsn", "BSN", re.compile(r"\d{9}"), lambda digits: True, "test", least_digits=9)
    assert prepare(PERSONAL, national_ids=[bsn]).clean("12345678 123456789").text == "12345678 [NL_BSN]"
    with pytest.raises(CleaningInputError, match="no national id 'nl_bsn'"):
        prepare(PERSONAL, national_ids=["nl_bsn"])
