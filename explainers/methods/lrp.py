"""Layer-wise relevance propagation (Bach et al., 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..registry import method
from ..relevance.composites import of_layers
from ..relevance.params import CompositeName, Layer, RelevanceParams
from ..relevance.rules import Numbers

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class LrpParams(RelevanceParams):
    """Parameters of `lrp`."""

    composite: CompositeName | list[Layer] = Field(
        "auto",
        description="Which rule goes where, by name, or a list of {match, rule, its numbers}, first match first.",
    )
    epsilon: float = Field(1e-6, ge=0, description="ε of the ε rule.")
    gamma: float = Field(
        0.25, ge=0, description="How much more contributions of the output's own sign count in the γ rule."
    )
    bias: Literal["keep", "drop"] = Field("keep", description="Whether biases count among the contributions.")


@method(
    family="backward",
    paper="Bach et al., 2015, PLoS ONE 10; Montavon et al., 2019, LNCS 11700; Achtibat et al., 2024, arXiv:2402.05602",
    compiled=True,
)
def lrp(graph: ExplanationGraph, params: LrpParams) -> dict[str, Any]:
    """How much each input value contributed to the score, handed back layer by layer by rules that conserve relevance."""
    from ..relevance.choice import choose_for
    from ..relevance.flowback import Relevance

    numbers = Numbers(
        epsilon=params.epsilon, gamma=params.gamma, bias=params.bias, stabilizer=params.stabilizer.build()
    )
    named = params.composite if isinstance(params.composite, list) else []
    composite = (
        of_layers(named)
        if named
        else choose_for(graph, str(params.composite) if isinstance(params.composite, str) else "auto")
    )
    start = graph.op.Mul(graph.weights, graph.target)
    return Relevance(graph, composite, numbers, params, len(named)).attributions(start)
