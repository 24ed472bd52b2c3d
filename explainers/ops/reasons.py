"""Operators that calculus gives no useful derivative, each with the reason a user reads."""

from __future__ import annotations

from ..graph.table import no_derivative

no_derivative(
    "rounds to whole steps: the derivative is 0 wherever it exists", "Ceil", "Floor", "Round", "Sign"
)
no_derivative(
    "compares or decides: its output is piecewise constant",
    "And",
    "Or",
    "Xor",
    "Not",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "IsInf",
    "IsNaN",
    "ArgMax",
    "ArgMin",
    "NonZero",
    "NonMaxSuppression",
    "Unique",
    "Hardmax",
    "ai.onnx.ml::Binarizer",
)
no_derivative("reads sizes, not values", "Shape", "Size", "EyeLike", "ConstantOfShape")
no_derivative("has no input", "Constant", "RandomNormal", "RandomUniform")
no_derivative("draws at random", "Multinomial", "Bernoulli", "RandomNormalLike", "RandomUniformLike")
no_derivative(
    "is a constant table of a length", "BlackmanWindow", "HannWindow", "HammingWindow", "MelWeightMatrix"
)
no_derivative(
    "computes with whole numbers or bits",
    "BitCast",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
)
no_derivative(
    "reads text or categories",
    "RegexFullMatch",
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
    "TfIdfVectorizer",
    "ImageDecoder",
    "ai.onnx.ml::CategoryMapper",
    "ai.onnx.ml::LabelEncoder",
    "ai.onnx.ml::OneHotEncoder",
    "ai.onnx.ml::DictVectorizer",
    "ai.onnx.ml::CastMap",
)
no_derivative(
    "a tree is piecewise constant",
    "ai.onnx.ml::TreeEnsemble",
    "ai.onnx.ml::TreeEnsembleClassifier",
    "ai.onnx.ml::TreeEnsembleRegressor",
)
no_derivative(
    "is a step of training",
    *(f"ai.onnx.preview.training::{name}" for name in ("Adagrad", "Adam", "Gradient", "Momentum")),
)
no_derivative("says whether or how many, not how much", "OptionalHasElement", "SequenceLength")
no_derivative("gives maps; it is left out, and the probabilities it maps are explained", "ai.onnx.ml::ZipMap")
# what is left of them where a pass could not write them out
PROBIT = (
    "has a derivative with the post_transform NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO; "
    "with PROBIT the runtime gives no numbers for scores outside (0, 1)"
)
no_derivative(PROBIT, "ai.onnx.ml::LinearRegressor")
no_derivative(
    f"{PROBIT}; the number of features must be known, with a row of coefficients for each label, or one for two",
    "ai.onnx.ml::LinearClassifier",
)
