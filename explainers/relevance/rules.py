"""The rules of linear operators, by name; relevance_i = Σ_j R_j · (what i gives to j) / (what all give to j)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import InvalidRequest
from .rule import NEGATIVE, NOTHING, ONE, POSITIVE, SAME, SQUARE, Branch, Group, Part, Rule
from .stabilizer import Stabilizer


@dataclass(frozen=True)
class Numbers:
    """The numbers that a rule can be given."""

    epsilon: float = 1e-6
    gamma: float = 0.25
    alpha: float = 2.0
    beta: float = 1.0
    bias: Literal["keep", "drop"] = "keep"
    stabilizer: Stabilizer = Stabilizer()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class Applied:
    """A rule with its stabiliser, ready for a node."""

    rule: Rule
    stabilizer: Stabilizer

    @property
    def name(self) -> str:
        """The rule's name with its numbers."""
        return self.rule.name


def epsilon(n: Numbers) -> Rule:
    """Bach et al., 2015, eq. 58: the share of each contribution x_i W_ij in z_j."""
    return Rule(f"epsilon({n.epsilon:g})", (Group((Branch(SAME, SAME, SAME),)),))


def z_plus(n: Numbers) -> Rule:
    """Montavon et al., 2017: only positive contributions count."""
    return Rule("z_plus", (_supporting(1.0),))


def alpha_beta(n: Numbers) -> Rule:
    """Bach et al., 2015, eq. 60: alpha times the positive contributions' shares minus beta times the negative ones'."""
    if n.alpha < 0 or n.beta < 0 or abs(n.alpha - n.beta - 1) > 1e-9:
        raise InvalidRequest(
            f"alpha {n.alpha:g} and beta {n.beta:g} must be ≥ 0 and alpha - beta = 1", pointer="/params"
        )
    groups = (_supporting(n.alpha), _opposing(-n.beta)) if n.beta else (_supporting(n.alpha),)
    return Rule(f"alpha{n.alpha:g}_beta{n.beta:g}", groups)


def contrast(n: Numbers) -> Rule:
    """Zhang et al., 2016, section 3.3: what speaks for an output minus what speaks for its dual with negated weights."""
    return Rule("contrast", (_supporting(1.0), _opposing(-1.0)))


def gamma(n: Numbers) -> Rule:
    """Montavon et al., 2019, generalised to signed inputs: contributions of z's own sign count 1 + gamma times."""
    more, less = Part(same=1.0, positive=n.gamma), Part(same=1.0, negative=n.gamma)
    above = Group((Branch(POSITIVE, more, more), Branch(NEGATIVE, less)), where="above")
    below = Group((Branch(POSITIVE, less, less), Branch(NEGATIVE, more)), where="below")
    return Rule(f"gamma({n.gamma:g})", (above, below))


def z_box(n: Numbers) -> Rule:
    """Montavon et al., 2017, section 4.2: inputs in a box [low, high]; the bias cancels."""
    return Rule(
        "z_box",
        (
            Group(
                (
                    Branch(SAME, SAME, SAME),
                    Branch("low", POSITIVE, POSITIVE, -1.0),
                    Branch("high", NEGATIVE, NEGATIVE, -1.0),
                )
            ),
        ),
    )


def w_square(n: Numbers) -> Rule:
    """Montavon et al., 2017, section 4.1: real inputs; the share of each squared weight."""
    return Rule("w_square", (Group((Branch(ONE, SQUARE, SQUARE),)),))


def flat(n: Numbers) -> Rule:
    """Lapuschkin et al., 2017: the same share to every input."""
    return Rule("flat", (Group((Branch(ONE, ONE),)),))


def _supporting(share: float) -> Group:
    return Group((Branch(POSITIVE, POSITIVE, POSITIVE), Branch(NEGATIVE, NEGATIVE)), share)


def _opposing(share: float) -> Group:
    return Group((Branch(POSITIVE, NEGATIVE, NEGATIVE), Branch(NEGATIVE, POSITIVE)), share)


RULES: dict[str, Callable[[Numbers], Rule]] = {
    "epsilon": epsilon,
    "z_plus": z_plus,
    "alpha_beta": alpha_beta,
    "gamma": gamma,
    "z_box": z_box,
    "w_square": w_square,
    "flat": flat,
    "contrast": contrast,
}


def build(name: str, numbers: Numbers) -> Applied:
    """Return a named rule with these numbers; without bias where the numbers say so."""
    rule = RULES[name](numbers)
    if numbers.bias == "drop":
        rule = Rule(
            f"{rule.name}, no bias",
            tuple(replace(g, branches=tuple(replace(b, b=NOTHING) for b in g.branches)) for g in rule.groups),
        )
    stabilizer = numbers.stabilizer
    return Applied(rule, replace(stabilizer, epsilon=numbers.epsilon) if name == "epsilon" else stabilizer)
