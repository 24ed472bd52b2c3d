"""onnxplain over HTTP: routes, problem documents, OpenAPI and the page; no numerics, no runtime, no ONNX parsing."""
