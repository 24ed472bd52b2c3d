"""Imports run one way, seen from inside a process: what the linter cannot see of lazy imports."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

WEB = ("flask", "apiflask", "gunicorn")
MODEL = ("onnxruntime", "onnx", "onnx_ir")
QUEUE = ("celery", "kombu", "sqlalchemy", "redis")


def loaded(statement: str, root) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*(m for m in sys.modules if '.' not in m))"
    run = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("statement", "needed", "banned"),
    [
        ("import explainers", "explainers", (*WEB, *QUEUE, *MODEL, "api", "workers")),
        ("import explainers.registry; explainers.registry.methods()", "pydantic", (*WEB, *QUEUE, *MODEL)),
        ("import explainers.signature", "numpy", (*WEB, *QUEUE, *MODEL)),
        ("import explainers.cli", "click", (*WEB, *QUEUE, *MODEL)),
        ("import workers.queue", "celery", (*WEB, *MODEL, "api")),
        ("import api.app; api.app.create_app", "apiflask", MODEL),
    ],
)
def test_a_process_loads_only_its_own_layer(statement, needed, banned, root):
    modules = loaded(statement, root)
    assert needed in modules
    assert modules.isdisjoint(banned)


def test_every_module_of_the_api_imports_without_a_model_library(sources, root):
    names = [
        ".".join(p.with_suffix("").parts) for p in sources if p.parts[0] == "api" and p.name != "__init__.py"
    ]
    assert loaded("import " + ", ".join(names), root).isdisjoint(MODEL)


def test_only_the_runtime_reads_the_environment(sources):
    engine = {p: t for p, t in sources.items() if p.parts[0] == "explainers" and p.name != "runtime.py"}
    touched = {str(p) for p, t in engine.items() for n in ast.walk(t) if _reads_environment(n)}
    assert touched == set()


def _reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(a.name in ("environ", "getenv") for a in node.names)
    return isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")


def test_only_the_client_opens_connections(sources):
    engine = {p: t for p, t in sources.items() if p.parts[0] == "explainers"}
    network = {"socket", "http", "urllib", "httpx", "httpx_sse", "requests", "ssl"}
    found = {p.name for p, t in engine.items() if _imported(t) & network}
    assert found == {"client.py"}


def _imported(tree: ast.Module) -> set[str]:
    plain = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    source = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level]
    return {name.split(".")[0] for name in [*plain, *source]}
