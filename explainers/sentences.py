"""The account of one item in plain words: each figure with a sentence that says what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .centres import centre_of, shares_out

SLOPES = frozenset({"gradient", "guided_backprop", "deconvnet", "smooth_grad", "sensitivity"})
"""Methods whose values are slopes: their sum is no share of anything."""
_ABSORBERS = {
    "bias": "biases", "stabilizer": "the stabilisers of the rules", "empty": "places where nothing contributed",
    "block": "operators that pass nothing back", "softmax": "softmax", "constant": "constants", "quantiser": "rounding",
}  # fmt: skip
_MEANINGS = {
    "baseline_score": "The score of the baseline that the item is compared with.",
    "delta": "What the attributions leave unexplained of the difference to the baseline; near zero is good.",
    "masked_score": "The mean score of the masked copies: a value above it speaks for what is explained, one below it against.",
    "standard_error": "The greatest uncertainty of one attribution, because copies of the item were drawn by chance.",
    "r2": "How much of the score's variation around the item the linear surrogate explains; 1 is all of it.",
    "intercept": "What the linear surrogate says where every part of the item is hidden.",
    "local_prediction": "What the linear surrogate says of the item itself; compare it with the score.",
    "samples": "How many changed copies of the item were shown to the model.",
    "coalitions": "How many different sets of parts were shown to the model.",
    "groups": "Into how many parts the item was divided.",
    "remaining": "How many samples were asked for and not drawn.",
    "steps": "How many points on the way from the baseline to the item were used.",
    "objective": "What the search was to make great, when it ended.",
    "log_p": "How likely the data's density takes it to be, as a logarithm.",
    "drift": "How far the compiled graph's score lies from the model's own.",
    "area": "Which share of the input the mask that was found covers.",
}
_OF_METHODS = {
    (
        "meaningful_perturbation",
        "masked_score",
    ): "The score that is left under the mask that was found; lower is better."
}
"""What figures of one method say where another's have the same name."""


@dataclass(frozen=True)
class Figure:
    """A number of the account, and what it says."""

    name: str
    value: float
    text: str


@dataclass(frozen=True)
class Layer:
    """Relevance that arrived at a node and that it passed on, of one item."""

    node: str
    operator: str
    rule: str
    relevance_in: float
    relevance_out: float


def figures(account: Mapping[str, Any], item: int, label: str = "") -> list[Figure]:
    """Return the figures of one item; `account` is an Account as JSON, in which figures of failed items are null."""
    score, total = _at(account["score"], item), _at(account["attribution_sum"], item)
    found = [] if score is None else [_score(account, score, label)]
    if score is not None and total is not None:
        # what lies about a score of its own sums to nothing that means anything
        if centre_of(account["method"]) is None:
            found.append(_sum(account, item, score, total))
        found += _absorbed(account, item, score)
    for name, values in account["per_item"].items():
        value = _at(values, item)
        if value is not None:
            found.append(Figure(name, value, _meaning(account["method"], name)))
    return found


def _meaning(method: str, name: str) -> str:
    usual = _MEANINGS.get(name.partition(".")[0], "Reported by the method for this item.")
    return _OF_METHODS.get((method, name), usual)


def layers(account: Mapping[str, Any], item: int) -> list[Layer]:
    """Return the relevance at every node of the ledger, from the target to the inputs; none for other methods."""
    return [
        Layer(e["node"], e["operator"], e["rule"], e["relevance_in"][item], e["relevance_out"][item])
        for e in account["ledger"]
        if _at(e["relevance_in"], item) is not None and _at(e["relevance_out"], item) is not None
    ]


def _at(values: list[float | None], item: int) -> float | None:
    return values[item] if item < len(values) else None


def _score(account: Mapping[str, Any], score: float, label: str) -> Figure:
    before = ", before the final softmax or sigmoid" if account["logits"] else ""
    what = f" for {label}" if label else ""
    return Figure(
        "score", score, f"The score{what} that is explained: {account['explained'] or 'the target'}{before}."
    )


def _sum(account: Mapping[str, Any], item: int, score: float, total: float) -> Figure:
    if account["method"] in SLOPES:
        text = "The sum of the attributions. They are slopes, not shares: it says nothing about the score."
        return Figure("attribution_sum", total, text)
    start = _at(account["per_item"].get("baseline_score", []), item) or 0.0
    whole = score - start
    if not shares_out(account["method"], account["params"]):
        return Figure(
            "attribution_sum", total, "The sum of the attributions; this method does not promise the score."
        )
    of = "the score's difference to the baseline" if start else "the score"
    if not whole:
        return Figure("attribution_sum", total, f"{_capital(of)} is 0: there is nothing to distribute.")
    return Figure(
        "attribution_sum", total, f"{percent(total / whole)} of {of} is distributed over the inputs."
    )


def _absorbed(account: Mapping[str, Any], item: int, score: float) -> Iterator[Figure]:
    totals: dict[str, float] = {}
    for entry in account["ledger"]:
        for name, values in entry["absorbed"].items():
            totals[name] = totals.get(name, 0.0) + (_at(values, item) or 0.0)
    for name, total in totals.items():
        if score and abs(total / score) >= 0.0005:
            where = _ABSORBERS.get(name, name)
            yield Figure(f"absorbed.{name}", total, f"{percent(total / score)} of the score went to {where}.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def percent(share: float) -> str:
    """Return a share as a percentage of three digits."""
    return f"{100 * share:.3g} %"
