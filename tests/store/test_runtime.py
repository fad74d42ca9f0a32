"""Where the reader runs: at exit, under Ctrl-C, after fork, in threads, inside other loops."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cryodata.sandbox import Fault
from tests.store.helpers import Origin, counted, wait_until
from tests.store.scripts import PRELUDE, run_script, start_script

INTERRUPTED = """
print("reading", flush=True)
try:
    total(opened({engine!r}, {scheme!r}))
except KeyboardInterrupt:
    print(f"caught {{time.time()}}", flush=True)
print("leaving", flush=True)
"""

IN_A_THREAD = """
def work():
    try:
        total(opened())
    except ReaderClosedError:
        pass
threading.Thread(target=work, daemon=True).start()
time.sleep(0.02)
"""

EXITS = [
    "total(opened())",
    "total(opened(scheme='http'))",
    "total(opened()); loop.submit(reading(Fetcher(opened())))",  # requests under way at exit
    "store = opened(); fetch = Fetcher(store); loop.submit(reading(fetch, 500)); time.sleep(0.03)",
    "total(opened()); sys.exit(0)",
    IN_A_THREAD,
    "asyncio.run(loop.wrap(reading(Fetcher(opened()))))",
    "total(opened('fsspec'))",
]


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_the_interpreter_ends_cleanly(origin: Origin, rounds: int) -> None:
    """Up to half of all scripts would abort in the end (SIGABRT), after their work was done."""

    def one(number: int) -> tuple[int, str]:
        outcome = run_script(EXITS[number % len(EXITS)], origin.wire.url)
        return outcome.code, outcome.err

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(one, range(rounds)))
    assert ends == [(0, "")] * rounds


def interrupt(process: subprocess.Popen[str], after: float) -> tuple[float, str]:
    """Send SIGINT once the script reads; seconds until it was caught, and all it said."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "reading\n", line
    time.sleep(after)
    sent = time.time()
    process.send_signal(signal.SIGINT)
    caught = process.stdout.readline().split()
    assert caught[0] == "caught", caught
    return float(caught[1]) - sent, process.stdout.read()


@pytest.mark.parametrize("seed", counted(4, 50))
def test_ctrl_c_stops_a_read_and_the_program(origin: Origin, seed: int) -> None:
    """Ctrl-C on a hung server would be ignored for 40 s, and the process would never end."""
    rng = random.Random(seed)
    kind = ["hang", "stall"][seed % 2]
    origin.wire.fault(Fault(kind, at=10, seconds=120.0))  # type: ignore[arg-type]
    engine, scheme = [("auto", "s3"), ("auto", "http"), ("fsspec", "http"), ("fsspec", "s3")][
        seed % 4
    ]
    body = INTERRUPTED.format(engine=engine, scheme=scheme)
    with start_script(body, origin.wire.url) as process:
        try:
            seconds, rest = interrupt(process, 0.3 + rng.random())
            began = time.monotonic()
            code = process.wait(20)
            assert seconds <= 0.5
            assert time.monotonic() - began <= 2.0
            assert (code, rest) == (0, "leaving\n")
        finally:
            process.kill()
    wait_until(lambda: origin.wire.in_flight == 0)  # no orphans on the wire


def test_after_ctrl_c_the_next_call_works(origin: Origin) -> None:
    """A notebook would have to be restarted after every interruption."""
    origin.wire.fault(Fault("hang", seconds=120.0), times=1)
    body = INTERRUPTED.format(engine="auto", scheme="s3") + "print(total(opened()))"
    with start_script(body, origin.wire.url) as process:
        try:
            _, rest = interrupt(process, 0.5)
            assert (process.wait(20), rest) == (0, "leaving\n20000\n")
        finally:
            process.kill()


FORK = """
def child(store):
    began = time.monotonic()
    try:
        answer = total(store)
    except ReaderClosedError as error:
        assert "spawn" in error.fix and time.monotonic() - began < 1.0
        answer = -1
    os.write(1, f"{answer}\\n".encode())
    os._exit(0)

def forked(store):
    pid = os.fork()
    if pid == 0:
        child(store)
    assert os.waitpid(pid, 0)[1] == 0

warnings.simplefilter("ignore")
"""


@pytest.mark.parametrize(
    "body, answers",
    [
        pytest.param("s = opened(); forked(s)", "20000", id="fork before first use"),
        pytest.param("s = opened(); total(s); forked(s)", "-1", id="fork after use"),
        pytest.param(
            "s = opened(); forked(s); total(s); forked(s)", "20000 -1", id="fork before and after"
        ),
        pytest.param(
            "s = opened('fsspec'); total(s); forked(s)",
            "20000",
            id="s3fs is made anew in the child",
        ),
        pytest.param(
            "s = opened('fsspec', 'http'); total(s); forked(s)", "20000", id="and so is aiohttp"
        ),
        pytest.param(
            "import tempfile\n"
            "f = tempfile.NamedTemporaryFile(); f.write(bytes(100_000)); f.flush()\n"
            "s = open_store(f.name); total(s); forked(s)",
            "20000",
            id="local files",
        ),
    ],
)
def test_a_child_of_fork_reads_or_says_why_not(origin: Origin, body: str, answers: str) -> None:
    """A forked worker would hang for ever: obstore's threads are not in it."""
    outcome = run_script(FORK + body, origin.wire.url)
    assert (outcome.code, outcome.out.split()) == (0, answers.split()), outcome.err


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_do_not_fork_read(origin: Origin, method: str) -> None:
    """Dask's and torch's workers could not read."""
    body = f"""
import multiprocessing, pickle
from tests.store.workers import size_of
store = opened()
total(store)
context = multiprocessing.get_context({method!r})
with context.Pool(2) as pool:
    print(sum(pool.map(size_of, [pickle.dumps(store)] * 4)))
"""
    outcome = run_script(body, origin.wire.url)
    assert (outcome.code, outcome.out) == (0, "4000000\n"), outcome.err


def test_32_threads_read_at_once(origin: Origin) -> None:
    """Dask's threads would deadlock, or mix their bytes."""
    body = """
from concurrent.futures import ThreadPoolExecutor
store = opened()
with ThreadPoolExecutor(32) as pool:
    print(set(pool.map(lambda _: total(store), range(64))))
"""
    outcome = run_script(body, origin.wire.url)
    assert (outcome.code, outcome.out) == (0, "{20000}\n"), outcome.err


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_inside_a_running_loop(origin: Origin, runner: str) -> None:
    """A notebook would need nest_asyncio, or not work at all."""
    pytest.importorskip(runner)
    body = f"""
import {runner}
async def main():
    awaited = await loop.wrap(reading(Fetcher(opened())))
    return total(opened()), sum(len(b.data) for b in awaited)
print({runner}.run(main()))
"""
    outcome = run_script(body, origin.wire.url)
    assert (outcome.code, outcome.out) == (0, "(20000, 20000)\n"), outcome.err


def test_in_a_notebook(origin: Origin) -> None:
    """The place where most people read granules would be the one where it fails."""
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cell = PRELUDE.replace("sys.argv[1]", repr(origin.wire.url)) + "\nprint(total(opened()))"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    assert book.cells[0].outputs[0]["text"] == "20000\n"
