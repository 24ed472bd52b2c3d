"""Write sparse tensors out whole: the passes, like the runtime's kernels, know dense ones alone."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from ..policy import attributes, bodies, sparse_in


def densify(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with each sparse weight as a dense one, and each sparse constant."""
    if not any(True for _ in sparse_in(proto)):
        return proto
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    # nobody runs it, and ONNX's checker does not look there
    del out.training_info[:]
    for _, body in bodies(out):
        if isinstance(body, onnx.GraphProto):
            body.initializer.extend(_dense(s) for s in body.sparse_initializer)
            del body.sparse_initializer[:]
        for a in attributes(body):
            # a Constant's; no other operator has such an attribute
            if a.name == "sparse_value" and a.HasField("sparse_tensor"):
                a.CopyFrom(onnx.helper.make_attribute("value", _dense(a.sparse_tensor)))
    return out


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    values, at = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    whole = np.zeros(tuple(sparse.dims), values.dtype)
    if at.ndim == 1:
        whole.reshape(-1)[at] = values
    else:
        whole[tuple(at.T)] = values
    return numpy_helper.from_array(whole, sparse.values.name)
