"""Files in: rightly, or with the row and the reason. Files out: whole or not at all, and nothing lost on the way back."""

import io
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation.formats import FormatError, Row, RowError, describe, names, read, write
from annotation.formats.plain_objects import plain_objects
from annotation.formats.plain_records import plain_records

FREE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file(folder, content, name="tickets.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def values(reader):
    rows = list(reader)
    assert all(isinstance(row, Row) for row in rows), [row for row in rows if isinstance(row, RowError)]
    return [row.values for row in rows]


def errors(reader):
    return [row for row in reader if isinstance(row, RowError)]


def numbers(reader):
    return [row.number for row in reader if isinstance(row, Row)]


# ----------------------------------------------------------------------------------------------------------- registry
def test_the_registry_lists_its_members():
    tables = {"csv", "jsonl", "json", "parquet", "label-studio"}
    assert set(names("read")) == tables | {"argilla"}
    assert set(names("write")) == tables | {"openai-chat", "prompt-completion", "prompt-text", "alpaca", "sharegpt"}
    assert names() == sorted({*names("read"), *names("write")})
    assert all(describe(name) for name in names())
    assert describe() == {name: describe(name) for name in names()}
    with pytest.raises(FormatError, match="no format “xlsx”"):
        describe("xlsx")


def test_the_wrong_direction_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(FormatError, match="can only be written"):
        read(file(tmp_path, "a"), "openai-chat")
    with pytest.raises(FormatError, match="not there"):
        read(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", "a,b\n1,2\n", "csv"),
        ("a.tsv", "a\tb\n1\t2\n", "csv"),
        ("a", "a,b\n1,2\n", "csv"),
        ("a.jsonl", '{"a": 1}\n', "jsonl"),
        ("a.ndjson", '{"a": 1}\n', "jsonl"),
        ("a.json", '[{"a": 1}]', "json"),
        ("a.json", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("upload", '\n {"a": 1}\n', "jsonl"),
        ("upload", b'\xef\xbb\xbf[{"a": 1}]', "json"),
    ],
)
def test_the_format_is_found(tmp_path, name, content, found):
    assert read(file(tmp_path, content, name)).detected.format == found


# ---------------------------------------------------------------------------------------------------- CSV, read rightly
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_is_read_and_kept_inside_values(tmp_path, end, last):
    content = f'text,label{end}one,a{end}"two{end}lines",b{end}{end}three,c' + (end if last else "")
    reader = read(file(tmp_path, content))
    assert values(reader) == [
        {"text": "one", "label": "a"},
        {"text": f"two{end}lines", "label": "b"},
        {"text": "three", "label": "c"},
    ]
    assert numbers(reader) == [2, 3, 6]  # physical lines; the blank one counts


@pytest.mark.parametrize(
    ("encoding", "reported", "bom"),
    [
        ("utf-8", "utf_8", False),
        ("utf-8-sig", "utf_8", True),
        ("utf-16", "utf_16_le", True),
        ("utf-16-le", "utf_16_le", False),
        ("utf-16-be", "utf_16_be", False),
        ("utf-32", "utf_32_le", True),
    ],
)
def test_unicode_encodings_are_found(tmp_path, encoding, reported, bom):
    reader = read(file(tmp_path, "frage,tisch\nFür wen?,größe\nWas kostet das 🙂?,x\n".encode(encoding)))
    assert values(reader)[0] == {"frage": "Für wen?", "tisch": "größe"}
    assert values(reader)[1]["frage"] == "Was kostet das 🙂?"
    assert (reader.detected.encoding, reader.detected.bom) == (reported, bom)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "¿Necesito una licencia para la reforma del baño? Sí, señor – según el “plan”."),
        ("cp1252", "Für die Größe der Fenster benötigen Sie keine Genehmigung, es gelten Maße bis 3 €."),
        ("cp1251", "Нужно ли мне разрешение на строительство забора вокруг участка?"),
        ("cp932", "家を建てるには許可が必要ですか。窓口はどこにありますか。"),
    ],
)
def test_other_encodings_are_guessed_and_the_guess_is_told(tmp_path, encoding, text):
    reader = read(file(tmp_path, f'text,label\n"{text}",a\n'.encode(encoding)))
    assert values(reader) == [{"text": text, "label": "a"}]
    assert "not UTF-8" in reader.detected.warnings[0] and "guess" in reader.detected.warnings[0]


def test_the_first_accent_may_stand_at_the_end_of_a_long_file(tmp_path):
    content = b"text,label\n" + b"plain ascii,a\n" * 200_000 + "señor año,b\n".encode("cp1252")
    reader = read(file(tmp_path, content))
    assert reader.detected.encoding == "cp1252"
    assert [row.values["text"] for row in reader][-1] == "señor año"


def test_a_given_encoding_is_obeyed_and_an_unknown_one_refused(tmp_path):
    path = file(tmp_path, "text,x\n§ año,1\n".encode("mac_roman"))
    assert values(read(path, encoding="mac-roman")) == [{"text": "§ año", "x": "1"}]
    with pytest.raises(FormatError, match="not an encoding we read"):
        read(path, encoding="rot13")
    marked = read(file(tmp_path, "text,x\naño,1\n".encode("utf-8-sig")), encoding="cp1252")
    assert values(marked) == [{"text": "año", "x": "1"}] and "byte order mark" in marked.detected.warnings[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_values_hold_others(tmp_path, delimiter):
    others = " ".join(sign for sign in ",;|" if sign != delimiter)
    content = f"text{delimiter}label\n" + "".join(f"a {others} b{delimiter}x{n}\n" for n in range(5))
    reader = read(file(tmp_path, content))
    assert reader.detected.delimiter == delimiter
    assert values(reader)[4] == {"text": f"a {others} b", "label": "x4"}


def test_relatives_of_csv(tmp_path):
    assert values(read(file(tmp_path, "sep=;\na;b\n1;2\n"))) == [{"a": "1", "b": "2"}]
    assert numbers(read(file(tmp_path, "sep=;\na;b\n1;2\n"))) == [3]
    assert values(read(file(tmp_path, 'a, b\n"x, y", "z, w"\n'))) == [{"a": "x, y", "b": "z, w"}]
    assert values(read(file(tmp_path, 'a,b\n"he said \\"hi\\", then",2\n'))) == [{"a": 'he said "hi", then', "b": "2"}]
    assert values(read(file(tmp_path, "text\nhello\n\nworld\n"))) == [{"text": "hello"}, {"text": "world"}]
    assert values(read(file(tmp_path, "a,b\n1,2,,\n"))) == [{"a": "1", "b": "2"}]  # Excel's empty cells at the end
    assert values(read(file(tmp_path, "1,2\n3,4\n"), columns=["a", "b"])) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


# ------------------------------------------------------------------------------------------------- CSV, broken files
def test_a_ragged_row_is_told_with_its_line_and_likely_cause_and_the_rest_is_read(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"two\nlines",a\nhello, world,b\nalone\nfine,c\n'))
    assert errors(reader) == [
        (4, None, "2 columns were expected, 3 found: a comma inside a value is probably not quoted", "hello, world,b"),
        (
            5,
            None,
            "2 columns were expected, 1 found: a value is missing, or a line break inside a value is not quoted",
            "alone",
        ),
    ]
    assert numbers(reader) == [2, 6]


def test_a_byte_that_is_not_utf8_costs_its_row_and_is_told_with_its_offset(tmp_path):
    content = "text,label\nseñor,a\naño,b\n".encode() + b'"se\xf1or\nx",c\n' + "más,d\n".encode()
    reader = read(file(tmp_path, content))
    (error,) = errors(reader)
    assert (
        error.row == 4 and "byte 0xF1" in error.reason and f"byte {content.index(0xF1):,} of the file" in error.reason
    )
    assert error.raw == '"se\\xf1or\nx",c'
    assert numbers(reader) == [2, 3, 6]
    assert "1 line(s) are not UTF-8" in reader.detected.warnings[0]


def test_nul_is_told_with_its_column(tmp_path):
    reader = read(file(tmp_path, b"text,label\na\0b,x\nfine,y\n"))
    (error,) = errors(reader)
    assert (error.row, error.field) == (2, "text") and "NUL" in error.reason
    assert numbers(reader) == [3]


def test_an_unclosed_quote_costs_its_line_and_no_other(tmp_path):
    reader = read(file(tmp_path, 'text,label\none,a\n"two,b\nthree,c\nfour,d\n'))
    (error,) = errors(reader)
    assert (error.row, error.field, error.raw) == (3, "text", '"two,b') and "never closed" in error.reason
    assert numbers(reader) == [2, 4, 5]


def test_an_unclosed_quote_before_quoted_rows(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"one,a\n"two, too",b\n"three",c\n'))
    assert [error.row for error in errors(reader)] == [2]
    assert numbers(reader) == [3, 4]


def test_a_quote_inside_a_value_is_told(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"say "hi" now",a\nfine,b\n"also, fine",c\n'))
    (error,) = errors(reader)
    assert error.row == 2 and "not doubled" in error.reason
    assert numbers(reader) == [3, 4]


def test_a_stray_quote_is_told_in_files_with_backslashes_too(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"say \\"hi\\", ok",a\n"say "hi" now",b\n"a\\\\",c\n"x\\"y",d\n'))
    (error,) = errors(reader)
    assert error.row == 3 and "not doubled" in error.reason
    assert values([row for row in reader if isinstance(row, Row)])[0] == {"text": 'say "hi", ok', "label": "a"}


def test_many_unclosed_quotes_stay_linear(tmp_path):
    reader = read(file(tmp_path, "text,label\n" + '"open,a\n' * 20_000 + "fine,b\n" * 20_000))
    rows = list(reader)
    assert len(rows) == 40_000 and sum(isinstance(row, RowError) for row in rows) == 20_000


def test_a_quote_that_is_never_closed_in_a_big_file_does_not_fill_memory(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"open,a\n' + "fine and well,b\n" * 50_000), max_record=100_000)
    rows = list(reader)
    assert (
        isinstance(rows[0], RowError)
        and "never closed" in rows[0].reason
        and "within 100,000 characters" in rows[0].reason
    )
    assert len(rows) == 50_001 and all(isinstance(row, Row) for row in rows[1:])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_of_many_megabytes_is_skipped_in_flat_memory(tmp_path, end):
    path = tmp_path / "long.csv"
    with path.open("wb") as out:
        out.write(f"text,label{end}one,a{end}".encode())
        for _ in range(60):
            out.write(b"x" * (1 << 20))
        out.write(f",b{end}two,c{end}".encode())
    reader = read(path, max_record=1 << 20)
    tracemalloc.start()
    rows = list(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    assert [row.number for row in rows if isinstance(row, Row)] == [2, 4]
    (error,) = errors(reader)
    assert error.row == 3 and "longer than 1,048,576 bytes" in error.reason and len(error.raw) <= 100_000


def test_an_open_quote_before_an_over_long_line_costs_two_lines(tmp_path):
    reader = read(file(tmp_path, 'text,label\n"open,a\nfine,b\n' + "x" * 5_000 + ",c\nfine,d\n"), max_record=2_000)
    first, second = errors(reader)
    assert (first.row, second.row) == (2, 4) and "never closed" in first.reason and "longer than" in second.reason
    assert numbers(reader) == [3, 5]


def test_an_over_long_value_is_told_with_its_column(tmp_path):
    reader = read(file(tmp_path, "text,label\n" + "x" * 5_000 + ",a\nfine,b\n"), max_field=4_000)
    (error,) = errors(reader)
    assert (error.row, error.field) == (2, "text") and "5,000 characters long, at most 4,000" in error.reason
    assert numbers(reader) == [3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\r\n  \n", "is empty"),
        (b"text,label,text\na,b,c\n", r'column "text" occurs 2 times in the header \(columns 1, 3\)'),
        (b"text, text\na,b\n", 'column "text" occurs 2 times'),
        (b",,\na,b,c\n", "header has no names"),
        (
            b"text,la\0bel\na,b\n",
            r"name of column 2 in the header, 'la\\x00bel', holds a NUL character \(U\+0000\) at position 3",
        ),
        (b'"text,label\na,b\n', "header on line 1 can't be read"),
        (b"PK\x03\x04rest", "Excel workbook or a zip"),
        (b"\x1f\x8brest", "compressed by gzip"),
        (b"%PDF-1.7", "a PDF"),
        ("text,label\na,b\n".encode("utf-16")[:-1], "breaks off"),
    ],
)
def test_what_concerns_the_whole_file_is_refused_at_once(tmp_path, content, reason):
    with pytest.raises(FormatError, match=reason):
        list(read(file(tmp_path, content)))


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    with pytest.raises(FormatError, match="the column \"label\" is missing; the file has 'text', 'tag'"):
        read(file(tmp_path, "text,tag\na,b\n"), required=["text", "label"])


def test_doubtful_headers_are_warned_of(tmp_path):
    assert "looks like data" in read(file(tmp_path, "12,hello\n13,world\n")).detected.warnings[0]
    unnamed = read(file(tmp_path, ",text\n0,a\n"))
    assert unnamed.detected.columns == ("column 1", "text") and "no name" in unnamed.detected.warnings[0]
    assert "no rows" in read(file(tmp_path, "text,label\n")).detected.warnings[0]


@pytest.mark.parametrize(
    ("above", "line"),
    [("Report of March 2024\n", 2), ("# made by a machine\n# comment\n", 3), ("Report, March 2024\n\n", 3), ("Report;;\n;;\n", 3), ("sep=;\nReport\n", 3)],
)  # fmt: skip
def test_a_header_further_down_is_told(tmp_path, above, line):
    reader = read(file(tmp_path, f"{above}id;text;label\n1;hello;a\n2;bye;b\n"))
    assert f"seems to stand in line {line}," in reader.detected.warnings[-1]


@pytest.mark.parametrize(
    "content",
    [
        *("text\nHello, world\nfoo, bar\n", "question\nWhere, when?\nIs it, or not?\n", "id,text\n1,a\n2,b,c\n3,d\n", "id,text\n1,a,b\n2,b,c\n"),
        *("text\nhello\n", "a,b\n1,2\nname,city\nx,y\n"),
    ],
)  # fmt: skip
def test_a_header_in_its_place_is_not_looked_for_further_down(tmp_path, content):
    assert not any("seems to stand" in warning for warning in read(file(tmp_path, content)).detected.warnings)


@FREE
@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_but_a_format_error(tmp_path, content):
    for name, suffix in (("csv", "csv"), ("jsonl", "jsonl"), ("json", "json"), (None, "txt")):
        try:
            rows = list(read(file(tmp_path, content, f"f.{suffix}"), name))
        except FormatError:
            continue
        assert all(isinstance(row, Row | RowError) for row in rows)


@FREE
@given(st.text(alphabet='ab,;"\n\r\t\\ \0é', max_size=80), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_hand_made_looking_csv_accounts_for_every_line(tmp_path, body, encoding):
    reader = read(file(tmp_path, ("one,two\n" + body).encode(encoding)), delimiter=",")
    for row in reader:
        assert 2 <= (row.number if isinstance(row, Row) else row.row) <= body.count("\n") + body.count("\r") + 2
        if isinstance(row, Row):
            assert list(row.values) == ["one", "two"] and not any("\0" in value for value in row.values.values())
        else:
            assert row.reason


CELLS = st.one_of(
    st.text(alphabet="ab,; é🙂", max_size=6),
    st.sampled_from(
        ['"x"', '""', '"a ""b"" c"', '"two\nlines"', '"two\r\nlines"', '""""', '"', 'a"b', '"a"b', "'\u2060=1", "\0"]
    ),
)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), max_size=12)


@FREE
@given(
    LINES,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["one,two", "one", "one,two,three"]),
    st.integers(1, 60),
)
def test_records_read_at_once_are_what_they_are_one_by_one(tmp_path, lines, end, header, chunk):
    path = file(tmp_path, end.join([header, *lines]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("annotation.formats.byte_blocks._CHUNK", chunk)
        reader = read(path, "csv", delimiter=",", encoding="utf-8")
        at_once = list(reader)
        patched.setattr("annotation.formats.csv_records.plain_records", lambda *block: None)
        patched.setattr("annotation.formats.csv_records._records_ahead", lambda source, dialect: [])
        assert list(reader) == at_once


def test_plain_blocks_are_read_at_once(tmp_path, monkeypatch):
    """The quick way is taken where it can be, over the ends of blocks in the middle of a value, too."""
    monkeypatch.setattr("annotation.formats.byte_blocks._CHUNK", 1000)
    path = tmp_path / "t.csv"
    records = [{"text": f'número {n}, "quoted"\nsecond line', "label": "a" * (n % 7), "n": str(n)} for n in range(500)]
    write(path, "csv", records)
    found = []

    def spied(*block):
        found.append(plain_records(*block))
        return found[-1]

    monkeypatch.setattr("annotation.formats.csv_records.plain_records", spied)
    assert values(read(path)) == records
    assert numbers(read(path)) == list(range(2, 1002, 2))
    assert sum(one is not None for one in found) > 0.8 * len(found) > 20


# ------------------------------------------------------------------------------------------------------- JSON and JSONL
BROKEN_OBJECTS = [
    ('{"a": 1', "not JSON"),
    ("[1, 2]", "a list found"),
    ("5", "a number found"),
    ("null", "null found"),
    ('{"a": 1, "a": 2}', 'key "a" occurs twice'),
    ('{"a": NaN}', "NaN is not a value of JSON"),
    ('{"a": "x\\u0000y"}', "NUL"),
    ('{"a": "x\\ud800y"}', "lone surrogate"),
    ('{"a": {"b": "\\ud800"}}', "lone surrogate"),
    ('{"\\ud800": "x"}', "lone surrogate"),
    ('{"a": 1} {"a": 2}', "something follows"),
    ("[" * 100_000, "nested too deeply"),
    ('{"a": "tab\there"}', "not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN_OBJECTS)
def test_a_broken_line_costs_that_line(tmp_path, line, reason):
    reader = read(file(tmp_path, f'{{"a": "one"}}\n\n{line}\n{{"a": "two"}}\n', "t.jsonl"))
    (error,) = errors(reader)
    assert error.row == 3 and reason in error.reason and error.raw == line[:100_000]
    assert numbers(reader) == [1, 4]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "lines",
    [
        ['{"a": 1},{"b": 2}', '{"c": [{}', "{}]}"],  # three lines, three elements when joined
        ['{"a": 1},{"b": 2}', '{"c": [{"x": 1}', '{"y": 2}]}'],
        ['{"a": [{"b": 1}', '{"b": 2}]}'],
        ['{"a": "}', '{"}'],
        ['{"a": 1}', "", '{"a": 2}'],
        ['{"a": 1}', ' {"a": 2} ', '\t{"a": 3}'],
        ['{"a": "\\""}', '{"a" : "b\\\\", "a" : 2}', '{"a": {"a": 1}}', '{"a": 1.50}'],
        ['{"a": "x\u2028y"}', '{"a": "\\u00e9\\ud83d\\ude00"}'],
        ['{"a": NaN}', '{"b": -Infinity}'],
        ['{"a": 1}{', "}"],
        ['{"a":1,', '"b":2}', '{"c":1},{"d":2}'],
        ['{"a":"x}', '{y"}', '{"c":1} ,{"d":2}'],
        ['{"a":1,"a" :2}', '{"b":":x"}'],
        ['{"a":1,"\\u0061":2}', '{"b":"\\":"}'],
        ['{"a\\\\":1,"a\\\\":2}', '{":":1,"b":":"}'],
    ],
)
def test_lines_read_at_once_are_what_they_are_one_by_one(tmp_path, lines, end, monkeypatch):
    for ending in (end, ""):
        path = file(tmp_path, end.join(lines) + ending, "t.jsonl")
        good = '{"good": 1}' + end
        path.write_bytes(good.encode() + path.read_bytes())
        at_once = list(read(path))
        with monkeypatch.context() as patched:
            patched.setattr("annotation.formats.jsonl.plain_objects", lambda text: None)
            assert list(read(path)) == at_once
        assert len(at_once) == 1 + sum(bool(line.strip()) for line in lines)


PIECES = [
    '{"a":',
    '{"b": ',
    "}",
    "{",
    "1",
    '":x"',
    '"',
    ",",
    ', "a":',
    ', "b" : ',
    "\\",
    "\n",
    "\r\n",
    "\r",
    "}\n{",
    "},{",
    " ",
    "[",
    "]",
]


@FREE
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_objects_read_at_once_are_what_they_are_one_by_one(text):
    """What is given for a block is what its lines give, whatever the block is."""
    block = '{"a":1}\n' + text
    if (at_once := plain_objects(block)) is None:
        return
    one_by_one = [json.loads(line, object_pairs_hook=list) for line in io.StringIO(block, newline="")]
    assert at_once == [dict(pairs) for pairs in one_by_one]
    assert all(len(dict(pairs)) == len(pairs) for pairs in one_by_one)


def test_json_lines_bytes_that_are_no_utf8(tmp_path):
    reader = read(file(tmp_path, '{"a": "ñ"}\n{"a": "ñ"}\n'.encode() + b'{"a": "\xf1"}\n', "t.jsonl"))
    (error,) = errors(reader)
    assert error.row == 3 and "byte 0xF1" in error.reason


DIGITS = [
    ("999999999999999999", 10**18 - 1),
    ("1000000000000000000", "1000000000000000000"),
    ("-99999999999999999", 1 - 10**17),
    ("-100000000000000000", "-100000000000000000"),
    ("1" * 5000, "1" * 5000),
    ("[1, [1000000000000000000]]", '[1, ["1000000000000000000"]]'),
    ("0.10", 0.1),
    ("-0", 0),
]


@pytest.mark.parametrize("name", ["jsonl", "json"])
@pytest.mark.parametrize(("written", "kept"), DIGITS)
def test_the_longest_exact_integer(tmp_path, name, written, kept):
    line = f'{{"n": {written}, "m": 1}}'
    path = file(tmp_path, line + "\n" + line if name == "jsonl" else f"[{line}]", f"t.{name}")
    assert values(read(path))[0] == {"n": kept, "m": 1}


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_values_keep_their_digits_and_nesting(tmp_path, name):
    line = '{"huge": 123456789012345678901234567890, "pi": 3.14159265358979323846, "big": 1e400, "n": 7, "x": 1.50, "t": true, "none": null, "deep": {"a": ["ñ", 1]}}'
    content = line if name == "jsonl" else f"[{line}]"
    path = file(tmp_path, content, f"t.{name}")
    (row,) = values(read(path))
    assert row == {
        "huge": "123456789012345678901234567890", "pi": "3.14159265358979323846", "big": "1e400",
        "n": 7, "x": 1.5, "t": True, "none": None, "deep": '{"a": ["ñ", 1]}',
    }  # fmt: skip
    assert values(read(path, nested=True))[0]["deep"] == {"a": ["ñ", 1]}


def test_the_elements_of_a_json_list_are_numbered(tmp_path):
    reader = read(file(tmp_path, '[\n  {"a": 1},\n  3,\n  {"a": {\n "b": 2}}\n]\n', "t.json"))
    assert numbers(reader) == [1, 3]
    assert [(error.row, error.raw) for error in errors(reader)] == [(2, "3")]
    assert reader.detected.columns == ("a",) and reader.detected.counts == "record"
    on_one_line = read(file(tmp_path, '[{"a":1},{"a":[1,2]},3,{"a":null}]', "t.json"))
    assert numbers(on_one_line) == [1, 2, 4] and [error.row for error in errors(on_one_line)] == [3]


@pytest.mark.parametrize("chunk", [1, 5, 1 << 19])
@pytest.mark.parametrize(
    ("rest", "reason", "further"),
    [
        (',\n{"a": 2', "cut off (Expecting ',' delimiter at line 2, character 8)", None),
        (',\n{"a": "two', "cut off (Unterminated string starting at line 2, character 7)", None),
        (',\n{"a": 1.', "cut off (Expecting ',' delimiter at line 2, character 8)", None),
        (",\n", "not closed", None),
        ("", "a comma or ] was expected after element 1, the file ends", None),
        (";", "“;” found at line 1, character 10", None),
        ("]\n[2]", "“[” follows the end of the list at line 2, character 1", None),
        (",]", "a comma too many: there is no object at line 1, character 11", []),
        (',, {"a": 3}]', "a comma too many: there is no object at line 1, character 11", [3]),
        ('\n{"a": 2}, {"a": 3}]', "no comma before this object at line 2, character 1", [3]),
        (',{"a":}, {"a": 3}]', "Expecting value at line 1, character 16", [3]),
        (',\r\n{a: 2}, {"a": 3}]', "property name enclosed in double quotes at line 2, character 2", [3]),
        (',{"a": [{"b": 1}, {"b": }], "c": "}, {"}, {"a": 3}]', "Expecting value at line 1, character 34", [3]),
        (',{"a": "two\nlines"}, {"a": 3}]', "Invalid control character at line 1, character 21", [3]),
        (',hello, {"a": 3}]', "Expecting value at line 1, character 11", [3]),
        (',{"a":}]', "Expecting value at line 1, character 16", []),
        (f',{"[" * 100_000}{"]" * 100_000}, {{"a": 3}}]', "nested too deeply", [3]),
        # Where a quote or a bracket is missing, what follows could be the inside of the broken element.
        (',{"a": "x}, {"a": "y"}, {"a": 3}]', "Expecting ',' delimiter at line 1, character 24", None),
        (',{"a": [1, 2}, {"a": 3}]', "Expecting ',' delimiter at line 1, character 22", None),
    ],
)
def test_text_that_is_no_json_is_told_where_and_costs_its_element(tmp_path, monkeypatch, rest, reason, further, chunk):
    if chunk < 10 and len(rest) > 1000:
        return
    monkeypatch.setattr("annotation.formats.byte_blocks._CHUNK", chunk)
    first, error, *others = read(file(tmp_path, f'[{{"a": 1}}{rest}', "t.json"))
    assert first == Row(1, {"a": 1})
    assert error.row == 2 and reason in error.reason
    assert others == [Row(3, {"a": value}) for value in further or []]
    is_last = further is None and "follows" not in reason and "not closed" not in reason
    assert ("can't be read beyond this" in error.reason) == is_last


def test_many_broken_elements_of_json_stay_linear(tmp_path):
    elements = ['{"a": "%s", }' % ("x" * 50) if n % 2 else '{"a": "fine"}' for n in range(20_000)]
    reader = read(file(tmp_path, f"[{', '.join(elements)}]", "t.json"))
    found = list(reader)
    assert [row[0] for row in found] == list(range(1, 20_001))
    assert sum(isinstance(row, RowError) for row in found) == 10_000


def test_a_value_that_no_table_holds_names_its_record(tmp_path):
    for name, value in (("csv", b"bytes"), ("csv", [b"bytes"]), ("parquet", [b"bytes"])):
        with pytest.raises(FormatError, match=r'Record 2: the value of "a" .*bytes'):
            write(tmp_path / "t", name, [{"a": None}, {"a": value}])
    for records in ([{"a": 10**30}], [{"a": 1}, {"a": 10**30}]):
        with pytest.raises(FormatError, match=f"record {len(records)} does not fit its column"):
            write(tmp_path / "t", "parquet", records)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.jsonl", "hello\nworld\n", "does not hold one JSON object per line"),
        ("t.json", '{\n "a": 1\n}', "does not hold one JSON object per line"),
        ("t.json", "[1, 2]", "no usable object"),
        ("t.json", '"text"', "is not a list"),
        ("t.json", "", "is empty"),
    ],
)
def test_files_without_objects_are_refused(tmp_path, name, content, reason):
    with pytest.raises(FormatError, match=reason):
        read(file(tmp_path, content, name))


@pytest.mark.parametrize("name", ["csv", "jsonl", "json"])
def test_memory_stays_flat(tmp_path, name):
    path = tmp_path / f"big.{name}"
    write(path, name, ({"text": f"question {n} " * 20, "label": "a"} for n in range(60_000)))
    assert path.stat().st_size > 15 << 20
    tracemalloc.start()
    count = sum(1 for _ in read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000 and peak < 12 << 20


# --------------------------------------------------------------------------------------------------------- round trips
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TRICKY = st.one_of(
    TEXT,
    st.text(alphabet="=+-@\t\r\n'\"\u2060,;\\ 1a＝", max_size=8),
    st.sampled_from(["=1+1", "'=x", "'\u2060=x", "-5", "+49 30"]),
)
COLUMN = TEXT.map(str.strip).filter(bool)


@FREE
@given(
    st.lists(COLUMN, min_size=1, max_size=4, unique=True),
    st.lists(st.lists(TRICKY, min_size=4, max_size=4), min_size=1, max_size=6),
)
def test_csv_comes_back_as_it_was(tmp_path, columns, cells):
    records = [dict(zip(columns, row, strict=False)) for row in cells]
    path = tmp_path / "round.csv"
    assert write(path, "csv", records) == len(records)
    assert values(read(path)) == records


@FREE
@given(
    st.lists(
        st.dictionaries(
            TEXT,
            st.one_of(TEXT, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        ),
        min_size=1,
        max_size=6,
    )
)
@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_json_comes_back_as_it_was(tmp_path, name, records):
    path = tmp_path / f"round.{name}"
    write(path, name, records)
    exact = [
        {k: v if not isinstance(v, int) or isinstance(v, bool) or len(str(v)) <= 18 else str(v) for k, v in r.items()}
        for r in records
    ]
    assert values(read(path)) == exact


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_of_an_export_begins_with_a_formula(tmp_path, start):
    path = tmp_path / "safe.csv"
    write(path, "csv", [{"a": f"{start}cmd|' /C calc'!A0"}])
    assert path.read_bytes().decode().split("\r\n")[1].lstrip('"').startswith("'\u2060")
    assert values(read(path)) == [{"a": f"{start}cmd|' /C calc'!A0"}]
    write(path, "csv", [{"a": "=1"}], escape_formulas=False)
    assert path.read_text() == '"a"\n=1\n'


def test_plain_numbers_stay_numbers_and_foreign_apostrophes_stay(tmp_path):
    path = tmp_path / "n.csv"
    write(path, "csv", [{"a": "-5", "b": -5, "c": "+4930123", "d": None, "e": ["x"], "f": True}])
    assert path.read_text().splitlines()[1] == '-5,-5,+4930123,,"[""x""]",true'
    assert values(read(file(tmp_path, "a\n'=x\n'-y\n"))) == [{"a": "'=x"}, {"a": "'-y"}]


def test_parquet_comes_back_as_it_was(tmp_path):
    path = tmp_path / "t.parquet"
    records = [
        {"text": f"é {n}", "n": n, "x": n / 2, "ok": n % 2 == 0, "none": None, "late": None} for n in range(3000)
    ]
    records[2999] = {**records[2999], "late": "text at last"}
    assert write(path, "parquet", iter(records)) == 3000
    reader = read(path)
    assert values(reader) == records and numbers(reader)[:2] == [1, 2]
    assert reader.detected.format == "parquet" and reader.detected.columns == tuple(records[0])
    write(path, "parquet", [{"deep": {"a": [1]}}])
    assert values(read(path)) == [{"deep": '{"a": [1]}'}]


def test_parquet_by_others(tmp_path):
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    day = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "t": ["a", "b\0", "c"],
            "d": [day] * 3,
            "b": [None, None, b"\xff"],
            "l": [[1], [], None],
            "f": [1.5, float("nan"), 2],
        }
    )
    pq.write_table(table, path)
    reader = read(path)
    assert values([row for row in reader if isinstance(row, Row)]) == [
        {"t": "a", "d": "2024-05-01T12:00:00+00:00", "b": None, "l": "[1]", "f": 1.5}
    ]
    assert [(error.row, error.field) for error in errors(reader)] == [(2, "t"), (3, "b")]
    with pytest.raises(FormatError, match="missing"):
        read(path, required=["label"])
    with pytest.raises(FormatError, match="not a Parquet file, or is damaged"):
        read(file(tmp_path, b"PAR1 broken", "x.parquet"))
    with pytest.raises(FormatError, match="shortly before record 2"):
        write(path, "parquet", [{"a": 1}, {"a": "text"}])


# ------------------------------------------------------------------------------------------------------------- writing
def test_csv_columns(tmp_path):
    path = tmp_path / "c.csv"
    write(path, "csv", [{"a": "1"}, {"b": "2"}])
    assert values(read(path)) == [{"a": "1", "b": ""}, {"a": "", "b": "2"}]
    with pytest.raises(FormatError, match='Record 2 has the key "b"'):
        write(path, "csv", iter([{"a": "1"}, {"b": "2"}]))
    with pytest.raises(FormatError, match="nothing to write"):
        write(path, "csv", [])
    write(path, "csv", [], columns=["a", "b"])
    assert read(path).detected.columns == ("a", "b")


def test_an_export_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.jsonl"
    write(path, "jsonl", [{"a": "old"}])

    def records():
        yield {"a": "new"}
        yield {"a": "\ud800"}

    with pytest.raises(FormatError, match=r"Record 2: half a character \(U\+D800"):
        write(path, "jsonl", records())
    with pytest.raises(FormatError, match="Record 1 can't be written as JSON"):
        write(path, "json", [{"a": float("nan")}])
    assert values(read(path)) == [{"a": "old"}]
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


MESSAGES = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "¿Qué?\n<b>"}]


def test_openai_chat_puts_the_answer_last(tmp_path):
    path = tmp_path / "train.jsonl"
    assert write(path, "openai-chat", [{"messages": MESSAGES, "completion": "desk: tax"}]) == 1
    assert json.loads(path.read_text()) == {"messages": [*MESSAGES, {"role": "assistant", "content": "desk: tax"}]}
    assert path.read_text().count("\n") == 1


def test_prompt_completion_keeps_them_apart_as_trl_reads_it(tmp_path):
    path = tmp_path / "train.jsonl"
    write(path, "prompt-completion", [{"messages": [*MESSAGES, {"role": "assistant", "content": "yes"}]}])
    assert json.loads(path.read_text()) == {"prompt": MESSAGES, "completion": [{"role": "assistant", "content": "yes"}]}


def test_alpaca_and_sharegpt(tmp_path):
    path = tmp_path / "train.json"
    longer = [*MESSAGES, {"role": "assistant", "content": "A"}, {"role": "user", "content": "B"}]
    records = [{"messages": MESSAGES[1:], "completion": "yes"}, {"messages": longer, "completion": "no"}]
    write(path, "alpaca", records)
    assert json.loads(path.read_text()) == [
        {"instruction": "¿Qué?\n<b>", "input": "", "output": "yes"},
        {"instruction": "B", "input": "", "output": "no", "system": "Answer.", "history": [["¿Qué?\n<b>", "A"]]},
    ]
    write(path, "sharegpt", records)
    assert json.loads(path.read_text())[1] == {
        "conversations": [
            {"from": "system", "value": "Answer."},
            {"from": "human", "value": "¿Qué?\n<b>"},
            {"from": "gpt", "value": "A"},
            {"from": "human", "value": "B"},
            {"from": "gpt", "value": "no"},
        ]
    }


@pytest.mark.parametrize("name", ["openai-chat", "prompt-completion", "prompt-text", "alpaca", "sharegpt"])
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, 'Record 1 needs "messages"'),
        ({"messages": "hello", "completion": "x"}, 'needs "messages"'),
        ({"messages": MESSAGES}, 'no "completion"'),
        ({"messages": MESSAGES, "completion": 5}, 'no "completion"'),
        ({"messages": [{"role": "bot", "content": "x"}], "completion": "x"}, "message 1: a role"),
        ({"messages": [*MESSAGES, MESSAGES[0]], "completion": "x"}, "message 3: a role"),
        ({"messages": [*MESSAGES, {"role": "assistant", "content": "x"}], "completion": "x"}, "must be the user's"),
    ],
)
def test_chat_records_are_checked(tmp_path, name, record, reason):
    with pytest.raises(FormatError, match=reason):
        write(tmp_path / "x.jsonl", name, [record])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_faults_in_a_json_list_know_their_lines_whatever_ends_them(tmp_path, monkeypatch, end):
    monkeypatch.setattr("annotation.formats.byte_blocks._CHUNK", 1)  # every CR LF is cut in two
    path = tmp_path / "t.json"
    path.write_bytes(end.join(["[", '{"a": 1},', "", '{"a":', '}, {"a": 3}, {"b"}', "]"]).encode())
    places = ("line 5, character 1", "line 5, character 18")
    assert all(error.reason.endswith(place) for error, place in zip(errors(read(path)), places, strict=True))
