"""ONNX in, ONNX out: load, prepare, build, and the one backward walk."""
