"""The places where something is changed, and what the checks are called. Words only."""

from service.doctor.findings import Check, Phrase, State
from service.doctor.findings import phrase as _l

SETTINGS = _l("In the settings of this service (environment or .env)")
MAIL_SERVER = _l("At the mail server, or in the account at your mail provider")
HOST = _l("At the company that the server's address is rented from")
MACHINE = _l("On the machine that this service runs on")
PROXY = _l("At the web server in front of this service")
COMPANY = _l("On the page Settings, under Mails")


def dns_of(domain: str) -> Phrase:
    """Return the place where the records of `domain` are edited."""
    return _l("In the DNS of %(domain)s, where the domain is managed", domain=domain)


LABELS: dict[Check, Phrase] = {
    Check.reach: _l("Mail server"),
    Check.encryption: _l("Encryption to the mail server"),
    Check.certificate: _l("Certificate of the mail server"),
    Check.login: _l("Login at the mail server"),
    Check.sender: _l("Sender address"),
    Check.bounces: _l("Bounce address"),
    Check.size: _l("Size of mails"),
    Check.pipelining: _l("PIPELINING"),
    Check.letters: _l("Addresses with letters such as ñ"),
    Check.trial: _l("Test mail"),
    Check.spf: _l("SPF"),
    Check.spf_host: _l("SPF and the server that sends"),
    Check.dkim: _l("DKIM"),
    Check.dkim_proof: _l("DKIM signature of the test mail"),
    Check.dkim_headers: _l("What DKIM signs"),
    Check.dmarc: _l("DMARC"),
    Check.alignment: _l("Alignment"),
    Check.verdict: _l("What the mailbox says"),
    Check.mx: _l("Replies and bounces (MX)"),
    Check.ptr: _l("Reverse name (PTR)"),
    Check.base_url: _l("Address of the service"),
    Check.web_certificate: _l("Certificate of the service"),
    Check.clock: _l("Clock"),
    Check.unsubscribe: _l("Unsubscribe headers"),
}

STATES: dict[State, Phrase] = {
    State.bad: _l("Put this right"),
    State.warning: _l("Could be better"),
    State.unknown: _l("Could not be known"),
    State.good: _l("All is well"),
}

WORDS: dict[State, Phrase] = {
    State.bad: _l("BAD"),
    State.warning: _l("WARNING"),
    State.unknown: _l("UNKNOWN"),
    State.good: _l("GOOD"),
}
