"""Talk to the mail server the way delivery does, up to the envelope, and take it back.

Nothing is sent: MAIL and RCPT are followed by RSET.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator

from service.doctor import certificates, places
from service.doctor.cases import Case, Evidence
from service.doctor.findings import Check, Finding, Phrase, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l
from service.doctor.names import is_here
from service.mail.delivery.failures import Unreachable
from service.mail.delivery.session import AUTH_CODES
from service.mail.rendering.lint import MAX_OCTETS
from service.mail.rendering.wire import words as readable


def check(case: Case, evidence: Evidence) -> Iterator[Finding]:
    """Yield what a session with the server shows, as far as it gets."""
    connection = case.connect()
    try:
        host = connection.open().host
    except Unreachable as failure:
        yield from _not_reached(case, failure)
        return
    if host is None:
        return
    evidence.is_reached = True
    try:
        name = readable((host.ehlo_resp or host.helo_resp or b"").split(b"\n")[0])
        words = _l("%(server)s answers as %(name)s.", server=_server(case), name=name)
        yield good(Check.reach, words)
        yield _encryption(case, host)
        yield from _certificate(case, host)
        yield from _login(case, host)
        yield from _extensions(host)
        yield _sender(case, host)
        yield from _bounces(case, host)
    finally:
        connection.close()


def _server(case: Case) -> str:
    return f"{case.settings.mail_server}:{case.settings.mail_port}"


def _is_encrypted(case: Case) -> bool:
    return case.settings.mail_use_tls or case.settings.mail_use_ssl


def _not_reached(case: Case, failure: Unreachable) -> Iterator[Finding]:
    """Say which step failed: it is known by the error that ended it."""
    cause, server = failure.__cause__, _server(case)
    if isinstance(cause, smtplib.SMTPAuthenticationError):
        yield good(Check.reach, _l("%(server)s answers.", server=server))
        words = _l("The mail server refuses the login: %(words)s", words=failure.words)
        fix = _l("Set MAIL_USERNAME and MAIL_PASSWORD to what your mail provider gave you.")
        yield bad(Check.login, words, Remedy(places.SETTINGS, fix))
    elif isinstance(cause, ssl.SSLCertVerificationError):
        host = case.settings.mail_server
        yield bad(Check.certificate, certificates.why_refused(cause, host), _new_certificate())
    elif isinstance(cause, ssl.SSLError):
        words = _l("TLS with %(host)s failed: %(why)s", host=server, why=failure.words)
        fix = _l("Port 465 wants MAIL_USE_SSL=yes, port 587 wants MAIL_USE_TLS=yes: try the other.")
        yield bad(Check.encryption, words, Remedy(places.SETTINGS, fix))
    elif isinstance(cause, smtplib.SMTPNotSupportedError):
        yield _not_offered(case)
    else:
        yield bad(Check.reach, _why_silent(case, cause, failure), _how_to_reach(case, cause))


def _not_offered(case: Case) -> Finding:
    if case.settings.mail_use_tls:
        words = _l("%(server)s does not offer STARTTLS.", server=_server(case))
        fix = _l("Use the port that does: mostly 587, or 465 with MAIL_USE_SSL=yes.")
        return bad(Check.encryption, words, Remedy(places.SETTINGS, fix))
    words = _l("%(server)s offers no login on this connection.", server=_server(case))
    fix = _l("Encrypt with MAIL_USE_TLS=yes (mostly port 587), or leave MAIL_USERNAME out.")
    return bad(Check.login, words, Remedy(places.SETTINGS, fix))


def _why_silent(case: Case, cause: BaseException | None, failure: Unreachable) -> Phrase:
    server = _server(case)
    if isinstance(cause, socket.gaierror):
        return _l("The name %(host)s leads nowhere.", host=case.settings.mail_server)
    if isinstance(cause, ConnectionRefusedError):
        return _l("Nobody listens at %(server)s.", server=server)
    if _is_slow(cause):
        return _l("%(server)s does not answer in time.", server=server)
    return _l("%(server)s ends the conversation: %(why)s", server=server, why=failure.words)


def _how_to_reach(case: Case, cause: BaseException | None) -> Remedy:
    if _is_slow(cause):
        fix = _l(
            "Many hosting companies block port 25 on the way out: use your mail provider's port "
            "587, or ask for the port to be opened. With port 465, set MAIL_USE_SSL=yes."
        )
        return Remedy(places.SETTINGS, fix)
    return Remedy(places.SETTINGS, _l("Check MAIL_SERVER and MAIL_PORT. Mails wait until then."))


def _is_slow(cause: BaseException | None) -> bool:
    """Say whether time ran out: while connecting, or in what smtplib calls a disconnection."""
    return any(isinstance(each, TimeoutError) for each in (cause, cause and cause.__context__))


def _encryption(case: Case, host: smtplib.SMTP) -> Finding:
    """Say whether others on the way can read along."""
    if _is_encrypted(case):
        kind = host.sock.version() if isinstance(host.sock, ssl.SSLSocket) else ""
        words = _l("The connection is encrypted (%(kind)s), and verified.", kind=kind or "TLS")
        return good(Check.encryption, words)
    if is_here(case.settings.mail_server):
        words = _l("The mail server is on this machine or its own network: nobody reads along.")
        return good(Check.encryption, words)
    if host.has_extn("starttls"):
        words = _l("The mail server offers encryption (STARTTLS), and it is not used.")
        fix = _l("Set MAIL_USE_TLS=yes.")
        return warning(Check.encryption, words, Remedy(places.SETTINGS, fix))
    words = _l("Mails leave unencrypted: everybody on the way can read them.")
    fix = _l("Use the port that encrypts: 587 with MAIL_USE_TLS=yes, or 465 with MAIL_USE_SSL=yes.")
    return warning(Check.encryption, words, Remedy(places.SETTINGS, fix))


def _new_certificate() -> Remedy:
    fix = _l(
        "Set MAIL_SERVER to the name that the certificate is for. If the server is yours, give it "
        "a certificate of a public authority (such as Let's Encrypt) and let it renew by itself."
    )
    return Remedy(places.MAIL_SERVER, fix)


def _certificate(case: Case, host: smtplib.SMTP) -> Iterator[Finding]:
    if isinstance(host.sock, ssl.SSLSocket):
        shown, server = host.sock.getpeercert(), case.settings.mail_server
        fix = _l("Renew it, and let it renew by itself.")
        yield certificates.lasting(
            Check.certificate, shown, server, Remedy(places.MAIL_SERVER, fix)
        )


def _login(case: Case, host: smtplib.SMTP) -> Iterator[Finding]:
    if case.settings.mail_username and case.settings.mail_password:
        if _is_encrypted(case) or is_here(case.settings.mail_server):
            yield good(Check.login, _l("The mail server accepts the login."))
            return
        words = _l("The password goes to the mail server unencrypted: whoever listens can use it.")
        fix = _l("Set MAIL_USE_TLS=yes (or MAIL_USE_SSL=yes with port 465), and a new password.")
        yield bad(Check.login, words, Remedy(places.SETTINGS, fix))
    elif case.settings.mail_username or case.settings.mail_password:
        words = _l("Only one of MAIL_USERNAME and MAIL_PASSWORD is set, so nobody logs in.")
        yield bad(Check.login, words, Remedy(places.SETTINGS, _l("Set both, or none.")))
    elif host.has_extn("auth") and case.has_relay:
        words = _l("The mail server offers a login, and none is set.")
        fix = _l("If mails to other domains are refused, set MAIL_USERNAME and MAIL_PASSWORD.")
        yield unknown(Check.login, words, Remedy(places.SETTINGS, fix))


def _extensions(host: smtplib.SMTP) -> Iterator[Finding]:
    """Say what EHLO offers (RFC 5321, 4.1.1.1), as far as it matters to our mails."""
    offered = host.esmtp_features.get("size", "").strip()
    if offered.isdecimal() and 0 < int(offered) < MAX_OCTETS:
        figures = {"most": int(offered) // 1024, "ours": MAX_OCTETS // 1024}
        words = _l("It takes mails of %(most)s KB; ours may have %(ours)s KB.", **figures)
        yield bad(Check.size, words, Remedy(places.MAIL_SERVER, _l("Raise its limit.")))
    if host.has_extn("pipelining"):
        yield good(Check.pipelining, _l("It takes several commands at a time (PIPELINING)."))
    else:
        words = _l("It takes one command at a time (no PIPELINING): far away, that is slow.")
        fix = _l("If many mails wait for long, raise MAIL_CONNECTIONS.")
        yield warning(Check.pipelining, words, Remedy(places.SETTINGS, fix))
    if host.has_extn("smtputf8"):
        yield good(
            Check.letters, _l("It can send to addresses such as peña@example.com (SMTPUTF8).")
        )
    else:
        words = _l(
            "It cannot send to addresses with letters such as ñ before the @ (no SMTPUTF8). Few "
            "people have one; such a mail fails, and says why."
        )
        yield good(Check.letters, words)


def _sender(case: Case, host: smtplib.SMTP) -> Finding:
    """Say whether MAIL FROM is accepted for what readers see as the sender."""
    code, said = host.mail(case.sender)
    host.rset()
    if code // 100 == 2:
        words = _l("The mail server accepts %(sender)s as the sender.", sender=case.sender)
        return good(Check.sender, words)
    values = {"sender": case.sender, "words": f"{code} {readable(said)}"}
    words = _l("The mail server refuses %(sender)s as the sender: %(words)s", **values)
    if code in AUTH_CODES:
        fix = _l("It wants a login: set MAIL_USERNAME and MAIL_PASSWORD.")
        return bad(Check.login, words, Remedy(places.SETTINGS, fix))
    fix = _l("Confirm this address or its domain there; or choose another sender in Settings.")
    return bad(Check.sender, words, Remedy(places.MAIL_SERVER, fix))


def _bounces(case: Case, host: smtplib.SMTP) -> Iterator[Finding]:
    """Say whether the bounce address may be a sender, and whether mail to it would be taken."""
    address, settings = case.settings.mail_bounce_address, case.settings
    if address is None:
        keys = (settings.sendgrid_key, settings.postmark_login, settings.mailgun_key)
        if any((settings.ses_topic, *keys)):
            words = _l("What comes back is reported by your mail provider's webhook.")
            yield good(Check.bounces, words)
            return
        words = _l("There is no bounce address: what comes back is read by nobody.")
        fix = _l(
            "Make a mailbox for it, set MAIL_BOUNCE_ADDRESS to its address and MAIL_INBOX_URL to "
            "where it is read; or let your mail provider report by webhook."
        )
        yield warning(Check.bounces, words, Remedy(places.SETTINGS, fix))
        return
    local, _, domain = address.rpartition("@")
    signed = f"{local}+doctor@{domain}"  # delivery puts its signature there
    code, said = host.mail(signed)
    is_sender_refused = code // 100 != 2
    if not is_sender_refused:
        code, said = host.rcpt(signed)
    host.rset()
    if code // 100 == 2:
        yield good(Check.bounces, _l("The mail server accepts %(address)s.", address=signed))
    else:
        reply = f"{code} {readable(said)}"
        yield _bounce_refused(signed, reply, is_sender=is_sender_refused)


def _bounce_refused(address: str, said: str, *, is_sender: bool) -> Finding:
    values = {"address": address, "words": said}
    if is_sender:
        words = _l("The mail server refuses %(address)s as the sender: %(words)s", **values)
        fix = _l("Allow the domain of MAIL_BOUNCE_ADDRESS there; or unset it.")
    else:
        words = _l("The mail server takes no mail for %(address)s: %(words)s", **values)
        fix = _l(
            "Let the mailbox of MAIL_BOUNCE_ADDRESS take what has a plus and more behind its name "
            "(in Postfix: recipient_delimiter = +)."
        )
    return bad(Check.bounces, words, Remedy(places.MAIL_SERVER, fix))
