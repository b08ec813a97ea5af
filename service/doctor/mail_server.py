"""Connect to the mail server as delivery does, and try an envelope without sending a mail.

MAIL and RCPT are followed by RSET.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator

from service.doctor.cases import Case, Evidence
from service.doctor.findings import (
    AT_MAIL_SERVER,
    IN_SETTINGS,
    Check,
    Finding,
    Remedy,
    bad,
    good,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import certificate_finding, is_local, why_refused
from service.mail.delivery.session import AUTH_CODES, Unreachable, readable
from service.mail.rendering.lint import MAX_OCTETS


def check(case: Case, evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings of a session with the server, as far as it gets."""
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
        if isinstance(host.sock, ssl.SSLSocket):
            renew = Remedy(AT_MAIL_SERVER, _l("Renew it, and let it renew by itself."))
            shown, name = host.sock.getpeercert(), case.settings.mail_server
            yield certificate_finding(Check.certificate, shown, name, renew)
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
    """Yield which step failed, known by the error that ended the session."""
    cause, server = failure.__cause__, _server(case)
    if isinstance(cause, smtplib.SMTPAuthenticationError):
        yield good(Check.reach, _l("%(server)s answers.", server=server))
        words = _l("The mail server refuses the login: %(words)s", words=failure.words)
        fix = _l("Set MAIL_USERNAME and MAIL_PASSWORD to what your mail provider gave you.")
        yield bad(Check.login, words, Remedy(IN_SETTINGS, fix))
    elif isinstance(cause, ssl.SSLCertVerificationError):
        fix = _l(
            "Set MAIL_SERVER to the name that the certificate is for. If the server is yours, give "
            "it a certificate of a public authority (such as Let's Encrypt) and let it renew by "
            "itself."
        )
        words = why_refused(cause, case.settings.mail_server)
        yield bad(Check.certificate, words, Remedy(AT_MAIL_SERVER, fix))
    elif isinstance(cause, ssl.SSLError):
        words = _l("TLS with %(host)s failed: %(why)s", host=server, why=failure.words)
        fix = _l("Port 465 wants MAIL_USE_SSL=yes, port 587 wants MAIL_USE_TLS=yes: try the other.")
        yield bad(Check.encryption, words, Remedy(IN_SETTINGS, fix))
    elif isinstance(cause, smtplib.SMTPNotSupportedError):
        yield _not_offered(case)
    else:
        yield _unreachable(case, cause, failure)


def _not_offered(case: Case) -> Finding:
    if case.settings.mail_use_tls:
        words = _l("%(server)s does not offer STARTTLS.", server=_server(case))
        fix = _l("Use the port that does: mostly 587, or 465 with MAIL_USE_SSL=yes.")
        return bad(Check.encryption, words, Remedy(IN_SETTINGS, fix))
    words = _l("%(server)s offers no login on this connection.", server=_server(case))
    fix = _l("Encrypt with MAIL_USE_TLS=yes (mostly port 587), or leave MAIL_USERNAME out.")
    return bad(Check.login, words, Remedy(IN_SETTINGS, fix))


def _unreachable(case: Case, cause: BaseException | None, failure: Unreachable) -> Finding:
    """Return that the connection failed before TLS or a login was tried."""
    server = _server(case)
    fix = _l("Check MAIL_SERVER and MAIL_PORT. Mails wait until then.")
    if isinstance(cause, socket.gaierror):
        words = _l("The name %(host)s leads nowhere.", host=case.settings.mail_server)
    elif isinstance(cause, ConnectionRefusedError):
        words = _l("Nobody listens at %(server)s.", server=server)
    elif any(isinstance(each, TimeoutError) for each in (cause, cause and cause.__context__)):
        # smtplib calls a time-out during the session a disconnection: its context has the truth.
        words = _l("%(server)s does not answer in time.", server=server)
        fix = _l(
            "Many hosting companies block port 25 on the way out: use your mail provider's port "
            "587, or ask for the port to be opened. With port 465, set MAIL_USE_SSL=yes."
        )
    else:
        words = _l("%(server)s ends the conversation: %(why)s", server=server, why=failure.words)
    return bad(Check.reach, words, Remedy(IN_SETTINGS, fix))


def _encryption(case: Case, host: smtplib.SMTP) -> Finding:
    """Return whether others on the way can read along."""
    if _is_encrypted(case):
        kind = host.sock.version() if isinstance(host.sock, ssl.SSLSocket) else ""
        words = _l("The connection is encrypted (%(kind)s), and verified.", kind=kind or "TLS")
        return good(Check.encryption, words)
    if is_local(case.settings.mail_server):
        words = _l("The mail server is on this machine or its own network: nobody reads along.")
        return good(Check.encryption, words)
    if host.has_extn("starttls"):
        words = _l("The mail server offers encryption (STARTTLS), and it is not used.")
        fix = _l("Set MAIL_USE_TLS=yes.")
        return warning(Check.encryption, words, Remedy(IN_SETTINGS, fix))
    words = _l("Mails leave unencrypted: everybody on the way can read them.")
    fix = _l("Use the port that encrypts: 587 with MAIL_USE_TLS=yes, or 465 with MAIL_USE_SSL=yes.")
    return warning(Check.encryption, words, Remedy(IN_SETTINGS, fix))


def _login(case: Case, host: smtplib.SMTP) -> Iterator[Finding]:
    if case.settings.mail_username and case.settings.mail_password:
        if _is_encrypted(case) or is_local(case.settings.mail_server):
            yield good(Check.login, _l("The mail server accepts the login."))
            return
        words = _l("The password goes to the mail server unencrypted: whoever listens can use it.")
        fix = _l("Set MAIL_USE_TLS=yes (or MAIL_USE_SSL=yes with port 465), and a new password.")
        yield bad(Check.login, words, Remedy(IN_SETTINGS, fix))
    elif case.settings.mail_username or case.settings.mail_password:
        words = _l("Only one of MAIL_USERNAME and MAIL_PASSWORD is set, so nobody logs in.")
        yield bad(Check.login, words, Remedy(IN_SETTINGS, _l("Set both, or none.")))
    elif host.has_extn("auth") and case.has_relay:
        words = _l("The mail server offers a login, and none is set.")
        fix = _l("If mails to other domains are refused, set MAIL_USERNAME and MAIL_PASSWORD.")
        yield unknown(Check.login, words, Remedy(IN_SETTINGS, fix))


def _extensions(host: smtplib.SMTP) -> Iterator[Finding]:
    """Yield what EHLO offers (RFC 5321, 4.1.1.1), as far as our mails need it."""
    offered = host.esmtp_features.get("size", "").strip()
    if offered.isdecimal() and 0 < int(offered) < MAX_OCTETS:
        figures = {"most": int(offered) // 1024, "ours": MAX_OCTETS // 1024}
        words = _l("It takes mails of %(most)s KB; ours may have %(ours)s KB.", **figures)
        yield bad(Check.size, words, Remedy(AT_MAIL_SERVER, _l("Raise its limit.")))
    if host.has_extn("pipelining"):
        yield good(Check.pipelining, _l("It takes several commands at a time (PIPELINING)."))
    else:
        words = _l("It takes one command at a time (no PIPELINING): far away, that is slow.")
        fix = _l("If many mails wait for long, raise MAIL_CONNECTIONS.")
        yield warning(Check.pipelining, words, Remedy(IN_SETTINGS, fix))
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
    """Return whether the server accepts the address that readers see as the sender."""
    code, reply = host.mail(case.sender)
    host.rset()
    if code // 100 == 2:
        words = _l("The mail server accepts %(sender)s as the sender.", sender=case.sender)
        return good(Check.sender, words)
    values = {"sender": case.sender, "words": f"{code} {readable(reply)}"}
    words = _l("The mail server refuses %(sender)s as the sender: %(words)s", **values)
    if code in AUTH_CODES:
        fix = _l("It wants a login: set MAIL_USERNAME and MAIL_PASSWORD.")
        return bad(Check.login, words, Remedy(IN_SETTINGS, fix))
    fix = _l("Confirm this address or its domain there; or choose another sender in Settings.")
    return bad(Check.sender, words, Remedy(AT_MAIL_SERVER, fix))


def _bounces(case: Case, host: smtplib.SMTP) -> Iterator[Finding]:
    """Yield whether the server accepts the bounce address as a sender and as a recipient."""
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
        yield warning(Check.bounces, words, Remedy(IN_SETTINGS, fix))
        return
    local, _, domain = address.rpartition("@")
    signed = f"{local}+doctor@{domain}"  # delivery puts its signature there
    code, reply = host.mail(signed)
    is_sender_refused = code // 100 != 2
    if not is_sender_refused:
        code, reply = host.rcpt(signed)
    host.rset()
    if code // 100 == 2:
        yield good(Check.bounces, _l("The mail server accepts %(address)s.", address=signed))
    else:
        yield _bounce_refused(signed, f"{code} {readable(reply)}", is_sender=is_sender_refused)


def _bounce_refused(address: str, reply: str, *, is_sender: bool) -> Finding:
    values = {"address": address, "words": reply}
    if is_sender:
        words = _l("The mail server refuses %(address)s as the sender: %(words)s", **values)
        fix = _l("Allow the domain of MAIL_BOUNCE_ADDRESS there; or unset it.")
    else:
        words = _l("The mail server takes no mail for %(address)s: %(words)s", **values)
        fix = _l(
            "Let the mailbox of MAIL_BOUNCE_ADDRESS take what has a plus and more behind its name "
            "(in Postfix: recipient_delimiter = +)."
        )
    return bad(Check.bounces, words, Remedy(AT_MAIL_SERVER, fix))
