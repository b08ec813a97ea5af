"""The entry points without a browser: `worker.py` runs the queue's jobs, `worker.py clock` ticks.

Any number of both may run: all work is claimed in the database, so that two never do the same.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from dotenv import load_dotenv
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from service import private_files, scheduler, tasks  # noqa: F401 - for the jobs, which are forks
from service.config import SettingError, Settings
from service.core import create_core
from service.extensions import db, queue
from service.mail.delivery import shutdown, warming, worker_starts
from service.reachability import unreachable

ROUND = 5  # seconds between two ticks: what nobody hinted at leaves within 10
STOPPING = {signal.SIGTERM, signal.SIGINT}

Noted = TypeVar("Noted")

log = logging.getLogger("service.worker")


def main() -> int:
    """Make the app, before anything forks, and run the process that was asked for."""
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["clock"], help="tick instead of working")
    wanted = parser.parse_args()
    private_files.hide_new_files()
    load_dotenv(".env")  # what the environment says already wins
    try:
        settings = Settings.from_environment()
        app = create_core(settings)
        private_files.hide_stored(settings)
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 3
    for complaint in unreachable(settings):
        log.warning(complaint)
    if wanted.what == "clock":
        tick_until_stopped(app)
    else:
        work_until_stopped(app, settings)
    return 0


class MailWorker(Worker):
    """RQ's worker, whose jobs end after the mail in hand when it is told to stop."""

    start_id: int | None = None  # of the row that says how its start went

    def bootstrap(self, *words: Any, **more: Any) -> None:
        """Register at Redis, and write down that the worker has come up."""
        super().bootstrap(*words, **more)
        noted(worker_starts.came_up, self.start_id)
        db.engine.dispose()  # a connection must not be shared with the jobs, which are forks
        log.info("worker_ready queue=%s", queue.name)

    def setup_work_horse_signals(self) -> None:
        """Let a job note SIGTERM; Ctrl-C reaches the worker, which passes it on."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        shutdown.listen()

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Signal the job at hand, and those that it forked.

        A job that was forked just now is still in the worker's own process group, which RQ would
        signal: the worker, and whoever started it, such as a shell or a test run.
        """
        with suppress(ProcessLookupError):  # it is over already
            if os.getpgid(self.horse_pid) == self.horse_pid:
                super().kill_horse(sig)
            else:
                os.kill(self.horse_pid, sig)

    def handle_warm_shutdown_request(self) -> None:
        """Tell the job at hand."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)


def work_until_stopped(app: Flask, settings: Settings) -> None:
    """Run the jobs of the one queue; ends after the mail in hand when it is told to."""
    connection = Redis.from_url(settings.redis_url)
    while not answers(connection):  # whatever is due stays in the database meanwhile
        time.sleep(2)
    with app.app_context():
        start_id = noted(worker_starts.begin)
        for number in STOPPING:  # until RQ takes them over
            signal.signal(number, end)
        try:
            warm()
            jobs = Queue(queue.name, connection=connection, serializer=JSONSerializer)
            worker = MailWorker([jobs], connection=connection, serializer=JSONSerializer)
            worker.log_job_description = False
            worker.start_id = start_id
            worker.work(logging_level="WARNING")
        except SystemExit:
            noted(worker_starts.forget, start_id)
            raise
        except Exception as error:
            noted(worker_starts.broke, start_id, error)
            raise


def warm() -> None:
    """Fill the caches that jobs inherit; jobs work without them, so what is raised is logged."""
    try:
        warming.warm()
    except SQLAlchemyError as error:
        log.warning("database_away error=%s", type(error).__name__)
    except Exception:
        log.exception("warming_failed")
    db.session.rollback()


def noted(note: Callable[..., Noted], *words: object) -> Noted | None:
    """Write something down and commit; without a database it is logged and left out."""
    try:
        result = note(*words)
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("database_away error=%s", type(error).__name__)
        return None
    return result


def end(_number: int, _frame: object) -> NoReturn:
    """End a worker that is just starting."""
    raise SystemExit(0)


def answers(connection: Redis) -> bool:
    """Say whether Redis is there."""
    try:
        return bool(connection.ping())
    except RedisError:
        return False


def tick_until_stopped(app: Flask) -> None:
    """Tick, pause, tick; ends between two ticks when it is told to.

    The pause is one wait for a signal, so that a clock that is moved cannot stretch it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    log.info("clock_ready round=%ss", ROUND)
    while True:
        with app.app_context():
            try:
                scheduler.tick(is_stopping=lambda: bool(signal.sigpending() & STOPPING))
            except OperationalError as error:
                log.warning("database_away error=%s", type(error.orig).__name__)
            except ExceptionGroup as group:  # each was logged, and its departure set aside
                log.error("tick_unwell errors=%s", len(group.exceptions))
        if signal.sigtimedwait(STOPPING, ROUND):
            return


if __name__ == "__main__":
    sys.exit(main())
