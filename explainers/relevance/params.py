"""What relevance methods can be asked; numpy and pydantic only, so that the catalogue stays light."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from ..registry import BackwardParams
from ..types import Frozen
from .rules import Numbers
from .stabilizer import Stabilizer

Bound = float | list[Any]
Bounds = Bound | dict[str, Bound] | None
RuleName = Literal[
    "epsilon",
    "z_plus",
    "alpha_beta",
    "gamma",
    "z_box",
    "w_square",
    "flat",
    "contrast",
    "pass",
    "norm",
    "uniform",
    "zero",
]
CompositeName = Literal[
    "auto",
    "epsilon",
    "epsilon_plus",
    "epsilon_alpha2_beta1",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
    "best_practice",
    "alpha1_beta0",
    "alpha2_beta1",
    "alpha3_beta2",
    "z_plus",
    "gamma",
    "w_square",
    "flat",
    "attn_lrp",
    "cp_lrp",
]


class StabilizerParams(Frozen):
    """How denominators are kept away from zero."""

    epsilon: float = Field(1e-6, ge=0, description="ε of every rule but the ε rule, which has its own.")
    clip: bool = Field(False, description="s(z) max(|z|, ε) in place of z + ε s(z).")
    norm_scale: bool = Field(False, description="Multiply ε by the root mean square of z.")

    def build(self) -> Stabilizer:
        """Return the stabiliser."""
        return Stabilizer(self.epsilon, self.clip, self.norm_scale)


class Match(Frozen):
    """Which nodes a rule is for; what is left out matches all."""

    node: str | list[str] | None = Field(None, description="Names of nodes.")
    operator: str | list[str] | None = Field(None, description="ONNX operators, for example Conv.")
    family: str | list[str] | None = Field(None, description="Families of operators; default: linear.")
    position: Literal["first", "last"] | tuple[float, float] | None = Field(
        None,
        description="'first': no linear operator lies between it and the inputs; 'last': none behind it; "
        "[a, b]: its depth among the linear operators, from 0 at the inputs to 1 at the target, a ≤ depth ≤ b.",
    )


class Layer(Frozen):
    """A rule and the nodes it is for."""

    match: Match = Match()
    rule: RuleName
    epsilon: float | None = Field(None, ge=0)
    gamma: float | None = Field(None, ge=0)
    alpha: float | None = None
    beta: float | None = None
    bias: Literal["keep", "drop"] | None = None
    stabilizer: StabilizerParams | None = None

    def numbers(self, default: Numbers) -> Numbers:
        """Return the rule's numbers, the composite's where it names none."""
        own: dict[str, Any] = {
            k: v for k in ("epsilon", "gamma", "alpha", "beta", "bias") if (v := getattr(self, k)) is not None
        }
        if self.stabilizer is not None:
            own["stabilizer"] = self.stabilizer.build()
        return replace(default, **own)


class Gate(Frozen):
    """A place in the graph: a whole node or tensor, some of its channels, or some of its neurons."""

    node: str = Field(description="Name of a node, or of the tensor it gives.")
    channels: list[int] | None = Field(None, description="Channels (axis 1) that are meant; default: all.")
    neurons: list[list[int]] | None = Field(
        None, description="Positions behind the batch axis that are meant; default: all."
    )


class RelevanceParams(BackwardParams):
    """What every method that hands relevance back can be asked."""

    stabilizer: StabilizerParams = Field(
        StabilizerParams(), description="How denominators are kept away from zero."
    )
    low: Bounds = Field(
        None,
        description="Least value of the input, one, per channel, or per input; default: the model's card.",
    )
    high: Bounds = Field(None, description="Greatest value of the input, likewise.")
    block: list[Gate | str] = Field(
        [], description="Nodes, channels or neurons through which no relevance may flow."
    )
    through: list[Gate | str] = Field(
        [],
        description="The only nodes, channels or neurons through which relevance may flow (concept relevance).",
    )
    ledger: bool = Field(
        False,
        description="Write down for each node what came in, went out, and was absorbed by bias, stabiliser, block, "
        "empty denominators, Softmax, constants and quantisers.",
    )
