"""Cases for the doctor's tests: a sender, its settings and its mail server, without an app."""

from collections.abc import Iterable
from dataclasses import replace

from service.config import Settings
from service.doctor.cases import Case, SampleMail
from service.doctor.findings import Check, Finding, State
from service.mail.delivery.flask_mail import Connection, Mail
from service.mail.rendering.messages import encoded
from service.mail.rendering.rendering import Rendering

SENDER = "hola@norte.es"
PUBLIC = "185.12.64.10"  # an address of the public internet, which nobody here asks anything


def a_sample_mail(base: str = "https://adios.norte.es", **more) -> SampleMail:
    """A mail that carries what a newsletter must carry."""
    values = {
        "sender": ("Estudio Norte", SENDER),
        "to": ("Jimena", "jimena@daz.example"),
        "subject": "¿Qué tal con nosotros?",
        "text": encoded("Gracias por estos años de trabajo en común.\n"),
        "html": encoded("<p>Gracias por estos años de trabajo en común.</p>\n"),
        "message_id": "",
        "reply_to": None,
        "extra_headers": {
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{base}/p/x/one-click>, <mailto:{SENDER}?subject=unsubscribe>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }
    return SampleMail(Rendering(**{**values, **more}))


def a_case(*, selector: str | None = None, sender: str = SENDER, **environment: object) -> Case:
    """A case under the settings in `environment`, by their names."""
    named = {name: str(value) for name, value in environment.items()}
    base = {"SECRET_KEY": "a key for the tests only", "BASE_URL": "https://adios.norte.es"}
    base["MAIL_DEFAULT_SENDER"] = SENDER
    settings = Settings.from_environment({**base, "MAIL_SERVER": "mail.norte.es", **named})
    return Case(
        settings=settings,
        sender=sender,
        envelope=settings.mail_bounce_address or sender,
        selector=selector,
        sample=a_sample_mail(settings.base_url),
        connect=lambda: connection_with(settings),
    )


def connection_with(settings: Settings) -> Connection:
    """The connection that delivery would open."""
    values = {name.upper(): getattr(settings, name) for name in settings.__slots__}
    values["MAIL_TIMEOUT"] = min(settings.mail_timeout, 2.0)
    return Connection(Mail().init_mail(values, testing=True))


def at(case: Case, server: str) -> Case:
    """The same case with another mail server, which is never connected to."""
    return replace(case, settings=replace(case.settings, mail_server=server))


def of(check: Check, findings: Iterable[Finding]) -> list[tuple[State, str]]:
    """State and words (and the remedy's, behind an arrow) of what was found about `check`."""
    return [(finding.state, said(finding)) for finding in findings if finding.check is check]


def said(finding: Finding) -> str:
    """All that a finding says, in English: every place in its texts has to be filled."""
    words = _filled(finding.words)
    remedy = finding.remedy
    if remedy is None:
        return words
    records = [f"{each.name} {each.type} {each.value}" for each in remedy.records]
    return " → ".join([words, f"{_filled(remedy.where)}: {_filled(remedy.words)}", *records])


def _filled(phrase) -> str:
    values = {
        name: _filled(value) if hasattr(value, "values") else value
        for name, value in phrase.values.items()
    }
    return phrase.text % values if values else phrase.text
