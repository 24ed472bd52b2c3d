"""Which rule goes where: tables from matches to rules, first match first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .params import Layer, Match, RuleName, StabilizerParams


@dataclass(frozen=True)
class Composite:
    """Layers in the order in which they are tried, and what attention and gates do."""

    name: str
    layers: tuple[Layer, ...]
    halves: bool = False
    """Gates hand half to each factor; else the signal takes all."""
    softmax: bool = True
    """Relevance passes a Softmax; else its output is a weight, held fixed."""
    bilinear: float | None = None
    """ε on products of signals where it is not the stabiliser's."""
    unbounded: Layer | None = None
    """What stands in for z^B where the bounds are not known; without it z^B is refused there."""
    reason: str = ""
    """Why it was chosen, where it was."""


CONVOLUTIONS = ["Conv", "ConvTranspose"]


def _layer(rule: RuleName, operator: list[str] | None = None, position: Any = None, **numbers: Any) -> Layer:
    return Layer(match=Match(operator=operator, position=position), rule=rule, **numbers)


_DENSE = _layer("epsilon")
_CONV_PLUS = _layer("z_plus", CONVOLUTIONS)
_CONV_21 = _layer("alpha_beta", CONVOLUTIONS, alpha=2.0, beta=1.0)
_FLAT = _layer("flat", position="first")
_THIRDS = (
    _layer("z_box", position="first"),
    _layer("gamma", position=(0.0, 1 / 3)),
    _layer("epsilon", position=(1 / 3, 2 / 3), epsilon=0.25, stabilizer=StabilizerParams(norm_scale=True)),
    _layer("epsilon", epsilon=0.0),
)

COMPOSITES: dict[str, Composite] = {
    c.name: c
    for c in (
        Composite("epsilon", (_DENSE,)),
        Composite("epsilon_plus", (_CONV_PLUS, _DENSE)),
        Composite("epsilon_alpha2_beta1", (_CONV_21, _DENSE)),
        Composite("epsilon_plus_flat", (_FLAT, _CONV_PLUS, _DENSE)),
        Composite("epsilon_alpha2_beta1_flat", (_FLAT, _CONV_21, _DENSE)),
        Composite(
            "epsilon_gamma_box",
            (_layer("z_box", CONVOLUTIONS, "first"), _layer("gamma", CONVOLUTIONS), _DENSE),
        ),
        Composite("best_practice", _THIRDS),
        Composite("alpha1_beta0", (_layer("alpha_beta", alpha=1.0, beta=0.0),)),
        Composite("alpha2_beta1", (_layer("alpha_beta", alpha=2.0, beta=1.0),)),
        Composite("alpha3_beta2", (_layer("alpha_beta", alpha=3.0, beta=2.0),)),
        Composite("z_plus", (_layer("z_plus"),)),
        Composite("gamma", (_layer("gamma"),)),
        Composite("w_square", (_layer("w_square"),)),
        Composite("flat", (_layer("flat"),)),
        Composite("attn_lrp", (_DENSE,), halves=True, bilinear=5e-9),
        Composite("cp_lrp", (_DENSE,), softmax=False),
    )
}

EXCITATION = Composite("excitation_backprop", COMPOSITES["alpha1_beta0"].layers)
CONTRASTIVE = Composite(
    "contrastive excitation_backprop", (_layer("contrast", position="last"), *EXCITATION.layers)
)
DEEP_TAYLOR = Composite(
    "deep_taylor",
    (_layer("z_box", position="first"), _layer("z_plus")),
    unbounded=_layer("w_square", position="first"),
)


def of_layers(layers: Sequence[Layer]) -> Composite:
    """Return a composite of the user's layers; linear operators that none matches get ε."""
    return Composite("custom", (*layers, _DENSE))


def choose(operators: set[str], *, attention: bool, recurrent: bool, tokens: bool) -> Composite:
    """Choose a composite by what the graph is."""
    if attention:
        return replace(COMPOSITES["attn_lrp"], reason="products of signals behind a Softmax: a transformer")
    if recurrent:
        return replace(COMPOSITES["epsilon"], reason="recurrent: ε, and the signal takes all at gates")
    if operators & set(CONVOLUTIONS):
        name = "epsilon_plus" if tokens else "epsilon_plus_flat"
        return replace(
            COMPOSITES[name], reason="convolutional" + (", over embedded tokens" if tokens else "")
        )
    return replace(COMPOSITES["epsilon"], reason="dense")
