"""Words: abbreviations, typing errors, and the language that both hang on."""

import pytest

from annotation.cleaning import clean, prepare
from annotation.cleaning.slips import correction, slip
from annotation.cleaning.text import Text
from annotation.cleaning.vocabulary import SERVED, zipf
from annotation.cleaning.wordlists import pairs
from tests.annotation.cleaning_cases import cases


# ---------------------------------------------------------------------------------------------------- abbreviations
@cases(
    ("Please send it asap to my house", "Please send it as soon as possible to my house"),
    ("ASAP please, it is my card. Pls do", "as soon as possible please, it is my card. Please do"),
    ("I need it e.g. today, i. e. now", "I need it for example today, that is now"),
    (
        "Das ist z. B. so und nicht anders, bzw. so usw.",
        "Das ist zum Beispiel so und nicht anders, beziehungsweise so und so weiter.",
    ),
    ("Envoyez le dossier svp merci", "Envoyez le dossier s'il vous plaît merci"),
    ("Jag vill ha bygglov dvs. nu", "Jag vill ha bygglov det vill säga nu"),
    ("necesito la licencia p.ej. de obras", "necesito la licencia por ejemplo de obras"),
    *(
        "this is an ABT contract of the city",
        "`asap` is my word for it",
        "asap@x.org is my mail for it",
        "asap",
        "the asap-list is here for you",
    ),
    # a name, a title, a noun
    *("mein Name ist Max. Ich habe eine Frage und das ist es", "Viele Grüße und das ist nicht alles\nMax.", "Ich bin MAX. Das ist nicht alles"),
    *("My friend Eta is here and that is it", "my friend is here and Msg is not the word"),
    ("Max. 5 Personen und nicht max. 6", "Maximal 5 Personen und nicht maximal 6"),
    ("Btw, it is my card. Btw it is not here", "By the way, it is my card. By the way it is not here"),
    ("Bzgl. Ihrer Rechnung ist das nicht so", "Bezüglich Ihrer Rechnung ist das nicht so"),
    # the full stop of a sentence
    ("Wir haben Äpfel usw. Danach ist das nicht so", "Wir haben Äpfel und so weiter. Danach ist das nicht so"),
    ("the Planning Dept. It is not open", "the Planning Department. It is not open"),
    ("Gracias a Uds. El permiso no es lo que quiero", "Gracias a Ustedes. El permiso no es lo que quiero"),
    ("Det är m.m. Jag vill inte ha det", "Det är med mera. Jag vill inte ha det"),
    ("Das ist z. B. Die Zeit und nicht der Spiegel", "Das ist zum Beispiel Die Zeit und nicht der Spiegel"),
    ("please call the dept. Monday is not good", "please call the department Monday is not good"),
    ("Das kostet nicht viel inkl.\nVersand und das ist es", "Das kostet nicht viel inklusive\nVersand und das ist es"),
    # units, keys, columns, letters
    *("Tengo un disco duro de 2 tb y no me funciona", "le délai est de 10 ns et le courant est de 12 V dc", "the year is 300 bc and it is old"),
    *("La opción q del menú no es la que quiero", "pulsa q para salir y no es así", "fill the rn field and it is not there"),
    *("The Greek letter eta is not the one", "set eta = 0.1 for the model and it is fine", "la pr est prête et c'est dans le dépôt"),
    *("je passe av. midi et c'est bien pour la ville", "je passe av. de partir et c'est bien pour la ville"),
    ("yo tb creo q no es la licencia", "yo también creo que no es la licencia"),
    ("what is the eta of the card? I need it rn, bc it is mine", "what is the estimated time of arrival of the card? I need it right now, because it is mine"),
    ("je viens ds la rue pr le rdv et c'est bien", "je viens dans la rue pour le rendez-vous et c'est bien"),
    ("Il est au 12 av. de la République et pas au 5 av. Foch", "Il est au 12 avenue de la République et pas au 5 avenue Foch"),
    ("dans les années 50 av. J.-C. Le monde est là et pas plus", "dans les années 50 avant Jésus-Christ. Le monde est là et pas plus"),
)  # fmt: skip
def test_abbreviations(raw, wanted):
    assert clean(raw, ["abbreviations"]).text == wanted


def test_a_glossary_of_ones_own():
    recipe = prepare(
        ["abbreviations"], glossary={"VPN": "virtual private network (VPN)", "KA": "supervisor", "R & D": "research"}
    )
    assert recipe.clean("our VPN is down").text == "our virtual private network (VPN) is down"
    assert recipe.clean("our virtual private network (VPN) is down").edits == ()
    assert recipe.clean("vpn, KA? R&D").text == "vpn, supervisor? research"
    assert clean("send it asap to the house", ["abbreviations"], built_in=False).edits == ()
    own = prepare(["abbreviations"], glossary={"tb": "terabytes", "ka.": "supervisor"})
    assert (
        own.clean("my disk has 2 tb and the Ka. is not here").text
        == "my disk has 2 terabytes and the Supervisor is not here"
    )


# ------------------------------------------------------------------------------------------------------------ typos
@cases(
    ("I recieved the card. Recieved it", "I received the card. Received it"),
    ("my requirments are not clear, I didn't recieve it", "my requirements are not clear, I didn't receive it"),
    ("my adress is here", "my address is here"),
    ("Please chekc the attachement and let me knwo", "Please check the attachment and let me know"),
    ("I cant acces my acount since yesterday, plese help", "I can't access my account since yesterday, please help"),
    ("Teh pasword dosnt work for me", "The password doesn't work for me"),
    *(
        "we use Terrafrom and Ansibel in prod",
        "the function recieve() is defnied_in main",
        "please send the schadenfreude zeitgeist to me",
    ),
    *(
        "the kubectl apply of nginx with systemctl is slow",
        "das Kubernetes-Cluster und der Loadbalancer sind nicht da",
        "the colour and the color are grey or gray",
    ),
    *(
        "I live in Goteborg and work with Bjorn",
        "mi primo Jhon vive en Cadiz y trabaja en Mercadona",
        "Mein Bruder heisst Grosse und ist nicht da",
    ),
    ("Das ist vieleicht nicht so. Der Wiederspruch ist da", "Das ist vielleicht nicht so. Der Widerspruch ist da"),
    ("je cherche l'addresse, c'est tres interressant", "je cherche l'adresse, c'est très intéressant"),
    ("jag vill ha det tillsamans med dig", "jag vill ha det tillsammans med dig"),
    ("la informacion que necesito tambien", "la información que necesito también"),
    *(
        "my friend Recieve is here",
        "Mr Jonh Smiht has the card",
        "the RECIEVE and iPhoen thing",
        "Angela Merkl has the card",
    ),
    *(
        "run recieve_all() and `recieve` it",
        "see recieve.py for it",
        "https://x.org/recieve is it",
        "recieve@x.org is it",
        "the kubernets cluster is down",
    ),
    *(
        "The word Straße und Vieleicht is German",
        "min adress är här",
        "the fjord and the smorgasbord are here",
        "qwz recieve xqw",
        "recieve",
    ),
    *("Die Baugenehmigungsunterlagen sind beantragtes Zeug", "jag har en stommar och viten"),
    # misspellings that other languages have as words, or that are so frequent that lists of words have them
    ("el numero de mi casa y la averia del semaforo no es lo que ocurrio", "el número de mi casa y la avería del semáforo no es lo que ocurrió"),
    ("apres la reunion de mon ecole, c'est l'electricite", "après la réunion de mon école, c'est l'électricité"),
    ("jag vill inte rekomendera det, det är altid så", "jag vill inte rekommendera det, det är alltid så"),
    ("Wir müsen das schiken, udn das ist nicht bezalt", "Wir müssen das schicken, und das ist nicht bezahlt"),
    ("I beleive that the counsil is here", "I believe that the council is here"),
    *("lo que publico en la calle no es de la empresa que fabrica el plano", "yo practico y termino lo que calculo en la calle"),  # verbs
    *("Il numero di telefono della musica è questo", "O numero do meu telefone não é este, quero a musica"),
    *("el lema numero uno de la musica italiana e de noi", "le groupe the special offer est dans la ville", "je dis the credit card et c'est dans la ville"),
)  # fmt: skip
def test_typos(raw, wanted):
    assert clean(raw, ["typos"]).text == wanted


@pytest.mark.parametrize(
    "code",
    [
        *("SELECT * FROM recieve WHERE the adress = 5 AND it is 1,234.50 EUR", "UPDATE the SET adress = 'teh'", "INSERT INTO recieve VALUES (1, 'teh')"),
        *("select * from recieve where it is", "SELECT the\nFROM recieve\nWHERE the adress = 5\n  AND it is", "DELETE FROM recieve"),
        *("teh = recieve(my, adress)", "const recieve = the", "for (int teh = 0; teh < the; teh++) {", "recieve(teh, adress);", "if teh == recieve:"),
        *('  "recieve": "teh card",', '{"recieve": "teh card"}', "$ git commit -m 'teh adress'", "git commit -m 'teh adress is the'", "from recieve import teh"),
        *('File "x.py", line 5, in recieve', "at com.acme.Adress.teh (Teh.java:12)", "at recieve(Teh.java:12)", "import recieve as teh"),
        *("def recieve (self, teh):", "public static void recieve (teh)", "total += recieve"),
    ],
)  # fmt: skip
def test_a_line_of_code_is_no_prose(code):
    raw = f"I run this in my house and it is not right:\n{code}\nThis is what I recieve for it"
    assert clean(raw, ["typos", "numbers", "abbreviations"]).text == raw.replace("what I recieve", "what I receive")


@pytest.mark.parametrize(
    "prose",
    [
        *("I recieve (often) the card; it is mine", "PLEASE select the recieve from my list", "If I recieve the card: it is good", "- recieve the card (today)"),
        *("let me know what we recieve (now)", "from the import of what I recieve", "public transport recieve the money of the (old) house"),
        *("git does not recieve my card - it is", "if you recieve it (the card): call me", "Please SELECT what I recieve", "import duties that I recieve, and the tax"),
    ],
)  # fmt: skip
def test_prose_with_signs_of_code_is_still_prose(prose):
    assert clean(prose, ["typos"]).text == prose.replace("recieve", "receive")


def test_amounts_beside_a_sign_of_code_are_still_amounts():
    assert (
        clean("Total = 1.234,50 € und das ist nicht so", ["numbers"]).text == "Total = 1234.50 EUR und das ist nicht so"
    )
    assert clean("$ 1,234.50 (half) of it is mine", ["numbers"]).text == "$1234.50 (half) of it is mine"


def test_a_dictionary_and_protected_words():
    recipe = prepare(["typos"], dictionary={"kard": "card"}, protect=["Requirments"])
    assert recipe.clean("the Kard and our requirments").text == "the Card and our requirments"
    assert recipe.clean("kard").text == "card"  # whatever the language
    assert (
        clean("I receive it", ["typos"], dictionary={"receive": "recieve"}).text == "I recieve it"
    )  # the caller's word is the last


def test_slips_leave_first_letters_and_endings():
    kinds = {
        ("permitt", "permit"): "doubled",
        ("usign", "using"): "swapped",
        ("enetered", "entered"): "letter",
        ("currancy", "currency"): "vowel",
        ("telefono", "teléfono"): "accent",
    }
    apart = [
        "hotel motel",
        "cards card",
        "card cards",
        "papel papers",
        "word word",
        "sue use",
        "codes codas",
        "card guard",
    ]
    kinds |= dict.fromkeys(tuple(pair.split()) for pair in apart)
    assert {pair: slip(*pair) for pair in kinds} == kinds
    assert correction("requirments", "en") == "requirements"
    assert correction("thng", "en") is None  # too short
    assert correction("planningwise", "en") is None
    assert correction("foerderung", "de") is None  # Förderung, not Forderung


@pytest.mark.parametrize("language", SERVED)
def test_lists_hold_nothing_that_is_right(language):
    words = zipf(language)
    misspelt = pairs("misspellings", language)
    for wrong, right in misspelt.items():
        assert wrong.isalpha() and wrong == wrong.lower() and wrong != right.lower()
        assert all(part.casefold() in words or "'" in part or "-" in part for part in right.split()), right
        assert not set(right.lower().split()) & misspelt.keys()
        if " " not in right and language not in ("es", "fr"):  # where accents are often left out
            assert words.get(wrong, 0) < words[right.casefold()], wrong
    glossary = pairs("glossaries", language)
    expanded = clean(". ".join(glossary.values()), ["abbreviations"], language=language)
    assert expanded.edits == ()


# --------------------------------------------------------------------------------------------------------- language
@pytest.mark.parametrize(
    ("text", "language"),
    [
        *(("Where is my card?", "en"), ("Mi tarjeta está bloqueada", "es"), ("Mein Konto wurde gesperrt", "de")),
        *(("Ma carte est bloquée", "fr"), ("Mitt kort är spärrat", "sv"), ("Non ho ricevuto la mia carta, cosa devo fare?", None)),
        *(("Eu não recebi o meu cartão e quero saber porquê", None), ("Ik heb mijn pas niet ontvangen, wat moet ik doen?", None)),
        *(("Jeg har ikke modtaget mit kort, hvad skal jeg gøre?", None), ("No he rebut la targeta, què he de fer?", None)),
        *(("Mam problem z kartą płatniczą", None), ("Привет, как дела", None), ("hi", None), ("", None), ("ticket 1234", None)),
    ],
)  # fmt: skip
def test_the_language_is_found_or_not_said(text, language):
    assert Text(text).language == language
    assert clean(text, ["typos"]).language == language


def test_the_language_may_be_given():
    assert clean("recieve", ["typos"], language="en").text == "receive"
    assert clean("x", ["whitespace"]).language is None  # nobody asked
