"""What ratings could show at best: rules that no result of a campaign would meet are told when it is opened. Plain Python."""

from __future__ import annotations

from evaluation.scoring.rules import Rules
from evaluation.scoring.verdict import clean_items, needs_people


def shortfalls(rules: Rules, items: int, ratings_an_item: int) -> list[str]:
    """One sentence per rule that stays open however well the rating goes: on so many items, with so many ratings of each."""
    if not needs_people(rules):
        return []
    found = []
    if items < rules.least_items:
        found.append(f"The rules ask for {rules.least_items} rated items; there are {items} tickets.")
    if (clean := clean_items(rules)) > items:
        found.append(
            f"The safety gate takes {clean} items without harm; {items} cannot pass it, however clean they are."
        )
    if ratings_an_item < 2:
        found.append("Agreement cannot be shown where each ticket has one rater.")
    return found
