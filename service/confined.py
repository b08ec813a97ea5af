"""Run a module of ours in a process that can neither eat the machine nor hold it up.

For files of strangers: whatever a parser makes of them, it ends within limits. The process gets no
environment (no secret, no address of a database) and gives way to others.

`python -m service.confined MEMORY PROCESSOR OUTPUT MODULE WORD …` is its own entry point.
"""

import logging
import os
import resource
import runpy
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a confined process may use."""

    memory: int  # bytes of address space
    processor: int  # seconds
    output: int  # bytes of any file that it writes
    patience: int  # seconds by the wall clock


class Exceeded(Exception):
    """The process ended before it was done: a limit, or a crash."""


def run(
    module: str, words: Sequence[str], source: IO[bytes], target: IO[bytes], limits: Limits
) -> None:
    """Run `module` from the file `source` to the file `target`; raises Exceeded.

    Both are handed over as they stand: the process reads and writes from where they are.
    """
    target.flush()
    bounds = (limits.memory, limits.processor, limits.output)
    process = subprocess.Popen(
        [sys.executable, "-m", "service.confined", *map(str, bounds), module, *words],
        stdin=source,
        stdout=target,
        stderr=subprocess.DEVNULL,  # a traceback would quote the file
        cwd=ROOT,
        env={},
    )
    try:
        code = process.wait(limits.patience)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        process.kill()
        process.wait()
    if code != 0:
        log.warning("confined_ended module=%s code=%s", module, code)
        raise Exceeded


def main() -> None:
    """Set the limits and become the module."""
    memory, processor, output = map(int, sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    sys.argv = sys.argv[4:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
