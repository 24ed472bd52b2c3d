"""Element-wise operators: where each is smooth, and its special points."""

from __future__ import annotations

import numpy as np

from reference.arrays import RNG, inside, normal
from reference.vjp_case import Case

X = normal(2, 3, 4, scale=2.0)
UNARY = {
    "Identity": X, "Neg": X, "Abs": X, "Exp": X, "Log": inside(0.2, 4, 2, 3), "Sqrt": inside(0.2, 4, 2, 3),
    "Reciprocal": inside(0.5, 3, 2, 3), "Erf": X, "Sin": X, "Cos": X, "Tan": inside(-1.2, 1.2, 2, 3),
    "Asin": inside(-0.9, 0.9, 2, 3), "Acos": inside(-0.9, 0.9, 2, 3), "Atan": X, "Sinh": X, "Cosh": X, "Asinh": X,
    "Acosh": inside(1.2, 4, 2, 3), "Atanh": inside(-0.9, 0.9, 2, 3), "Relu": X, "Sigmoid": X, "Tanh": X,
    "Softplus": X, "Softsign": X, "LeakyRelu": X, "ThresholdedRelu": X, "Elu": X, "Celu": X, "Selu": X,
    "HardSigmoid": X, "HardSwish": X, "Mish": X, "Gelu": X,
}
ROWS = [
    *(Case(name, (x,)) for name, x in UNARY.items()),
    Case("LeakyRelu", (X,), {"alpha": 0.3}),
    Case("ThresholdedRelu", (X,), {"alpha": 0.7}),
    Case("Elu", (X,), {"alpha": 1.7}),
    Case("Celu", (X,), {"alpha": 1.7}),
    Case("Selu", (X,), {"alpha": 1.2, "gamma": 0.7}),
    Case("HardSigmoid", (X,), {"alpha": 0.3, "beta": 0.4}),
    Case("Gelu", (X,), {"approximate": "tanh"}),
    Case("Swish", (X,), {"alpha": 1.3}, opset=24),
    Case("SwiGLU", (X, normal(2, 3, 4)), {"alpha": 0.7}, opset=28),
    Case("Shrink", (X,), {"lambd": 0.8, "bias": 0.3}),
    Case("Mod", (inside(-5, 5, 2, 3), inside(1, 2, 3)), {"fmod": 1}),
    Case("Mod", (inside(-5, 5, 2, 3), inside(1, 2, 3)), {"fmod": 0}, opset=28),
    Case("Div", (normal(2, 3), inside(0.5, 2, 1, 3)), wrt=(0,)),
    Case("Add", (normal(2, 3, 4), normal(3, 1))),
    Case("Sub", (normal(3, 1), normal(2, 3, 4))),
    Case("Mul", (normal(2, 3, 4), normal(4))),
    Case("Mul", (normal(2, 1, 4), normal(1, 3, 1))),
    Case("Mul", (normal(2, 3), normal())),
    Case("Div", (normal(2, 3), inside(0.5, 2, 1, 3))),
    Case("Pow", (inside(0.3, 2, 2, 3), normal(3))),
    Case("Pow", (normal(2, 3), np.array([2.0, 3.0, 1.0], np.float32)), wrt=(0,)),
    Case("Pow", (normal(2, 3), np.array([2, 3, 0], np.int64)), label="integer exponent"),
    Case("Sum", (normal(2, 3, 4), normal(3, 1), normal(1))),
    Case("Mean", (normal(2, 3, 4), normal(3, 1), normal(1))),
    Case("Max", (normal(2, 3, 4), normal(3, 1), normal(4))),
    Case("Min", (normal(2, 3, 4), normal(3, 1), normal(4))),
    Case("Max", (normal(2, 3),)),
    Case("Where", (RNG.random((2, 3)) > 0.5, normal(2, 3), normal(3)), wrt=(1, 2)),
    Case("PRelu", (X, normal(3, 1))),
    Case("PRelu", (X, normal(1))),
    Case("Clip", (X, np.array(-1.0, np.float32), np.array(1.5, np.float32))),
    Case("Clip", (X, None, np.array(0.5, np.float32))),
    Case("Clip", (X, np.array(0.5, np.float32))),
    Case("Clip", (X,)),
    Case("Clip", (X, np.array(1.0, np.float32), np.array(-1.0, np.float32)), label="crossed bounds"),
    Case("Cast", (X,), {"to": 1}),
    Case("CastLike", (X, normal(1)), wrt=(0,)),
]
