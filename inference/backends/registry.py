"""The backends there are. To add one: a file beside this one with a class that is a `base.Backend`, an entry here, and in
`inference.models.ModelVersion.backend` which versions it answers for.

Listing them imports none: the one that runs models in this process brings torch with it.
"""

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BackendKind:
    """A member of the registry: what it can do decides how cells are filled (`inference.running`) and which conditions there are."""

    name: str
    summary: str
    needs: str
    scores_choices: bool  # gives likelihoods of labels, so that a choice can be constrained to them
    runs_in_engine: bool  # a subprocess with a model in its memory; the others are called over HTTP
    location: str  # module:class

    def load(self) -> type[Any]:
        module, _, attribute = self.location.partition(":")
        loaded: type[Any] = getattr(importlib.import_module(module), attribute)
        return loaded


_KINDS = (
    BackendKind(
        name="transformers",
        summary="Runs a model folder on this machine with Hugging Face transformers.",
        needs="a folder of safetensors with a chat template, and optionally adapters",
        scores_choices=True,
        runs_in_engine=True,
        location="inference.backends.transformers_backend:TransformersBackend",
    ),
    BackendKind(
        name="openai",
        summary="Asks any server with OpenAI's chat completions: OpenAI, vLLM, llama-server, a gateway.",
        needs="a URL, the name of the model there, and often a key",
        scores_choices=False,
        runs_in_engine=False,
        location="inference.backends.openai_backend:OpenAIBackend",
    ),
)
_BY_NAME = {kind.name: kind for kind in _KINDS}


def names() -> tuple[str, ...]:
    """Names of all backends, in the order they are offered."""
    return tuple(_BY_NAME)


def describe(name: str) -> BackendKind:
    """One backend's entry. KeyError, with the known names, for any other name."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise KeyError(f"no backend is called {name!r}; there are {', '.join(names())}") from None
