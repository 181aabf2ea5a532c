"""The process in which JavaScript runs: it is kept, replaced when it dies, and has nothing of ours."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.mapping import engine, sandbox
from hub.mapping.engine import Engine, EngineFailed, Limits

LIMITS = Limits(cpu_ms=1000)
SITE = sysconfig.get_path("platlib")


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into processes through /proc")


@pytest.fixture(autouse=True)
def _own_processes() -> Iterator[None]:
    engine.close()
    yield
    engine.close()


def only_idle() -> Engine:
    [idle] = engine._idle
    return idle


def ask(text: str = "") -> str:
    return engine.run("input + '!'", text, LIMITS)


def test_process_is_kept_for_the_next_call() -> None:
    assert ask("a") == "a!"
    kept = only_idle()

    assert ask("b") == "b!"
    assert only_idle() is kept


def test_process_that_failed_a_program_is_kept_too() -> None:
    ask()
    kept = only_idle()

    with pytest.raises(EngineFailed, match="ReferenceError: nothing is not defined"):
        engine.run("nothing", "", LIMITS)
    assert only_idle() is kept


def test_process_that_died_while_it_waited_is_replaced() -> None:
    ask()
    died = only_idle()
    died._process.kill()
    died._process.wait()

    assert ask("a") == "a!"
    assert only_idle() is not died


def test_process_that_is_ended_says_so() -> None:
    with pytest.raises(EngineFailed, match="took longer than 50 ms of CPU"):
        engine.run("Array(2 ** 32 - 1).join()", "", Limits(cpu_ms=50))
    assert engine._idle == []


def test_process_that_is_killed_by_someone_else_is_not_called_slow() -> None:
    stuck = Engine()
    os.kill(stuck._process.pid, signal.SIGKILL)

    with pytest.raises(EngineFailed, match=r"ended the engine \(exit code -9\)"):
        stuck.ask(b"''", b"", LIMITS)


class Doomed(Engine):
    """A process that is killed right after it was found alive."""

    @property
    def is_alive(self) -> bool:
        self._process.kill()
        self._process.wait()
        return True


def test_page_whose_process_is_killed_by_someone_else_is_asked_again() -> None:
    """The system kills whoever has most memory: a page of good records would be rejected for that."""
    engine._idle.append(Doomed())

    assert ask("a") == "a!"


def test_program_that_ends_its_process_twice_is_given_up() -> None:
    engine._idle += [Doomed(), Doomed()]

    with pytest.raises(EngineFailed, match=r"ended the engine \(exit code -9\)"):
        ask()
    assert engine._idle == []


def test_callers_at_the_same_time_have_a_process_each() -> None:
    program = "(() => { const until = Date.now() + 200; while (Date.now() < until); return input; })()"
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda text: engine.run(program, text, LIMITS), ["a", "b", "c"]))

    assert answers == ["a", "b", "c"]
    assert len(engine._idle) == 3


def test_texts_of_any_length_and_script_come_back_whole() -> None:
    text = "ü\u2028\U0001f600\n\t" * 200_000

    assert engine.run("input", text, LIMITS) == text


def test_lone_surrogates_are_replaced_on_the_way() -> None:
    assert ask("a\ud800") == "a?!"


def test_answer_that_is_no_text_is_refused() -> None:
    with pytest.raises(EngineFailed, match="no text"):
        engine.run("({})", "", LIMITS)


@needs_proc
def test_process_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a flaw in the engine would find."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    ask()
    environment = Path(f"/proc/{only_idle()._process.pid}/environ").read_bytes()

    assert [name.partition(b"=")[0] for name in environment.split(b"\0") if name] == [b"LD_LIBRARY_PATH"]


@pytest.mark.parametrize(
    "attempt", ["open('/etc/hostname')", "open('/tmp/x', 'w')", "socket.socket()", "os.dup(1)", "os.pipe()"]
)
def test_process_can_open_nothing_more(attempt: str) -> None:
    code = f"import os, socket, sys; sys.path[:0] = {[SITE, str(Path(sandbox.__file__).parents[2])]!r}\n"
    code += "from hub.mapping import sandbox\n{shut}\ntry:\n    {attempt}\nexcept OSError as e:\n    print(e.errno)\n"

    def outcome(shut: str) -> str:
        command = [sys.executable, "-c", code.format(shut=shut, attempt=attempt)]
        return subprocess.run(command, capture_output=True, check=True, text=True, close_fds=True).stdout

    assert outcome("sandbox.close_doors()").strip() == "24"  # EMFILE
    assert outcome("pass") == ""


@needs_proc
def test_process_ends_with_its_parent() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(sandbox.__file__).parents[2])!r})\n"
        "from hub.mapping import engine; import os\n"
        "engine.run('input', '', engine.Limits(1000)); print(engine._idle[0]._process.pid, flush=True); os._exit(1)\n"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True).stdout)

    for _ in range(500):
        if not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the process outlived its parent by 5 seconds")


@pytest.mark.parametrize("program", ["Array(2 ** 32 - 1).join()", "throw {toString() { for (;;); }}"])
def test_engines_own_limit_would_not_end_every_program(program: str) -> None:
    """Why there is a process: in the one of the caller these would never come back."""
    code = f"import sys; sys.path[:0] = {[SITE, str(Path(sandbox.__file__).parents[2])]!r}\n"
    code += "from hub.mapping import sandbox; print('begun', flush=True)\n"
    code += f"sandbox.evaluated({program!r}, '', 0.05, 1 << 24)"

    with pytest.raises(subprocess.TimeoutExpired) as waited:
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=2)

    assert waited.value.stdout == b"begun\n"
    with pytest.raises(EngineFailed, match="took longer than 50 ms"):
        engine.run(program, "", Limits(cpu_ms=50))
