from pathlib import Path

import pytest

from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny Llama; tests that change it take a copy."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))
