"""The process tree with small programs of our own in place of web and worker."""

import sys
import threading
from pathlib import Path

import pytest

from ftplatform.local.errors import LocalError
from ftplatform.local.ports import choose
from ftplatform.local.supervisor import Program
from ftplatform.local.tree import Tree
from tests.local.processes import eventually, kill_hard, naming, start_python

SLEEPER = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(600)"
# Ignores SIGTERM, and leaves a grandchild in a session of its own, as a daemon does.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"], start_new_session=True)
open(sys.argv[1], 'a').write('x')
time.sleep(600)
"""
CRASHER = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit('no such table')"
STARTER = """
import sys, time
from pathlib import Path
from ftplatform.local.home import open_home
from ftplatform.local.supervisor import Program
from ftplatform.local.tree import Tree
home, marks, code = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with Tree(open_home(home), None, say=print) as tree:
    tree.start(Program("one", (sys.executable, "-c", code, marks), grace_s=1))
    while not Path(marks).exists():
        time.sleep(0.05)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def marks(folder: Path) -> Path:
    return folder / "marks"


def program(code: str, marks: Path, name: str = "one") -> Program:
    return Program(name, (sys.executable, "-c", code, str(marks)), grace_s=1)


def test_leaving_the_block_leaves_no_process(home, marks):
    with Tree(home, None, say=print) as tree:
        tree.start(program(STUBBORN, marks))
        eventually(marks.exists)
        assert len(naming(str(home.path))) >= 3
    assert not naming(str(home.path))


@pytest.mark.parametrize("code", [SLEEPER, STUBBORN])
def test_kill_9_of_the_starter_leaves_no_process(home, marks, code):
    starter = start_python(STARTER, str(home.path), str(marks), code)
    kill_hard(starter.pid)
    starter.wait()
    eventually(lambda: not naming(str(home.path)))


def test_kill_9_of_the_supervisor_ends_its_programs(home, marks):
    with Tree(home, None, say=print) as tree:
        tree.start(program(SLEEPER, marks))
        eventually(marks.exists)
        supervisor = next(pid for pid, command in naming(str(home.path)).items() if "local.supervisor" in command)
        kill_hard(supervisor)
        eventually(lambda: not tree.alive and not naming(str(home.path)))


def test_a_killed_program_is_started_again(home, marks):
    told: list[str] = []
    with Tree(home, None, say=told.append) as tree:
        tree.start(program(SLEEPER, marks))
        eventually(lambda: marks.exists() and marks.read_text() == "x")
        kill_hard(next(pid for pid, command in naming(str(marks)).items() if "-c import sys, time" in command))
        eventually(lambda: marks.read_text() == "xx")
    assert "one ended by itself with status -9; it is started again in 0.5 s" in told[0]


def test_a_crashing_program_is_told_with_its_last_words_and_tried_ever_more_slowly(home, marks):
    told: list[str] = []
    third = threading.Event()

    def say(message: str) -> None:
        told.append(message)
        if len(told) == 3:
            third.set()

    with Tree(home, None, say=say) as tree:
        tree.start(program(CRASHER, marks))
        assert third.wait(20)
    assert "no such table" in told[0]
    assert [wait for message in told[:3] for wait in ("in 0.5 s", "in 1 s", "in 2 s") if wait in message] == [
        "in 0.5 s",
        "in 1 s",
        "in 2 s",
    ]


def test_a_site_that_does_not_start_is_an_error_with_its_last_words(home, marks):
    with Tree(home, None, say=print) as tree:
        tree.start(program(CRASHER, marks, name="web"))
        with pytest.raises(LocalError, match="no such table"):
            tree.wait_for_site(choose({}))


def test_one_program_is_stopped_alone(home, folder):
    with Tree(home, None, say=print) as tree:
        for name in ("stays", "goes"):
            tree.start(program(SLEEPER, folder / name, name))
            eventually((folder / name).exists)
        tree.stop("goes")
        eventually(lambda: not naming(str(folder / "goes")))
        assert naming(str(folder / "stays"))
