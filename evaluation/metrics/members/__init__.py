"""One file a metric, each defining `METRIC`. To add one is to add a file; `ORDER` is only how lists show them."""

ORDER = (
    "accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "mcc",
    "exact_match",
    "token_f1",
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "bleu",
    "chrf",
    "ter",
    "meteor",
    "perplexity",
    "embedding_similarity",
)
