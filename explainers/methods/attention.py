"""Attention maps, their rollout (Abnar & Zuidema, 2020) and their weighting by gradients (Chefer et al., 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..errors import InvalidRequest
from ..registry import Params, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class AttentionParams(Params):
    """Parameters of `attention`."""

    layer: str | list[str] | None = Field(
        None, description="Nodes or tensors of the attentions to give; default: all that are found."
    )
    reduce: Literal["mean", "max", "min"] = Field(
        "mean", description="How the heads are joined where layers are put together."
    )
    rollout: bool | None = Field(
        None, description="Multiply the maps of all layers; default: where self-attentions follow each other."
    )
    gradient: bool = Field(
        False,
        description="Weigh each map by the score's gradient and keep what is positive; then the layers are summed up by it, too.",
    )


@method(
    family="prototype",
    paper="Abnar & Zuidema, 2020, arXiv:2005.00928, equation 1; Chefer et al., 2021, arXiv:2103.15679, equations 5 and 6",
    needs="run",
    compiled=True,
)
def attention(graph: ExplanationGraph, params: AttentionParams) -> dict[str, Any]:
    """Where every attention in the model looks, head by head, and what its layers come to together."""
    from ..inside.attentions import attentions
    from ..inside.maps import chain, choose, gradients, relevance, rollout, standard

    op, nodes = graph.op, graph.model.graph
    there = attentions(nodes)
    if not there:
        raise InvalidRequest(
            "the model has no attention: no inner Softmax of it multiplies anything by MatMul, Gemm, Einsum or Mul",
            pointer="/method",
        )
    wanted = [params.layer] if isinstance(params.layer, str) else list(params.layer or [])
    found = choose(there, wanted)
    maps = {a.name: standard(op, nodes, a, a.weights) for a in found}
    arrays: dict[str, Any] = {f"attention.{n}": v for n, v in maps.items()}
    row, reason = chain(nodes, found)
    tokens = (row[0].tokens or 0) if row else 0
    if params.rollout and not row:
        raise InvalidRequest(f"there is no rollout: {reason}", pointer="/params/rollout")
    graph.notes |= {"attentions": [a.name for a in there], "rolled_out": [a.name for a in row] or reason}
    if row and params.rollout is not False:
        arrays["rollout"] = rollout(op, [maps[a.name] for a in row], tokens, params.reduce)
    if params.gradient:
        slopes = dict(zip([a.name for a in found], gradients(graph, found), strict=True))
        weighted = {
            a.name: op.Relu(op.Mul(standard(op, nodes, a, slopes[a.name]), maps[a.name])) for a in found
        }
        arrays |= {f"weighted.{n}": v for n, v in weighted.items()}
        if row and params.rollout is not False:
            arrays["weighted_rollout"] = relevance(op, [weighted[a.name] for a in row], tokens, params.reduce)
    return arrays
