# %% [markdown]
# # The shelf, without the site
#
# Metrics, statistics, label models and near-duplicates are plain Python packages: no Django, no database. Every figure says
# what it rests on, and one that cannot be had is absent with the reason, never 0.
#
# This file is the source; `python -m examples.notebook` runs it and writes `shelf.ipynb`.

# %%
import numpy as np

from evaluation.metrics import compute, confusion_matrix, describe

answers = [
    "Please renew the permit at desk 4.",
    "The office opens at nine on weekdays.",
    "Your request was forwarded to the water board.",
    "",
]
references = [
    "Please renew your permit at desk 4.",
    ["The office is open from nine on weekdays.", "We open at nine, Monday to Friday."],
    "The request went to the roads department.",
    "Parking permits are issued online.",
]
for name in ("rougeL", "bleu", "chrf", "token_f1", "exact_match"):
    result = compute(name, answers, references)
    print(f"{name:12} {result.value:7.3f}   {result.signature}")

# %% [markdown]
# A figure alone misleads, so each metric says what it does not show.

# %%
print(describe()["rougeL"].blind_spot)

# %% [markdown]
# ## Labels
# A prediction outside the task's own list (here none was parsed) is wrong for its true class and never becomes a class.

# %%
predicted = ["roads", "water", "roads", None, "permits", "water", "roads", "water"]
true = ["roads", "water", "water", "permits", "permits", "water", "roads", "roads"]
desks = ["permits", "roads", "water"]
for name in ("accuracy", "f1_macro", "mcc"):
    print(f"{name:9} {compute(name, predicted, true, labels=desks).value:.3f}")
print(confusion_matrix(predicted, true, desks).counts)

# %% [markdown]
# Where a figure cannot be had there is none, and a reason.

# %%
nothing = compute("mcc", ["roads", "roads"], ["roads", "roads"])
print(nothing.value, "–", nothing.reason)

# %% [markdown]
# ## An interval
# Sixty answers to questions on twelve documents. Answers on one document succeed or fail together, so documents are the unit.

# %%
from evaluation.stats.intervals import bootstrap, rule_of_three

rng = np.random.default_rng(7)
document = np.repeat(np.arange(12), 5)
score = np.clip(rng.normal(0.6, 0.15, 12)[document] + rng.normal(0, 0.1, 60), 0, 1)
for label, clusters in (("answers", None), ("documents", document)):
    found = bootstrap(score, clusters=clusters, method="expanded")
    print(f"by {label:9} {found.estimate:.3f}  ({found.ci_low:.3f} to {found.ci_high:.3f})  {found.method}")
print(f"no harm in 60 answers: its rate is at most {rule_of_three(60):.1%}, with 95 % confidence")

# %% [markdown]
# ## Two systems on the same examples
# The differences of a mean are flipped, document by document; a corpus figure such as BLEU has its sufficient statistics swapped.

# %%
from evaluation.stats.paired import compare, compare_statistics, holm

better = np.clip(score + rng.normal(0.05, 0.08, 60), 0, 1)
result = compare(better, score, clusters=document)
print(f"{result.delta:+.3f} ({result.ci_low:+.3f} to {result.ci_high:+.3f}), p = {result.p_value:.4f}")
print(result.method)

# %%
target = [f"please bring form {n} to desk {n % 7} before noon" for n in range(40)]
ours = [text if n % 3 else text.replace("before", "until") for n, text in enumerate(target)]
theirs = [text.replace("please ", "") if n % 2 else text.replace("noon", "twelve") for n, text in enumerate(target)]
a, b = compute("bleu", ours, target), compute("bleu", theirs, target)
result = compare_statistics(a.details["statistics"], b.details["statistics"], a.details["reduce"])
print(f"BLEU {a.value:.1f} against {b.value:.1f}: {result.delta:+.1f} ({result.ci_low:+.1f} to {result.ci_high:+.1f})")
print("three tests in one family:", holm([0.012, 0.04, 0.3]))

# %% [markdown]
# ## Agreement of raters
# Krippendorff's own example: four observers, twelve units, with gaps.

# %%
from evaluation.stats.agreement import alpha_interval, gwet_ac1, krippendorff_alpha, percent_agreement

gap = np.nan
observers = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3],
        [gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap],
    ]
)
for level in ("nominal", "ordinal", "interval", "ratio"):
    print(f"alpha, {level:8} {krippendorff_alpha(observers, level):.3f}")
found = alpha_interval(observers, "ordinal")
print(f"ordinal alpha {found.estimate:.3f} ({found.ci_low:.3f} to {found.ci_high:.3f})")
print(f"AC1 {gwet_ac1(observers):.3f}, raw agreement {percent_agreement(observers):.3f}")

# %% [markdown]
# ## Raters crossed with items
# Eight raters on twenty-five items are not two hundred independent ratings. Both are drawn from many, and both count.

# %%
from evaluation.stats.clustered import paired_mean

item, rater = np.repeat(np.arange(25), 8), np.tile(np.arange(8), 25)
gain = 0.3 + rng.normal(0, 0.6, 25)[item] + rng.normal(0, 0.3, 8)[rater] + rng.normal(0, 0.5, 200)
both = paired_mean(gain, item, rater)
naive = 1.96 * gain.std(ddof=1) / np.sqrt(200)
print(f"as if independent {gain.mean():.3f} ± {naive:.3f}")
print(f"items and raters  {both.estimate:.3f} ({both.ci_low:.3f} to {both.ci_high:.3f}), {both.df:.0f} df")

# %% [markdown]
# ## Preferences
# Davidson's chocolate puddings of 1970: fifteen pairs of six brands, with ties.

# %%
from evaluation.stats.preference import bradley_terry

pudding = """12:19 22 16  13:16 19 12  23:19 19 10  14:18 23 13  24:23 19 9  34:19 20 15  15:13 19 18  25:16 20 12
35:16 15 17  45:17 14 16  16:18 21 12  26:22 20 12  36:13 18 10  46:14 19 18  56:11 21 12"""
votes = []
for pair in pudding.replace("\n", "  ").split("  "):
    sides, counts = pair.split(":")
    for outcome, times in zip(("left", "right", "tie"), counts.split(), strict=True):
        votes += [(sides[0], sides[1], outcome)] * int(times)
fit = bradley_terry(votes)
for brand, strength, low, high in zip(fit.names, fit.strengths, fit.ci_low, fit.ci_high, strict=True):
    print(f"brand {brand}  {strength:+.3f} ({low:+.3f} to {high:+.3f})")
print(f"{fit.method}, ties: nu = {fit.tie:.3f}, {fit.battles} votes")

# %% [markdown]
# ## Labels from several sources
# Three people vote on each ticket. The model learns who is right how often; no vote is thrown away.

# %% needs annotation.labelmodel
from annotation.labelmodel import fit as fit_labels

truth = rng.choice(["roads", "water"], 200)
right = {"ana": 0.95, "bo": 0.8, "cy": 0.55}
other = {"roads": "water", "water": "roads"}
cast = [
    (ticket, who, label if rng.random() < share else other[label])
    for ticket, label in enumerate(truth)
    for who, share in right.items()
]
for model in ("majority", "dawid_skene"):
    labels = fit_labels(model, cast).labels
    print(f"{model:12} {np.mean([labels[ticket] == label for ticket, label in enumerate(truth)]):.3f} of 200 right")

# %% [markdown]
# ## Near-duplicates
# Exact Jaccard of character 5-grams, none missed and none false: what must not stand in training and test set at once.

# %%
from annotation.neardup import near_duplicates

tickets = [
    "The street lamp in Mill Lane has been broken for two weeks.",
    "The street lamp in Mill Lane has been broken for 2 weeks.",
    "When is the next collection of garden waste?",
    "The street lamp in Mill Lane has been broken for two weeks!",
]
for i, j, jaccard in near_duplicates(tickets, threshold=0.8):
    print(i, j, round(jaccard, 3))

# %% [markdown]
# ## What else there is
# Both shelves list themselves.

# %%
from evaluation.metrics import names as metrics
from evaluation.stats import describe as describe_statistics

print(len(metrics()), "metrics:", ", ".join(metrics()[:6]), "…")
planning = [each for each in describe_statistics().values() if each.design == "planning"]
for each in planning[:4]:
    print(f"{each.name}: {each.title} ({each.source})")
