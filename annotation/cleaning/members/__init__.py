"""The rules, one file each, and the order in which they run.

What is encoded is decoded first (letters, then entities and tags); then whole parts go, so that nothing is spent on them;
personal data goes before dates and numbers, whose digits it shares; spaces come last, since all others leave some.
"""

ORDER = (
    "unicode",
    "characters",
    "html",
    "quoted_replies",
    "signatures",
    "code_indentation",
    "personal_data",
    "timestamps",
    "numbers",
    "abbreviations",
    "typos",
    "whitespace",
)
