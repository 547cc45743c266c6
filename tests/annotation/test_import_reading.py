"""How a file is read is found out, and can be chosen where that was wrong: on the page, by the API and by the command."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from annotation import formats, services
from annotation.models import Example, ExampleContent, Import, ImportRowError, ResolvedLabel
from annotation.scratch import kept_name
from ftplatform.artifacts.services import store_file
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

# Three Polish letters are too few to guess by, and cp1252 makes sense of them.
POLISH = "question,desk,reply\nCo to są łąki?,tax,Yes\n".encode("cp1250")
IMPORTS = "/api/v1/projects/building-questions/imports/"


def url(cast: Any, name: str, *more: Any) -> str:
    return reverse(f"annotation:{name}", args=[cast.project.slug, *more])


def told(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def upload(cast: Any, name: str, data: bytes, **chosen: str) -> Any:
    return cast.client("ada").post(url(cast, "upload"), {"file": SimpleUploadedFile(name, data), **chosen})


def posted(page: Any, **changed: str) -> dict[str, str]:
    """What a browser would send of step 2 as it stands, with some of it changed."""
    form, reading = page.context["form"], page.context["reading"]
    values = {bound.html_name: bound.value() for bound in [*form, *reading]}
    return {name: str(value or "") for name, value in values.items()} | {"read_as": page.context["read_as"]} | changed


# ── what is chosen ──


def test_the_encoding_is_chosen_on_the_page_and_used_by_the_import(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    step = upload(cast, "t.csv", "question,desk,reply\nKi főz?,tax,Yes\n".encode("cp1250")).url
    page = client.get(step)
    assert "Ki fõz?" in page.content.decode()  # one letter is too few to tell
    page = client.post(step, posted(page, encoding="cp1250", do="import"))
    assert page.status_code == 200 and "Ki főz?" in page.content.decode()  # shown before anything is imported
    assert not Import.objects.exists()
    made = client.post(step, posted(page, encoding="cp1250", do="import"))
    assert made.status_code == 302
    run_jobs()
    assert ExampleContent.objects.get().inputs == {"question": "Ki főz?"}
    assert Import.objects.get().encoding == "cp1250"


def test_another_delimiter_brings_other_columns_and_keeps_what_was_typed(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    step = upload(cast, "t.csv", b"question|desk;x|reply\nOne, two?|tax;1|Yes\n").url
    page = client.post(step, posted(client.get(step), delimiter="semicolon", limit="7"))
    assert [one.name for one in page.context["inspection"].columns] == ["question|desk", "x|reply"]
    page = client.post(step, posted(page, delimiter="bar"))
    assert [one.name for one in page.context["inspection"].columns] == ["question", "desk;x", "reply"]
    assert page.context["form"]["limit"].value() == "7"


def test_a_choice_that_cannot_be_read_is_told_and_the_page_stays(cast: Any) -> None:
    client = cast.client("ada")
    step = upload(cast, "t.csv", b"question,desk,reply\nOne?,tax,Yes\n").url
    page = client.post(step, posted(client.get(step), format="json", do="import"))
    assert page.status_code == 422 and "is not a list" in page.content.decode()
    assert [one.name for one in page.context["inspection"].columns] == ["question", "desk", "reply"]


def test_a_file_that_is_found_out_wrongly_can_be_chosen_for_at_once(cast: Any) -> None:
    data = b'[{"question": "One?"}]'
    assert upload(cast, "t.jsonl", data).status_code == 422
    step = upload(cast, "t.jsonl", data, format="json")
    assert step.status_code == 302
    assert cast.client("ada").get(step.url).context["inspection"].format == "json"


def test_the_api_takes_the_same_three(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    data = POLISH.replace(b",", b"\t")
    sent = {"format": "csv", "encoding": "windows-1250", "delimiter": "\t"}
    started = client.post(IMPORTS, {"file": SimpleUploadedFile("t.txt", data), **sent})
    assert started.status_code == 202, started.json()
    assert [started.json()[name] for name in sent] == ["csv", "cp1250", "\t"]
    run_jobs()
    assert ExampleContent.objects.get().inputs == {"question": "Co to są łąki?"}
    for field, value in (("format", "xml"), ("encoding", "klingon"), ("delimiter", "x")):
        refused = client.post(IMPORTS, {"file": SimpleUploadedFile("t.txt", data), field: value})
        assert refused.status_code == 400 and [one["field"] for one in refused.json()["errors"]] == [field]


def test_the_command_takes_the_same_three_and_waits_for_no_absent_worker(cast: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(POLISH.replace(b",", b";"))
    arguments = ["import_tickets", cast.project.slug, str(path), "--encoding", "cp1250", "--delimiter", "semicolon"]
    with pytest.raises(CommandError, match="No worker is running"):
        call_command(*arguments)
    assert not Import.objects.exists()
    call_command(*arguments, "--no-wait")
    source = Import.objects.get()
    assert (source.encoding, source.delimiter) == ("cp1250", ";")
    for limit in ("0", "-1"):
        with pytest.raises(CommandError, match="1 to 10,000,000"):
            call_command(*arguments, "--no-wait", "--limit", limit)


def test_the_command_tells_what_was_guessed_and_what_is_odd(cast: Any, tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("question,desk,reply,\nMaße in Köln?,tax,Yes,x\n".encode("cp1252"))
    call_command("import_tickets", cast.project.slug, str(path), "--no-wait", "--json")
    guessed, unnamed = json.loads(capsys.readouterr().out)["warnings"]
    assert "read as cp1252, a guess" in guessed and "Column 4 has no name" in unnamed
    call_command("import_tickets", cast.project.slug, str(path), "--no-wait")
    assert f"Note: {guessed}\nNote: {unnamed}\n" in capsys.readouterr().out


# ── what is found out ──


def test_rows_of_a_json_list_are_numbered_as_records_on_the_pages(cast: Any, run_jobs: Any) -> None:
    client = cast.client("ada")
    rows = [
        {"question": "One?", "desk": "tax", "reply": "Yes"},
        {"question": "Two?", "desk": "none of them", "reply": ""},
    ]
    step = upload(cast, "t.json", json.dumps(rows).encode()).url
    page = client.get(step)
    assert "<summary>Record 1</summary>" in page.content.decode()
    made = client.post(step, posted(page, do="import", keep="good"))
    run_jobs()
    shown = client.get(made.url).content.decode()
    assert 'data-label="Record">2</td>' in shown and ">Line<" not in shown
    assert "record 1," in client.get(url(cast, "ticket", Example.objects.get().pk)).content.decode()


def test_json_in_a_text_file_is_json(tmp_path: Any) -> None:
    path = tmp_path / "t.txt"
    path.write_text('{"question": "One?"}\n')
    assert formats.detect_format(path) == "jsonl"
    path.write_text("question\tdesk\nOne?\ttax\n")
    assert formats.read(path).detected.delimiter == "\t"


def test_a_file_that_is_no_text_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(bytes(range(256)) * 50)
    with pytest.raises(formats.FormatError, match="not a text file"):
        formats.read(path)


def test_rows_that_an_object_wraps_are_told_by_their_key(tmp_path: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"data": [{"question": "One?"}]}')
    with pytest.raises(formats.FormatError, match='stand under "data"'):
        formats.read(path)


def test_a_message_names_the_file_once(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    source = factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(1))
    Import.objects.filter(pk=source.pk).update(format="parquet")
    [job] = run_jobs()
    assert job.error.count("t.csv") == 1


@pytest.mark.parametrize("name", ["票" * 100 + ".csv", "a" * 400 + ".jsonl", "..", "x\x00y.csv", "." * 300])
def test_a_file_may_have_any_name(cast: Any, name: str) -> None:
    kept = kept_name(name)
    assert 0 < len(kept.encode()) <= 200 and "/" not in kept and kept not in (".", "..")
    assert kept.endswith((".csv", ".jsonl")) == name.endswith((".csv", ".jsonl"))
    if name.endswith(".csv"):
        file = SimpleUploadedFile("t.csv", b"question,desk,reply\nOne?,tax,Yes\n")
        file._name = name
        assert cast.client("ada").post(IMPORTS, {"file": file}).status_code == 202
        file.seek(0)
        assert cast.client("ada").post(url(cast, "upload"), {"file": file}).status_code == 302


# ── what was not taken ──


def test_rejected_rows_keep_the_files_own_columns_whatever_their_names(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    rows = [
        {"question": "One?", "desk": "fees", "reason": "MINE", "line": "a", "column": "b", "row": "c", "ft_line": "d"}
    ]
    mapping = {"question": "input:question", "desk": "field:desk"}
    source = factories.import_rows(cast.project, tmp_path / "t.csv", rows, mapping=mapping)
    run_jobs()
    [row] = told(cast.client("ada").get(url(cast, "rejected", source.pk)))
    assert row.items() >= {"reason": "MINE", "line": "a", "column": "b", "row": "c", "ft_line 2": "d"}.items()
    assert (row["ft_line"], row["ft_column"]) == ("2", "desk") and "not a choice" in row["ft_reason"]


def test_rejected_rows_keep_keys_that_no_column_has(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.jsonl"
    good = [json.dumps({"question": f"Question {at}?", "desk": "tax", " x ": 1, "": 2}) for at in range(101)]
    path.write_text("\n".join([*good, '{"question": "Late?", "desk": "fees", "late": {"a": 1}, "": 3}', "no json"]))
    client = cast.client("ada")
    with path.open("rb") as file:
        sent = {"file": file, "mapping": json.dumps({"question": "input:question", "desk": "field:desk"})}
        made = client.post(IMPORTS, sent).json()
    run_jobs()
    for page in (url(cast, "rejected", made["id"]), f"/api/v1/imports/{made['id']}/rejected.csv"):
        late, broken = told(client.get(page))
        assert json.loads(late["ft_row"]) == {"late": '{"a": 1}'} and late["column 4"] == "3"
        assert broken["ft_row"] == "no json" and broken["question"] == ""


def test_duplicates_are_listed_on_the_page_and_downloaded(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    for name in ("a.csv", "b.csv"):
        source = factories.import_rows(cast.project, tmp_path / name, factories.desk_rows(3))
        run_jobs()
    client = cast.client("ada")
    first = Example.objects.earliest("pk")
    page = client.get(url(cast, "import", source.pk)).content.decode()
    assert f"Ticket {first.pk}" in page and url(cast, "ticket", first.pk) in page
    for address in (url(cast, "duplicates", source.pk), f"/api/v1/imports/{source.pk}/duplicates.csv"):
        rows = told(client.get(address))
        assert [row["ft_line"] for row in rows] == ["2", "3", "4"]
        assert rows[0].items() >= {"ft_ticket": str(first.pk), "ft_outcome": "left out", "desk": "permits"}.items()


def test_an_import_page_shows_the_warnings_of_its_file(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"question,desk,\nOne?,fees,1\n")
    with path.open("rb") as file:
        made = cast.client("ada").post(IMPORTS, {"file": file}).json()
    run_jobs()
    assert ImportRowError.objects.exists()
    assert "Column 3 has no name" in cast.client("ada").get(url(cast, "import", made["id"])).content.decode()


def test_a_file_with_a_header_only_is_told_in_step_2(cast: Any) -> None:
    page = cast.client("ada").get(upload(cast, "t.csv", b"question,desk,reply\n").url)
    assert "no rows below its header" in page.content.decode()


# ── exports of other programs ──


@pytest.mark.parametrize(
    ("name", "mapping"),
    [
        ("label-studio.json", {"question": "input:question", "answer.desk": "field:desk"}),
        ("argilla.json", {"question": "input:question", "answer.desk": "field:desk", "reply": "field:reply"}),
    ],
)
def test_an_export_of_another_program_comes_in_with_its_answers(
    cast: Any, run_jobs: Any, tmp_path: Path, name: str, mapping: dict[str, str]
) -> None:
    path = Path(shutil.copy(Path(__file__).parent / "files" / name, tmp_path))
    source = services.start_import(
        project=cast.project, file_name=name, file=store_file(path), mapping=mapping, by=factories.SYSTEM
    )
    run_jobs()
    source.refresh_from_db()
    assert source.detected["format"] == name.removesuffix(".json") and source.rows_rejected == 0
    assert source.rows_duplicate == 1  # two people answered the first ticket; without "merge" the first counts
    first = Example.objects.filter(source=source).earliest("pk")
    assert ResolvedLabel.objects.get(example=first, field="desk").value == "permits"


def test_the_columns_of_an_export_are_offered_on_the_page(cast: Any) -> None:
    data = (Path(__file__).parent / "files" / "label-studio.json").read_bytes()
    page = cast.client("ada").get(upload(cast, "project-1.json", data).url)
    assert page.context["inspection"].format == "label-studio"
    assert {"question", "answer.desk", "reply"} <= {one.name for one in page.context["inspection"].columns}
