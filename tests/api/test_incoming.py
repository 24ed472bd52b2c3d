"""Unfinished uploads: gone with whoever was killed at them, and nobody else's touched."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from api.incoming import folder

ROOT = Path(__file__).resolve().parents[2]
UPLOADING = """
import sys
from pathlib import Path
from flask import Flask
from api import incoming

app = Flask("uploading")
app.extensions["incoming"] = incoming.folder(Path(sys.argv[1]))
with app.app_context():
    file = incoming.new_file()
file.write(b"half")
file.flush()
print(file.name, flush=True)
sys.stdin.read()
"""
OPEN_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
import api.gunicorn
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def uploading(data: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that is in the middle of an upload."""
    run = [sys.executable, "-c", UPLOADING, str(data)]
    process = subprocess.Popen(run, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_goes_with_the_next_start_and_what_is_under_way_stays(tmp_path):
    killed, left = uploading(tmp_path)
    lives, under_way = uploading(tmp_path)
    killed.kill()
    killed.communicate()
    assert left.exists()
    folder(tmp_path)
    assert [left.exists(), under_way.exists()] == [False, True]
    assert lives.communicate()[0] == ""
    assert not under_way.exists()


def test_a_web_process_may_open_as_many_files_as_the_machine_allows():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    run = [sys.executable, "-c", OPEN_FILES]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(hard), str(hard)]
