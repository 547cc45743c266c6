"""What belongs to the e-mail rather than to the message: what is quoted, how it ends."""

import pytest

from annotation.cleaning import clean
from annotation.cleaning.closings import closing
from tests.annotation.cleaning_cases import cases

EMAIL = ["quoted_replies", "signatures", "whitespace"]


@pytest.mark.parametrize(
    "line",
    [
        "On Tue, 5 Mar 2024 at 10:00, Ann <a@b.se> wrote:",
        "On Tue, 5 Mar 2024 at 10:00, Ann Mary Longname\n<ann.longname@example.com> wrote:",
        "El mar, 5 mar 2024 a las 10:00, Ana (<a@b.se>) escribió:",
        "Am Di., 5. März 2024 um 10:00 Uhr schrieb Anna <a@b.se>:",
        "Le mar. 5 mars 2024 à 10:00, Anne <a@b.se> a écrit :",
        "Den tis 5 mars 2024 kl 10:00 skrev Anna <a@b.se>:",
        "Am 05.03.2024 um 10:00 schrieb Anna:",
        "-----Original Message-----",
        "-----Mensaje original-----",
        "-----Ursprüngliche Nachricht-----",
        "-----Message d'origine-----",
        "-----Ursprungligt meddelande-----",
        "From: Ann\nSent: Tuesday\nTo: Bob\nSubject: Hi",
        "De: Ana\nEnviado: martes\nPara: Bob\nAsunto: Hola",
        "________________________________\nVon: Anna\nGesendet: Dienstag\nAn: Bob\nBetreff: Hallo",
        "De : Anne\nEnvoyé : mardi\nÀ : Bob\nObjet : Salut",
        "**Från:** Anna\n**Skickat:** tisdag\n**Till:** Bob\n**Ämne:** Hej",
    ],
)
def test_what_stands_below_the_header_of_an_older_message_goes(line):
    for old in ("> old text\n>\n> more\n", "\nold text\nmore"):
        assert clean(f"My answer.\n\n{line}\n{old}", EMAIL).text == "My answer."


@cases(
    ("text\n> q1\nanswer 1\n> > q2\nanswer 2", "text\nanswer 1\nanswer 2"),
    ("On 5 Mar 2024, Ann <a@b.se> wrote:\n> When?\nToday.\n\n> Where?\n\nHere.", "Today.\n\nHere."),
    ("Am 5. März 2024 schrieb Anna:\n> Wann?\nHeute.", "Heute."),
    ("Yes.\n\nAnn <a@b.se> wrote on 5 Mar 2024:\n> old", "Yes."),
    ("Yes.\n\n2024-03-05 10:00 GMT+01:00 Ann <a@b.se>:\n> old\n> > older", "Yes."),
    ("It is done.\nSee here:\n> old", "It is done.\nSee here:"),
    *("> only a quote\n> more", "I run\n>>> print(1)\nand fail", "```\n> echo\n```", "it is\n> 50 m² and so on"),
    "See below\n\n---------- Forwarded message ---------\nFrom: Ann\nDate: x\nSubject: y\nTo: z\n\ncontent",
    "From: Ann\nTo: Bob\nSubject: Hi\n\nthe text",
)
def test_quoted_replies(raw, wanted):
    assert clean(raw, EMAIL).text == wanted


@pytest.mark.parametrize(
    "end",
    [
        *("Best regards", "Kind regards,", "Un saludo,", "Saludos cordiales", "Atentamente,", "Mit freundlichen Grüßen", "Viele Grüße", "MfG"),
        *("Cordialement,", "Bien à vous,", "Med vänliga hälsningar", "Mvh", "Hälsningar,", "-- ", "--", "________"),
        *("Thanks!", "Best,", "Thanks in advance,\n\nBest regards", "Many thanks and kind regards", "Gracias, un saludo", "Muchas gracias de antemano,"),
        *("Danke und viele Grüße", "Vielen Dank im Voraus", "M.f.G.", "Gruß aus Berlin", "Merci d'avance", "Tack för hjälpen!", "Vänligen"),
        *("Med vänlig hälsning / Best regards", "Sincerely yours,", "Mit besten Grüßen,", "Un abrazo", "Salutations distinguées", "Hjärtliga hälsningar"),
        "Veuillez agréer, Madame, Monsieur, l'expression de mes salutations distinguées.",
        "Je vous prie d'agréer, Madame, Monsieur, l'expression de mes salutations distinguées.",
        "Dans l'attente de votre réponse, je vous prie d'agréer, Madame, Monsieur, l'expression de mes sentiments distingués.",
        "Nous vous prions d'agréer, Monsieur,\nl'expression de nos salutations distinguées.",
        "Je vous prie de croire, Madame, à l'assurance de ma considération distinguée.",
        *("Recevez, Monsieur, mes salutations distinguées", "Sin otro particular, le saluda atentamente,", "A la espera de su respuesta, reciba un cordial saludo"),
    ],
)  # fmt: skip
def test_a_signature_goes_with_what_stands_below_it(end):
    assert clean(f"The text.\n\n{end}\nAnna Smith\nManager | ACME\n+46 70 123 45 67", EMAIL).text == "The text."


@pytest.mark.parametrize(
    "line",
    [
        *("Sent from my Samsung Galaxy smartphone.\n\nGet Outlook for Android", "Von meinem Samsung Galaxy gesendet.", "Sent with Proton Mail"),
        *("Sent from my iPhone", "Enviado desde mi iPhone", "Von meinem iPhone gesendet", "Gesendet von meinem iPhone", "Envoyé de mon iPhone"),
        *("Skickat från min iPhone", "This message is confidential. " * 9, "Este mensaje es confidencial. " * 9),
        *("Diese E-Mail ist vertraulich. " * 9, "Ce message est confidentiel. " * 9, "Detta meddelande är konfidentiellt. " * 9),
    ],
)  # fmt: skip
def test_advertisements_of_mail_programs_and_notices_go(line):
    assert clean(f"The text.\n\n{line}", EMAIL).text == "The text."


@cases(
    *(
        "Best regards to your mother.\nThe rest",
        "a table\n--\nb\n--\nc",
        "Best regards",
        "Hi\nSincerely\nAnn\n\nAnd can you call?",
        "Sent via post on Monday\nand not here",
    ),
    ("Text.\n\nThanks, Ann", "Text."),
    ("Text.\n\nMvh Anna Berg", "Text."),
    (
        "Text.\n-- \nAnn\nlife is what happens while you are busy",
        "Text.",
    ),  # RFC 3676: with the space it is no other thing
    ("Text.\n\nBest regards\nAnn\n\nPlease consider the environment before printing this email.", "Text."),
    *(
        "Thanks, Ann.\nI have one more",
        "Hi\nThanks\nI need a permit and wait",
        "Thanks\nAnn\n\nPS: it is number 12",
        "One.\n____\nTwo and three",
    ),
    *(
        "Text.\n\nBest regards\nAnn\nI forgot to say that it is red",
        "Text\n--\nlife is what happens while you are busy",
    ),
    *(
        (f"Jag vill ha svar på det.\n{end}", "Jag vill ha svar på det.")
        for end in ("\n/Anna", "// Anna Berg", "Mvh\n/Anna", "Tack!\n/Anna")
    ),
    *(
        "Jag kommer inte åt sidan:\n/Admin",
        "Jag vill ha svar på det här\n/Admin",
        "Gå till den här.\n/Admin\noch sedan vidare",
        "I want it to be there.\n/Anna",
    ),
    *(
        "Le texte est là.\n\nNos sentiments sont partagés.",
        "Le texte est là.\n\nVeuillez accepter",
        "Le texte.\n\nL'expression de nos vœux est là",
    ),
    "Le texte.\n\nJe vous prie d'agréer ma demande de permis et mes excuses pour le retard.\nJean Dupont",
    "One.\n\nBest regards\nAnn\n\nTwo.\n\nBest regards\nBob",
    "Sincerely\n\nand this is a long line that is not part of a signature, since it goes on and on and on and on",
)
def test_signatures(raw, wanted):
    assert clean(raw, EMAIL).text == wanted


@pytest.mark.parametrize(
    "line",
    ["Regards your application", "Sincerely I think", "All the best with that", "Best practice is this", "Saludos a todos", "Viele Leute", "Med det sagt", "Thanks Ann", "Mit Kind"],
)  # fmt: skip
def test_a_sentence_that_begins_as_a_closing_formula_does_is_none(line):
    assert closing(line) is None
