"""Dates and times: what is read, what is noted and left."""

import pytest

from annotation.cleaning import clean, prepare
from tests.annotation.cleaning_cases import cases


@cases(
    *[(written, "2024-03-05") for written in (
        *("5 March 2024", "5th of March 2024", "March 5th, 2024", "Mar 5 2024", "05-Mar-2024", "2024/03/05", "2024.03.05", "2024-3-5"),
        *("5 de marzo de 2024", "5 de marzo del 2024", "5 mar. 2024", "5. März 2024", "5. Mrz. 2024", "5 mars 2024", "5.3.2024", "05.03.2024"),
    )],
    *[(written, "2024-03-25") for written in ("25/3/2024", "3/25/2024", "25-03-2024", "25.3.2024")],
    ("1er avril 2024, 7 sept. 2023", "2024-04-01, 2023-09-07"),
    ("3 déc. 2023, 1 ene 2024, 1. Okt. 2024, 9 maj 2024", "2023-12-03, 2024-01-01, 2024-10-01, 2024-05-09"),
    *[(written, "2024-03-05T14:30:00") for written in (
        *("Mar  5 14:30:00 2024", "05/Mar/2024:14:30:00", "20240305T143000", "2024-03-05 14:30:00", "14:30:00 on March 5, 2024"),
        *("5. März 2024 14:30:00 Uhr", "14:30:00, 5 de marzo de 2024"),
    )],
    *[(written, "2024-03-05T14:00") for written in (
        *("5 March 2024, 2 pm", "2 PM on 5 March 2024", "5. März 2024 um 14 Uhr", "5 mars 2024 à 14h", "5 mars 2024 kl. 14", "5 mars 2024 à 14 h 00"),
    )],
    *[(written, "2024-03-25T14:30") for written in (
        *("2024-03-25 14:30", "25/3/2024, 14:30", "March 25, 2024 at 2:30 PM", "25 March 2024 2:30 p.m.", "25.3.2024 um 14:30 Uhr"),
        *("25.3.2024, 14.30 Uhr", "25 mars 2024 à 14h30", "25 de marzo de 2024 a las 14:30", "25 mars 2024 kl. 14.30", "2024-03-25T14:30"),
    )],
    ("5 March 2024 12:05 a.m.", "2024-03-05T00:05"),
    ("2024-03-05 14:30:15.123 +0100", "2024-03-05T14:30:15.123+01:00"),
    ("Tue, 5 Mar 2024 14:30:00 -0330", "Tue, 2024-03-05T14:30:00-03:30"),
    ("5 March 2024 14:30 CET, 2024-07-01 10:00 UTC", "2024-03-05T14:30+01:00, 2024-07-01T10:00Z"),
    ("25/3/2024 10.50 EUR", "2024-03-25 10.50 EUR"),
    *("31/02/2024", "29 février 2023", "45/12/2024", "1.2.3", "1.2.24", "12/2024", "10:30", "20240305", "v2024.03.05", "12345-03-05"),
    *("`5 March 2024`", "https://x.org/2024/03/05/a", "data/2024/03/05.csv", "2024-03-05T14:30:00Z"),
    ("14:30 2024-03-05 15:00", "14:30 2024-03-05T15:00"),  # a date has one time
    *("5 Monkeys 2024", "order 5.3.2024-17", "room 12, 5/3", "5 March", "March 2024", "el 5 de marzo a las 10", "5-7 March 2024"),
    ("5 March 2024 9:00–14:30, 2024-03-05 10:00-05:00", "2024-03-05T09:00–14:30, 2024-03-05T10:00-05:00"),
    ("5/3/2024 to 25/3/2024", "5/3/2024 to 2024-03-25"),
    ("Mon Mar  5 14:30:00 CET 2024", "Mon 2024-03-05T14:30:00+01:00"),
    ("05/Mar/2024:14:30:00 +0100", "2024-03-05T14:30:00+01:00"),
    ("20240305T143000Z", "2024-03-05T14:30:00Z"),
    ("2024-03-05 14:30 (GMT+2), 5 March 2024 14:30 Europe/Madrid", "2024-03-05T14:30+02:00, 2024-03-05T14:30+01:00"),
    ("2024-03-05 14:30 UTC+5:30, 5 March 2024 14:30 GMT-3", "2024-03-05T14:30+05:30, 2024-03-05T14:30-03:00"),
    ("2:30 p.m. EST on March 5, 2024, le 5 mars 2024 à 14 heures", "2024-03-05T14:30-05:00, le 2024-03-05T14:00"),
    ("[2024-03-05 14:30:00,123] tel 05 03 2024", "[2024-03-05T14:30:00.123] tel 05 03 2024"),
    *("0/3/2024", "13/13/2024", "2023/24", "10/2024", "2024-25", "5 mars 2024-7 mars 2024", "12.5.2024.3", "240305"),
    *[(written, "2024-03-05T14:30") for written in (
        *("5 de marzo de 2024 a las 2:30 p. m.", "5 de marzo de 2024 a las 2:30 p.\u00a0m.", "5 de marzo de 2024 a las 2:30 de la tarde"),
        *("March 5, 2024 at 2:30 in the afternoon", "5. März 2024 um 2:30 Uhr nachmittags", "5 mars 2024 à 2h30 de l'après-midi"),
        *("5 mars 2024 kl. 2.30 på eftermiddagen", "2:30 de la tarde del 5 de marzo de 2024", "2:30 in the afternoon on 5 March 2024"),
        "5. März 2024 um 14:30 Uhr nachmittags",
    )],
    ("5 March 2024 at 2 at night, 5 mars 2024 à 2 heures du matin", "2024-03-05T02:00, 2024-03-05T02:00"),
    ("5 March 2024 at 11 at night, 5. März 2024 um 7 Uhr abends", "2024-03-05T23:00, 2024-03-05T19:00"),
    ("5 March 2024 at 12 noon, 5 March 2024 at 10:30 in the morning", "2024-03-05T12:00, 2024-03-05T10:30"),
    ("Good evening, on 5 March 2024 at 7:30", "Good evening, on 2024-03-05T07:30"),
    ("On 5 March 2024 at 10:30 I saw it, later at 2 pm too", "On 2024-03-05T10:30 I saw it, later at 2 pm too"),
    ("between 10:00 and 12:00 on 5 March 2024, not at 12:00 on 6 March 2024", "between 10:00 and 12:00 on 2024-03-05, not at 2024-03-06T12:00"),
    ("zwischen 10 und 12 Uhr am 5. März 2024", "zwischen 10 und 12 Uhr am 2024-03-05"),
    ("entre las 10:00 y las 12:00 del 5 de marzo de 2024", "entre las 10:00 y las 12:00 del 2024-03-05"),
    ("10:00–12:00 le 5 mars 2024", "10:00–12:00 le 2024-03-05"),
    ("mellan 10:00 och 12:00 den 5 mars 2024", "mellan 10:00 och 12:00 den 2024-03-05"),
    ("half past 2 pm on March 5, 2024; moved to 2 pm on March 5, 2024", "half past 2 pm on 2024-03-05; moved to 2024-03-05T14:00"),
    ("version of 10.11.2023, Version vom 10.11.2023", "version of 2023-11-10, Version vom 2023-11-10"),
    ("la inversión 10.11.2023", "la inversión 2023-11-10"),
    ("Jag sökte 5/3 2024 och 7/3-2024 och det var inte klart", "Jag sökte 2024-03-05 och 2024-03-07 och det var inte klart"),
    *("we sent 5/3 2024 of them and it is here", "5/3-24"),
    ("Received: Tue, 05 Mar 2024 14:30:00 +0000 (UTC)", "Received: Tue, 2024-03-05T14:30:00Z (UTC)"),
)  # fmt: skip
def test_timestamps(raw, wanted):
    assert clean(raw, ["timestamps"]).text == wanted


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        *(("03/04/2024", "day/month"), ("14:30 03-04-2024", "day/month"), ("03/04/2024 2 pm", "day/month")),
        *((raw, "two digits") for raw in ("5/3/24", "3/25/24 14:30", "05.03.24", "05-03-24", "5 Mar 24", "March 5, 24", "05-Mar-24", "5 Mar '24")),
        *(("31/02/2024", "no such day"), ("2024-13-05", "no such day"), ("29 février 2023", "no such day")),
        *(("5 March 2024 at 12:30 in the morning", "either half"), ("5 de marzo de 2024 a las 12 de la noche", "either half")),
        *(("2024-03-05 10:00+25:00", "no zone"), ("2024-03-05 9:00-11:00", "span of hours"), ("5 March 2024 14:30 IST", "several zones"), ("5 March 2024 14:30 Mars/Olympus", "no time zone")),
    ],
)  # fmt: skip
def test_what_has_two_readings_is_noted_and_left(raw, reason):
    result = clean(f"It was {raw}.", ["timestamps"])
    assert result.text == f"It was {raw}." and result.edits == ()
    assert [(note.start, note.text) for note in result.notes] == [(7, raw)] and reason in result.notes[0].reason


@pytest.mark.parametrize(
    "raw",
    [
        *("on the evening of 5 March 2024 at 7:30", "kvällen den 5 mars 2024 kl. 7.30", "am Abend des 5. März 2024 um 7:30 Uhr"),
        *("March 5, 2024 at 2:30 to 3:30 pm", "5 March 2024 2:00–4:30 p. m.", "le 5 mars 2024 à 14 heures et demie", "5 March 2024 at 7:30, in the evening", "esa noche del 5 de marzo de 2024 a las 10:30"),
    ],
)  # fmt: skip
def test_a_time_that_what_stands_beside_may_change_is_noted_and_left(raw):
    result = clean(raw, ["timestamps"])
    assert result.text == raw and "may change it" in result.notes[0].reason


@pytest.mark.parametrize(
    "raw",
    ["We updated to version 10.11.2023 of the app", "build 2024.03.05", "La versión es 10.11.2023", "versionsnummer: 1.2.2024", "release 25/3/2024"],
)  # fmt: skip
def test_what_may_be_a_version_is_noted_and_left(raw):
    result = clean(raw, ["timestamps"])
    assert result.text == raw and "version" in result.notes[0].reason


def test_only_in_swedish_em_and_fm_are_parts_of_the_day_and_a_slash_stands_before_a_year_apart():
    swedish = "Jag kom den 5 mars 2024 kl. 2.30 em och det var inte öppet"
    assert clean(swedish, ["timestamps"]).text == "Jag kom den 2024-03-05T14:30 och det var inte öppet"
    assert clean("On 5 March 2024 10:00 FM radio was not there", ["timestamps"]).edits == ()
    noted = clean("Jag sökte 5/3-24 och det var inte klart", ["timestamps"])
    assert noted.edits == () and "two digits" in noted.notes[0].reason


def test_the_day_order_is_given_or_that_of_the_language():
    assert clean("03/04/2024", ["timestamps"], day_order="dmy").text == "2024-04-03"
    assert clean("03/04/2024", ["timestamps"], day_order="mdy").text == "2024-03-04"
    german = "Mein Termin war am 03/04/2024 und nicht am 5/6/2024"
    assert clean(german, ["timestamps"]).text == "Mein Termin war am 2024-04-03 und nicht am 2024-06-05"
    assert clean("03/04/2024", ["timestamps"], language="fr").text == "2024-04-03"
    assert clean("3/25/2024", ["timestamps"], language="es").text == "2024-03-25"  # the only reading that there is


@pytest.mark.parametrize(
    "raw", ["5 to 7 March 2024", "5. - 7. März 2024", "del 5 al 7 de marzo de 2024", "March 5 and March 7, 2024", "5 mars till 7 mars 2024", "5.3. bis 7.3.2024", "15/3 - 17/3/2024"]
)  # fmt: skip
def test_the_end_of_a_span_is_left_since_its_beginning_has_the_month_from_it(raw):
    result = clean(raw, ["timestamps"])
    assert result.text == raw and "span" in result.notes[0].reason


def test_in_german_a_year_of_two_digits_is_noted_and_in_english_it_may_be_a_version():
    assert clean("der Termin war am 5.3.24 und nicht am Montag", ["timestamps"]).notes[0].text == "5.3.24"
    assert clean("the version is 5.3.24 and not the other", ["timestamps"]).notes == ()


def test_a_zone_is_added_where_the_clock_shows_that_time_once():
    recipe = prepare(["timestamps"], zone="Europe/Madrid")
    assert recipe.clean("2024-07-01 02:30").text == "2024-07-01T02:30+02:00"
    assert recipe.clean("2024-07-01 02:30Z").text == "2024-07-01T02:30Z"
    for changed in ("2024-03-31 02:30", "2024-10-27 02:30"):  # skipped; twice
        result = recipe.clean(changed)
        assert result.text == changed and "clock changed" in result.notes[0].reason


def test_digits_of_other_scripts_are_no_crash():
    for raw in ("2024-03-05 14:3٣", "٢٠٢٤-03-05", "5.3.٢٠٢٤", "1٢,5 kg", "٠612345678"):
        assert clean(raw, ["timestamps", "numbers", "personal_data"]).text
