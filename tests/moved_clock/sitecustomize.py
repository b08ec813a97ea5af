"""On the PYTHONPATH of processes under libfaketime: sleep without the call that it breaks.

Told to leave the monotonic clock alone, as whoever sets a clock does, libfaketime 0.9.10 answers
clock_nanosleep on that clock with EINVAL; and told to move it, timed waits of threads never end.
"""

import select
import time


def sleep(seconds: float) -> None:
    """Do as time.sleep does."""
    select.select([], [], [], seconds)


time.sleep = sleep
