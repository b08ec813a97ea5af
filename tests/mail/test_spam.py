"""A spam filter with its local rules finds nothing much in any of our mails."""

import re
import shutil
import subprocess

from tests.processes import missing

MOST = 2.0  # points; SpamAssassin itself calls spam what has 5
SCORE = re.compile(r"^X-Spam-Status: \w+, score=(-?[\d.]+)[^\n]*\n(?:\s[^\n]*\n)*", re.MULTILINE)


def test_every_mail_stays_far_from_what_filters_call_spam(every_mail):
    program = shutil.which("spamassassin") or missing("spamassassin")
    envelope = b"From norte@norte.example Wed Nov 25 09:00:00 2026\n"
    mbox = b"".join(
        envelope + octets.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ") + b"\n\n"
        for octets in every_mail.values()
    )
    command = [program, "--local", "--mbox"]
    judged = subprocess.run(command, input=mbox, capture_output=True, timeout=120, check=True)
    found = list(SCORE.finditer(judged.stdout.decode("utf-8", "replace")))
    assert len(found) == len(every_mail)
    scores = dict(zip(every_mail, found, strict=True))
    assert {case: hit[0] for case, hit in scores.items() if float(hit[1]) >= MOST} == {}
