from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import explainers
from explainers.cli import main
from explainers.cli.methods import type_of

MODEL = str(Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx")


def run(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


def test_check_tells_families_and_operators():
    done = run("check", MODEL)
    assert done.exit_code == 0
    assert "BatchNormalization 2, Conv 2" in done.stdout
    assert "input_x_gradient" in done.stdout
    assert json.loads(run("check", MODEL, "--json").stdout)["parameters"] == 6282


def test_methods_lists_the_registry():
    listed = run("methods")
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in explainers.methods())
    assert set(json.loads(run("methods", "--json").stdout)) == set(explainers.methods())


def test_a_method_shows_its_parameters():
    shown = run("methods", "occlusion").stdout
    assert "stride" in shown
    assert '"together"' in shown
    assert run("methods", "nope").exit_code == 2


TYPES = [
    ({"type": "integer", "minimum": 1, "maximum": 9}, "integer ≥ 1 ≤ 9"),
    ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}]}, 'null or "a", "b"'),
    ({"type": "array", "items": {"type": "number"}}, "list of number"),
    ({"type": "object", "additionalProperties": {"type": "string"}}, "by name: string"),
]


@pytest.mark.parametrize(("schema", "words"), TYPES)
def test_a_schema_is_said_in_words(schema, words):
    assert type_of(schema, {"A": {"enum": ["a", "b"]}}) == words


def test_a_terminal_of_few_letters_is_no_fault():
    code = "import sys; from explainers.cli import main; sys.argv[1:] = ['methods', 'gradient']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False,
                          env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})  # fmt: skip
    assert done.returncode == 0, done.stderr


WHEEL_ALONE = """
import sys
class NoService:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("api", "workers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoService())
from explainers.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "status"), [(["serve", "--port", "1"], 1), (["serve", "--help"], 0), (["-h"], 0)]
)
def test_without_the_service_its_commands_say_where_it_is(words, status):
    command = [sys.executable, "-c", WHEEL_ALONE, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    said = " ".join((done.stdout + done.stderr).split())
    assert "serve" in said
    assert "pip install -e '.[all]'" in said or "part of the service" in said
    assert "Traceback" not in said
