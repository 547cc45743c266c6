"""A model folder is refused with the remedy, or described."""

import json
import pickle
import shutil
import zipfile

import pytest

from inference.modelfolder import ModelFolderError, check, check_adapter, pin_hub_name
from tests.tiny_model import make_tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "model")


def refusal(folder):
    with pytest.raises(ModelFolderError) as caught:
        check(folder)
    return caught.value


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_good_folder_is_described(folder):
    from transformers import AutoModelForCausalLM

    found = check(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert (found.architecture, found.dtype, found.context_length) == ("LlamaForCausalLM", "F32", 512)
    assert found.chat_template_file == "chat_template.jinja"
    assert found.size_bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_the_hash_changes_with_any_byte_and_not_with_the_place(folder, pristine):
    assert check(folder).sha256 == check(pristine).sha256
    (folder / "generation_config.json").write_text("{}")
    assert check(folder).sha256 != check(pristine).sha256


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "sub/training_args.bin", "optimizer.pt", "x.PKL", ".hidden.ckpt"]
)
def test_pickles_are_refused_by_name(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"anything")
    error = refusal(folder)
    assert error.code == "pickle"
    assert name in error.message
    assert "save_pretrained" in error.message


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_refused_by_content(folder, protocol):
    (folder / "vocab.dat").write_bytes(pickle.dumps({"a": 1}, protocol))
    assert refusal(folder).code == "pickle"


def test_torchs_zip_of_pickles_is_refused_by_content(folder):
    with zipfile.ZipFile(folder / "weights", "w") as archive:
        archive.writestr("data.pkl", b"")
    assert refusal(folder).code == "pickle"


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_auto_map_is_refused_wherever_it_stands(folder, name):
    edit_json(folder / name, nested=[{"auto_map": {"AutoModel": "modeling.Evil"}}])
    error = refusal(folder)
    assert (error.code, name in error.message) == ("custom-code", True)


def test_python_files_are_refused(folder):
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text("print('hello')")
    assert refusal(folder).code == "custom-code"


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(folder, tmp_path):
    (folder / "config.json").rename(folder / "real.json")
    (folder / "config.json").symlink_to("real.json")
    check(folder)
    (tmp_path / "secret").write_text("{}")
    (folder / "generation_config.json").unlink()
    (folder / "generation_config.json").symlink_to(tmp_path / "secret")
    error = refusal(folder)
    assert error.code == "outside-link"
    assert "cp -rL" in error.message


def test_a_link_to_a_folder_outside_is_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).code == "outside-link"


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("config.json", "no-config"),
        ("model.safetensors", "no-weights"),
        ("tokenizer.json", "no-tokenizer"),
        ("chat_template.jinja", "no-chat-template"),
    ],
)
def test_what_is_missing_is_named(folder, missing, code):
    (folder / missing).unlink()
    error = refusal(folder)
    assert error.code == code
    assert str(folder) in error.message


def test_a_chat_template_in_the_tokenizers_config_counts(folder):
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    edit_json(folder / "tokenizer_config.json", chat_template=template)
    assert check(folder).chat_template_file == "tokenizer_config.json"


@pytest.mark.parametrize("nothing", ["  ", True, [], [{"name": "tool_use", "template": "x"}], {"default": "x"}])
def test_a_chat_template_that_asks_nothing_is_none(folder, nothing):
    (folder / "chat_template.jinja").unlink()
    edit_json(folder / "tokenizer_config.json", chat_template=nothing)
    assert refusal(folder).code == "no-chat-template"


def test_an_empty_chat_template_is_none(folder):
    (folder / "chat_template.jinja").write_text(" \n")
    assert refusal(folder).code == "no-chat-template"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"architectures": []}', '{"architectures": [3]}', "[" * 100_000]
)
def test_a_broken_config_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    assert refusal(folder).code == "broken-config"


@pytest.mark.parametrize("changes", [{"architectures": ["BertModel"]}, {"is_encoder_decoder": True}])
def test_a_model_that_does_not_continue_text_is_refused(folder, changes):
    edit_json(folder / "config.json", **changes)
    assert refusal(folder).code == "not-a-chat-model"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:5],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"x" + data[9:],
        lambda data: (2).to_bytes(8, "little") + b"{}",
        lambda data: (2).to_bytes(8, "little") + b"[]",
        lambda data: (11).to_bytes(8, "little") + b'{"a":"bcd"}',
    ],
)
def test_damaged_weights_are_refused(folder, damage):
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder).code == "broken-weights"


def test_a_pointer_of_git_lfs_is_told_as_one(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "git lfs pull" in refusal(folder).message


def test_shards_are_counted_and_a_missing_one_is_named(folder):
    whole = check(folder).parameters
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}))
    assert check(folder).parameters == whole
    index.write_text(json.dumps({"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "../evil.safetensors"}}))
    error = refusal(folder)
    assert error.code == "broken-weights"
    assert "model-00002-of-00002.safetensors" in error.message


def test_what_is_no_folder_is_refused(tmp_path):
    assert refusal(tmp_path / "none").code == "no-folder"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file").code == "no-folder"


def test_an_adapter_is_checked_by_the_same_rules(folder, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with pytest.raises(ModelFolderError, match="adapter_config"):
        check_adapter(adapter)
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelFolderError, match=r"adapter_model\.safetensors"):
        check_adapter(adapter)
    shutil.copy(folder / "model.safetensors", adapter / "adapter_model.safetensors")
    assert set(check_adapter(adapter)) == {"adapter_config.json", "adapter_model.safetensors"}
    (adapter / "adapter_model.bin").touch()
    with pytest.raises(ModelFolderError, match="pickle"):
        check_adapter(adapter)


def test_a_hub_name_needs_a_commit():
    assert str(pin_hub_name(" HuggingFaceTB/SmolLM2-135M-Instruct ", COMMIT.upper())) == (
        f"HuggingFaceTB/SmolLM2-135M-Instruct@{COMMIT}"
    )
    for revision in ("main", "", "v1.0", COMMIT[:-1], COMMIT + "0"):
        with pytest.raises(ModelFolderError, match="40 hexadecimal digits") as caught:
            pin_hub_name("owner/name", revision)
        assert caught.value.code == "unpinned"


@pytest.mark.parametrize("name", ["", "a/b/c", "../etc", "a b", "/a", "a/", "https://hub/x", "a--b", "a..b"])
def test_what_is_no_hub_name_is_refused(name):
    with pytest.raises(ModelFolderError) as caught:
        pin_hub_name(name, COMMIT)
    assert caught.value.code == "hub-name"
