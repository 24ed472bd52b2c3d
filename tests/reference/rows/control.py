"""An If: its branches read x1 from outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, TensorProto, helper
from reference.arrays import normal
from reference.vjp_case import Case


@dataclass(frozen=True)
class Branching(Case):
    """x0 is the condition."""

    def node(self) -> NodeProto:
        def branch(name: str, operator: str) -> object:
            inner = helper.make_node(operator, ["x1"], [name])
            return helper.make_graph(
                [inner], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
            )

        return helper.make_node(
            "If", ["x0"], ["y0"], then_branch=branch("then", "Sin"), else_branch=branch("otherwise", "Exp")
        )


ROWS = [
    Branching("If", (np.array(condition), normal(2, 3)), wrt=(1,), fixed="") for condition in (True, False)
]
