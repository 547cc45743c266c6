"""Which encoding a file is in, where nothing but its letters tells: few of them or many, in CSV and in JSON Lines."""

import json
import random

import pytest

from annotation.formats import Row, read
from annotation.formats.letters import latin_encoding

SENTENCES = {
    "en": ("The café on the corner is loud", "It costs £20 – far too much", "She said “no” and left…", "Is the naïve answer right?"),
    "es": (
        "La farola está rota en la calle Núñez", "¿Cuándo la arreglarán?", "El contenedor está lleno otra vez",
        "Señor, la acera está levantada", "¡Gracias por su atención!", "Hay una avería en el semáforo del cruce",
        "Necesito información sobre el pingüino del parque",
    ),
    "de": (
        "Die Straßenlaterne ist seit März kaputt", "Der Müll wurde nicht abgeholt", "Grüße aus Köln und schönes Wochenende",
        "Große Schlaglöcher in der Mühlenstraße", "Wann öffnet das Bürgerbüro?", "Das Wasser läuft über die Straße",
    ),
    "fr": (
        "Le lampadaire est cassé près de l'école", "Où est passé le camion poubelle ?", "Ça fait déjà deux semaines",
        "La chaussée est abîmée à côté de la mairie", "Il y a des dépôts sauvages sur le trottoir", "Un nœud de câbles gêne le passage",
        "Bientôt Noël, et rien n'a été réglé là-bas",
    ),
    "sv": (
        "Gatlampan är trasig på Åsgatan sedan i måndags", "Soporna har inte hämtats på två veckor", "Jag vill anmäla ett hål i vägen",
        "Det ligger snö på gångbanan och det är halt", "När öppnar återvinningen på lördag?", "Räkningen är fel, jag har redan betalat för januari",
    ),
    "pt": (
        "A iluminação da rua não funciona há três dias", "O lixo não foi recolhido", "A calçada está partida", "Às vezes falta água à noite",
        "As informações são pouco claras", "Obrigado pela atenção, já não é preciso", "O ônibus não pára no sítio",
    ),
    "fi": (
        "Tiessä on iso reikä ja se on vaarallinen yöllä", "Roskia ei ole haettu kahteen viikkoon, miksi näin", "Pyörätie pitäisi aurata",
        "Mistä saan uuden avaimen pesutupaan, äiti kysyy", "Vesi on ollut poikki eilisestä lähtien",
    ),
    "da": (
        "Gadelygten er gået i stykker på Østerbrogade", "Der er et stort hul i vejen ved skolen på Åvej", "Hvornår åbner genbrugspladsen på lørdag",
        "Jeg har prøvet at ringe hele formiddagen", "Bænken på legepladsen er ødelagt", "Hvordan søger jeg om byggetilladelse?",
    ),
    "nl": (
        "De straatverlichting in België is kapot", "Eén lantaarn knippert, de andere zijn stuk", "De coördinatie met de gemeente faalt",
        "Hij is geïnteresseerd in een vergunning", "Alle ideeën zijn welkom", "Wij hebben twee zeeën van tijd",
    ),
    "pl": (
        "Latarnia na ulicy Łąkowej nie świeci", "Śmieci nie zostały odebrane od tygodni", "Proszę o naprawę chodnika przed szkołą",
        "Kiedy będzie czynny urząd?", "W jezdni jest duża dziura, która zagraża rowerzystom", "Dziękuję za odpowiedź i życzę miłego dnia",
    ),
    "cs": (
        "Pouliční osvětlení nesvítí už týden", "Popelnice nebyly vyvezeny, prosím o nápravu", "Na chodníku je velká díra",
        "Kdy bude otevřen sběrný dvůr?", "Děkuji za rychlou odpověď a přeji hezký den", "Žádám o povolení ke stavbě plotu u domu",
    ),
    "hu": (
        "Az utcai lámpa hétfő óta nem működik", "A szemetet két hete nem vitték el", "Kérem, javítsák meg a járdát az iskola előtt",
        "Mikor lesz nyitva az ügyfélszolgálat?", "Köszönöm a gyors választ, üdvözlettel", "Nagy kátyú van az úttest közepén, a fűtőmű előtt",
    ),
    "ru": (
        "Уличный фонарь не горит с понедельника", "Мусор не вывозили две недели", "Прошу отремонтировать тротуар перед школой",
        "Когда откроется приёмный пункт?", "На дороге большая яма, опасно для велосипедистов",
    ),
    "ja": ("街灯が月曜日からつきません", "ごみが二週間回収されていません", "学校の前の歩道を直してください", "窓口はいつ開きますか"),
    "zh": ("路灯从星期一开始就不亮了", "垃圾已经两个星期没有收了", "请修理学校门前的人行道", "办事处什么时候开门"),
}  # fmt: skip
WRITTEN = [
    *(("cp1252", language) for language in ("en", "es", "de", "fr", "sv", "pt", "fi", "da", "nl")),
    *((encoding, language) for encoding in ("cp1250", "iso8859_2") for language in ("pl", "cs", "hu")),
    *(("mac_roman", language) for language in ("de", "fr", "sv")),
    *(("cp850", language) for language in ("de", "es")),
    *(("cp1251", "ru"), ("cp932", "ja"), ("gb18030", "zh")),
]


def some_text(language, encoding, letters):
    """Sentences drawn until they hold so many letters beyond ASCII."""
    draw = random.Random(f"{language} {encoding} {letters}")
    found, held = [], 0
    while held < letters:
        sentence = draw.choice(SENTENCES[language])
        try:
            sentence.encode(encoding)
        except UnicodeEncodeError:
            continue
        found.append(sentence)
        held += sum(letter > "\x7f" for letter in sentence)
    return found


@pytest.mark.parametrize(
    ("encoding", "language", "letters"),
    [
        (*written, letters)
        for written in WRITTEN
        for letters in (5, 20, 60, 200, 2_000)
        if letters > 5 or written[1] not in ("ja", "zh")  # nine signs may be any of the Far East's
    ],
)
def test_the_letters_of_a_language_tell_the_encoding(tmp_path, encoding, language, letters):
    texts = some_text(language, encoding, letters)
    table, objects = tmp_path / "t.csv", tmp_path / "t.jsonl"
    table.write_bytes("".join(["id;text\n", *(f'{n};"{text}"\n' for n, text in enumerate(texts))]).encode(encoding))
    lines = (json.dumps({"id": n, "text": text}, ensure_ascii=False) + "\n" for n, text in enumerate(texts))
    objects.write_bytes("".join(lines).encode(encoding))
    for path in (table, objects):
        reader = read(path)
        assert [row.values["text"] for row in reader if isinstance(row, Row)] == texts, reader.detected.encoding
        assert "a guess by its letters" in reader.detected.warnings[0]


def test_several_languages_in_one_file_are_read_in_the_encoding_that_they_share(tmp_path):
    path = tmp_path / "t.csv"
    texts = [text for language in ("sv", "fr", "es", "de", "pt", "fi") for text in SENTENCES[language]]
    path.write_bytes("".join(["id;text\n", *(f'{n};"{text}"\n' for n, text in enumerate(texts))]).encode("cp1252"))
    assert [row.values["text"] for row in read(path)] == texts and read(path).detected.encoding == "cp1252"


def test_what_is_no_latin_text_is_left_to_others():
    for sample in (b"", b"plain", "Привет, мир".encode("cp1251"), "街灯が".encode("cp932"), bytes(range(128, 256))):
        assert latin_encoding(sample) is None
