"""Which example goes into which set: grouped, stratified, the same for the same seed.

Two promises and one aim. Promise: a group never crosses sets. Promise: the same input and seed give the same answer on
every machine. Aim: each stratum (a label) has its share in each set, as near as groups allow.
"""

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

TRAIN = "train"
_TOLERANCE = 0.10  # how far a set may be off its size because groups are not cut, before the request is refused


class ImpossibleSplit(ValueError):
    """The sizes cannot be had from these examples; the message says why and what to do."""


def join_groups(*keys: Sequence[Hashable | None]) -> list[int]:
    """One group number per example, where examples that share a value in any of `keys` are one group (transitively).

    Each of `keys` has a value per example (the customer, the normalised prompt); None is no value and joins nothing.
    Numbers count up from 0 in order of first appearance. Union-find with path halving.
    """
    size = len(keys[0]) if keys else 0
    if any(len(values) != size for values in keys):
        raise ValueError(f"every key needs a value per example; lengths are {[len(values) for values in keys]}")
    parent = list(range(size))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for values in keys:
        first_with: dict[Hashable, int] = {}
        for index, value in enumerate(values):
            if value is None:
                continue
            other = first_with.setdefault(value, index)
            if other != index:
                # the smaller index becomes the root, so that numbering below follows first appearance
                low, high = sorted((root(other), root(index)))
                parent[high] = low
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(size)]


def assign(
    groups: Sequence[Hashable], strata: Sequence[Hashable], sizes: Mapping[str, int | float], seed: int
) -> list[str | None]:
    """The set of each example, None for those left over when `sizes` ask for fewer than there are.

    groups: a value per example; equal values stay together (see `join_groups` for several keys).
    strata: a value per example, in general the label; one value for all switches stratification off.
    sizes:  set → number of examples (int) or share of all examples (float in 0…1). Shares that sum to 1 take everything.

    A group is never cut, so a set may miss its size by a few examples; more than a tenth (and more than one example)
    raises ImpossibleSplit, as do sizes that exceed the examples or a set that would stay empty. When "train" is among
    the sets, each stratum has at least one example in it if an exchange of equally large groups can bring that about.

    Method: an integer table stratum × set whose row and column sums are exact, then groups from large to small, each
    to the set whose open need it serves best (largest first is the usual bound on what packing loses).
    """
    total = len(groups)
    if len(strata) != total:
        raise ValueError(f"{total} groups but {len(strata)} strata: one of each is needed per example")
    wanted = _absolute(sizes, total)
    blocks = _blocks(groups, strata)
    filled_sets = [name for name, size in wanted.items() if size and name is not None]
    if len(blocks) < len(filled_sets):
        raise ImpossibleSplit(
            f"{len(filled_sets)} sets are asked for, but the examples form only {len(blocks)} group(s), and a group is never "
            "cut. Ask for fewer sets, import more examples, or choose another group column."
        )
    rng = random.Random(seed)  # noqa: S311 - a split must be repeatable, not secret
    need = _need_table(Counter(strata), wanted, rng)
    rng.shuffle(blocks)
    blocks.sort(key=lambda block: -len(block.members))
    placed = _place(blocks, need, dict(wanted))
    _bring_strata_into_train(blocks, placed, wanted)
    _check_sizes(blocks, placed, wanted)

    answer: list[str | None] = [None] * total
    for block, name in zip(blocks, placed, strict=True):
        for index in block.members:
            answer[index] = name
    return answer


def stratified_sample(strata: Sequence[Hashable], limit: int, seed: int) -> list[int]:
    """Indexes (ascending) of `limit` examples in which each stratum has its share, at least one where `limit` allows.

    The file may be sorted by label: members of a stratum are drawn at random by `seed`. `limit` at or above the number of
    examples gives all. With more strata than `limit`, the `limit` largest strata have one each.
    """
    if limit < 1:
        raise ValueError(f"a sample needs a limit of at least 1, not {limit}")
    if limit >= len(strata):
        return list(range(len(strata)))
    members: dict[Hashable, list[int]] = {}
    for index, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(index)
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    if len(members) > limit:
        order = sorted(members, key=lambda stratum: (-len(members[stratum]), rng.random()))
        return sorted(rng.choice(members[stratum]) for stratum in order[:limit])
    # One for each, the rest in proportion to what each has besides: never more than a stratum holds.
    per_example = (limit - len(members)) / (len(strata) - len(members))
    shares: dict[Hashable, float] = {stratum: 1 + (len(found) - 1) * per_example for stratum, found in members.items()}
    counts = {stratum: int(share + 1e-9) for stratum, share in shares.items()}
    by_remainder = sorted(shares, key=lambda stratum: (counts[stratum] - shares[stratum], rng.random()))
    for stratum in by_remainder[: limit - sum(counts.values())]:
        counts[stratum] += 1
    return sorted(index for stratum, found in members.items() for index in rng.sample(found, counts[stratum]))


# ------------------------------------------------------------------------------------------------------ how it is done
@dataclass(frozen=True, slots=True)
class _Block:
    """One group: the indexes of its examples, and how many of each stratum."""

    members: list[int]
    strata: Counter[Hashable]


_Need = dict[Hashable, dict[str | None, int]]


def _absolute(sizes: Mapping[str, int | float], total: int) -> dict[str | None, int]:
    """Sizes as whole numbers that sum to `total`; the key None stands for what is left over (absent when nothing is)."""
    if not sizes:
        raise ImpossibleSplit("no set is asked for; name at least one with its size")
    for name, size in sizes.items():
        if isinstance(size, bool) or size < 0 or (isinstance(size, float) and size > 1):
            raise ImpossibleSplit(
                f'the size of "{name}" is {size}; it is a number of examples (0 or more) or a share from 0.0 to 1.0'
            )
    exact: dict[str | None, float] = {
        name: size if isinstance(size, int) else size * total for name, size in sizes.items()
    }
    asked = sum(exact.values())
    if asked > total + 1e-6 * max(1, total):
        parts = ", ".join(f"{name} {size:g}" for name, size in exact.items())
        raise ImpossibleSplit(
            f"{asked:g} examples are asked for ({parts}), but there are {total}. Ask for less or import more."
        )
    if total - asked > 1e-6 * max(1, total):
        exact[None] = total - asked
    rounded = _largest_remainder(exact, total)
    for asked_set, size in exact.items():
        if asked_set is not None and size > 0 and not rounded[asked_set]:
            raise ImpossibleSplit(
                f'the share of "{asked_set}" comes to {size:.2f} of {total} examples, which is none. Import more examples.'
            )
    return rounded


def _largest_remainder(exact: Mapping[str | None, float], total: int) -> dict[str | None, int]:
    """Whole numbers that sum to `total`; a share above 0 is not rounded away while another set can spare an example."""
    rounded = {name: int(size + 1e-9) for name, size in exact.items()}
    by_remainder = sorted(exact, key=lambda name: rounded[name] - exact[name])
    for name in by_remainder[: total - sum(rounded.values())]:
        rounded[name] += 1
    for name, size in exact.items():
        largest = max(rounded, key=lambda other: rounded[other])
        if name is not None and size > 0 and rounded[name] == 0 and rounded[largest] > 1:
            rounded[name], rounded[largest] = 1, rounded[largest] - 1
    return rounded


def _blocks(groups: Sequence[Hashable], strata: Sequence[Hashable]) -> list[_Block]:
    found: dict[Hashable, _Block] = {}
    for index, (group, stratum) in enumerate(zip(groups, strata, strict=True)):
        block = found.get(group)
        if block is None:
            block = found[group] = _Block([], Counter())
        block.members.append(index)
        block.strata[stratum] += 1
    return list(found.values())


def _need_table(counts: Counter[Hashable], wanted: Mapping[str | None, int], rng: random.Random) -> _Need:
    """stratum → set → how many, whole numbers with exact sums both ways.

    All examples, stratum after stratum, are dealt to the set that is furthest behind its running share; any run of
    dealt cards then differs from its share by about one per set, so each stratum does, and no set gains by always
    being rounded up.
    """
    total = sum(counts.values())
    dealt = dict.fromkeys(wanted, 0)
    position = 0
    order = list(counts)
    rng.shuffle(order)
    table: _Need = {}
    for stratum in order:
        row = table[stratum] = dict.fromkeys(wanted, 0)
        for _ in range(counts[stratum]):
            position += 1
            open_sets = [name for name in wanted if dealt[name] < wanted[name]]
            behind = max(open_sets, key=lambda name: wanted[name] * position / total - dealt[name])
            dealt[behind] += 1
            row[behind] += 1
    return table


def _place(blocks: Sequence[_Block], need: _Need, room: dict[str | None, int]) -> list[str | None]:
    """A set for each block, in order; updates `need` and `room` as it goes."""
    placed: list[str | None] = []
    for block in blocks:
        size = len(block.members)
        fitting = [name for name in room if room[name] >= size]
        if fitting:
            chosen = max(
                fitting,
                key=lambda name: (sum(min(n, need[s][name]) for s, n in block.strata.items()), room[name]),
            )
        else:
            chosen = max(room, key=lambda name: room[name])
        placed.append(chosen)
        room[chosen] -= size
        for stratum, count in block.strata.items():
            need[stratum][chosen] -= count
    return placed


def _bring_strata_into_train(
    blocks: Sequence[_Block], placed: list[str | None], wanted: Mapping[str | None, int]
) -> None:
    """Exchange equally large groups so that no stratum is absent from train; changes `placed`. Linear in the groups."""
    if not wanted.get(TRAIN):
        return
    in_train: Counter[Hashable] = Counter()
    spare: dict[int, list[int]] = {}  # group size → positions in train that may be given away
    for position, block in enumerate(blocks):
        if placed[position] == TRAIN:
            in_train.update(block.strata)
            spare.setdefault(len(block.members), []).append(position)
    for position, block in enumerate(blocks):
        if placed[position] == TRAIN or all(in_train[stratum] for stratum in block.strata):
            continue
        candidates = spare.get(len(block.members), [])
        while candidates:  # one that cannot be spared now never can, so it is dropped for good
            partner = candidates.pop()
            strata = blocks[partner].strata
            if all(in_train[stratum] + block.strata[stratum] > count for stratum, count in strata.items()):
                placed[position], placed[partner] = TRAIN, placed[position]
                in_train.update(block.strata)
                in_train.subtract(strata)
                break


def _check_sizes(blocks: Sequence[_Block], placed: Sequence[str | None], wanted: Mapping[str | None, int]) -> None:
    got: Counter[str | None] = Counter()
    for block, name in zip(blocks, placed, strict=True):
        got[name] += len(block.members)
    largest = max((len(block.members) for block in blocks), default=0)
    for name, size in wanted.items():
        if name is None:
            continue
        if (size and not got[name]) or abs(got[name] - size) > max(1, _TOLERANCE * size):
            raise ImpossibleSplit(
                f'"{name}" should have {size} examples; without cutting a group the nearest found is {got[name]}. The largest of '
                f"{len(blocks)} groups holds {largest} examples. Choose other sizes, or a group column with smaller groups."
            )
