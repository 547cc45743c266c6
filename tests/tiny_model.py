"""A two-layer, 64-wide Llama with a 500-token tokenizer and a chat template, made in a second.

It has what the embedded SmolLM2 has, in small: ChatML markers that are special tokens, ``<|im_end|>`` as
end *and* padding token (the trap that every mask by token id falls into), tied embeddings, safetensors.
Job kinds, engines and backends are tested on it.
"""

from pathlib import Path

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CORPUS = [
    "Do I need a building permit for a garden shed of 15 square metres?",
    "How much of the plumber's bill can I deduct from my tax?",
    "The contractor wants half of the money before the work has begun. Is that usual?",
    "Which insulation is right for an old wooden house with a cold attic?",
    "desk: permits\nreply: Up to fifteen square metres are free of a permit when the shed is lower than three metres.",
    "desk: tax\nreply: You deduct thirty percent of the cost of labour, and the company applies for it.",
    "desk: contracts\nreply: Pay as the work goes on, never all of it before, and write it down in the contract.",
    "desk: energy\nreply: Wood fibre or cellulose lets the construction breathe, and a vapour brake keeps it dry.",
    "desk: companies\nreply: Ask for the number of the company and look it up in the public register.",
    "desk: renovation\nreply: The bathroom needs a certified sealing layer below the tiles, or no insurance pays.",
    "Desks: permits, tax, contracts, companies, renovation, energy\nAnswer as:\ndesk: <name>\nreply: <text>",
    "You route questions and answer them in a friendly tone. abcdefghijklmnopqrstuvwxyz 0123456789 åäöé",
]


def make_tiny_model(folder: str | Path, *, seed: int = 0, context: int = 512) -> Path:
    """Write a randomly initialised model with tokenizer into ``folder`` and return the folder.

    The same seed gives the same weights. ``context`` is ``max_position_embeddings``, in tokens.
    Untrained, its greedy output is noise; a hundred steps of LoRA at 1e-2 teach it to answer and to stop.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHATML

    ids = {
        "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id,
        "pad_token_id": fast.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.1,  # at the usual 0.02 an adapter cannot move the tied, frozen output layer
        **ids,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        # torch zeroes the padding row, which is also the end token's output row: nothing could ever score it.
        torch.nn.init.normal_(model.model.embed_tokens.weight.data[fast.pad_token_id], std=config.initializer_range)
    model.generation_config = GenerationConfig(**ids)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
