"""Measure how long clients wait for their answer to be taken while a list is imported.

Phones open and send their survey, 1,000 in a minute, to one gunicorn as in production; first alone,
then while a member of the team imports 30,000 clients through the pages of the same server. SQLite,
where there is one writer. Limits: every answer is taken, none waits over a second.

`python -m benchmarks.import_beside_phones [CLIENTS [PHONES-A-MINUTE]]`
"""

import importlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

from service.app import create_app
from service.clock import now
from service.current import sign
from service.extensions import db
from service.models import Role
from service.team.actions import passwords
from service.tokens import Purpose
from tests.builders import a_company, a_departure, a_member, a_question, an_invitation
from tests.live import free_port
from tests.servers import valkey

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = 30_000
PHONES = 1_000  # a minute
ALONE = 40  # phones that are measured without an import
SLOWEST = 1.0  # seconds
EMAIL, PASSWORD = "marta@norte.example", "a password for benchmarks"
LONGEST = 240  # seconds that an import may take


def main() -> int:
    """Measure and print; return 1 when a limit is not kept."""
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    each = 60 / (int(sys.argv[2]) if len(sys.argv) > 2 else PHONES)
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(DATA_DIR=home, SECRET_KEY="a key for benchmarks only")
        links = iter(prepared(ALONE + int(LONGEST / each)))
        with valkey() as redis_url, server(redis_url) as url:
            alone = iter(range(ALONE))
            report("alone", phones(url, links, each, lambda: next(alone, None) is None))
            ended = threading.Event()
            importing = threading.Thread(target=imported, args=(url, clients, Path(home), ended))
            importing.start()
            waits = phones(url, links, each, ended.is_set)
            importing.join()
    slowest = report(f"beside {clients:,} clients", waits)
    print(f"import_beside_phones longest wait: {slowest:.2f} s of {SLOWEST:.0f} s allowed")
    return 0 if slowest <= SLOWEST else 1


def prepared(count: int) -> list[str]:
    """Create a database with a member and so many open surveys; return their links."""
    with create_app().app_context():
        db.create_all()
        a_company(language="en")
        a_question()
        hashed = passwords.hashed(PASSWORD)
        member = a_member(email=EMAIL, role=Role.member, password_hash=hashed, language="en")
        closes_at = now() + timedelta(days=60)
        rows = [
            an_invitation(departure=a_departure(responsible=member), closes_at=closes_at)
            for _ in range(count)
        ]
        db.session.commit()
        return [f"/s/{sign(Purpose.survey, row.public_id)}" for row in rows]


@contextmanager
def server(redis_url: str) -> Iterator[str]:
    """Run gunicorn as in production, with one worker; yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {"BASE_URL": url, "WEB_CONCURRENCY": "1", "REDIS_URL": redis_url}
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--log-level", "error"]
    process = subprocess.Popen([*command, "wsgi:app"], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), urlopen(f"{url}/healthz"):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def phones(url: str, links: Iterator[str], each: float, is_over: Callable[[], bool]) -> list[float]:
    """Have a phone answer every `each` seconds until `is_over`; return how long each POST took."""
    waits: list[float] = []

    def answer(link: str) -> None:
        with urlopen(url + link) as page:
            page.read()
        began = time.monotonic()
        with urlopen(url + link, urlencode({"action": "send", "score": "9"}).encode()) as thanks:
            assert thanks.status == 200, thanks.status  # a 503 raises
        waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(100) as all_phones:
        answers = []
        due = time.monotonic()
        for link in links:
            if is_over():
                break
            answers.append(all_phones.submit(answer, link))
            due += each
            time.sleep(max(0, due - time.monotonic()))
        for one in answers:
            one.result()
    return waits


def imported(url: str, clients: int, home: Path, ended: threading.Event) -> None:
    """Import a list through the pages, as a browser does; set `ended` in the end."""
    try:
        made = importlib.import_module("benchmarks.import")
        made.CLIENTS = clients
        data = made.written(home)[0].read_bytes()
        browser = build_opener(HTTPCookieProcessor(CookieJar()))

        def page(address: str, **fields: str) -> tuple[str, str]:
            body = urlencode(fields).encode() if fields else None
            with browser.open(address, body) as answer:
                return answer.url, answer.read().decode()

        def proof(html: str) -> str:
            return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', html)[1]

        asked = proof(page(f"{url}/login")[1])
        page(f"{url}/login", csrf_token=asked, email=EMAIL, password=PASSWORD)
        asked = proof(page(f"{url}/imports")[1])
        began = time.monotonic()
        body = b"".join(
            (
                b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n',
                asked.encode() + b"\r\n",
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="list.csv"\r\n\r\n',
                data + b"\r\n--x--\r\n",
            )
        )
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        with browser.open(Request(f"{url}/imports", body, kind)) as preview:
            address, html = preview.url, preview.read().decode()
        shown = time.monotonic()
        figures = re.search(r'name="shown" value="([^"]*)"', html)[1]
        where, html = page(address, csrf_token=proof(html), shown=figures, since="")
        assert where != address, "not imported"
        print(
            f"import_beside_phones: {clients:,} clients, preview {shown - began:.1f} s,"
            f" import {time.monotonic() - shown:.1f} s"
        )
    finally:
        ended.set()


def report(name: str, waits: list[float]) -> float:
    """Print the waits; return the longest."""
    waits.sort()
    print(
        f"import_beside_phones {name}: {len(waits)} answers taken, median"
        f" {statistics.median(waits) * 1000:.0f} ms, p95"
        f" {waits[int(len(waits) * 0.95)] * 1000:.0f} ms, longest {waits[-1] * 1000:.0f} ms"
    )
    return waits[-1]


if __name__ == "__main__":
    sys.exit(main())
