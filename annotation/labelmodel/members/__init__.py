"""One file per label model, each with a `MODEL`. The registry lists them in this order, and any other after."""

ORDER = ("majority", "dawid_skene", "one_coin", "mace", "glad", "generative")
