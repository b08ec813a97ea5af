"""What well-known mail services ask their customers to put into DNS. Data only."""

# The end of MAIL_SERVER, and what its service wants to be included in SPF.
SPF_INCLUDES = {
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "amazonaws.com": "amazonses.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "mandrillapp.com": "spf.mandrillapp.com",
    "messagingengine.com": "spf.messagingengine.com",
    "mailjet.com": "spf.mailjet.com",
    "ovh.net": "mx.ovh.com",
    "gandi.net": "_mailcust.gandi.net",
}

# DKIM selectors to try when nothing says which one is used. They cannot be listed, only guessed.
SELECTORS = (
    "default",
    "dkim",
    "mail",
    "google",
    "selector1",
    "selector2",
    "s1",
    "s2",
    "k1",
    "k2",
    "pm",
    "fm1",
    "mailjet",
    "mandrill",
    "mta",
    "smtp",
    "zoho",
    "protonmail",
    "brevo1",
    "ovhmo-selector-1",
)


def spf_include_of(server: str) -> str | None:
    """Return what the service of `server` wants to be included; None when we do not know it."""
    for end, include in SPF_INCLUDES.items():
        if server == end or server.endswith(f".{end}"):
            return include
    return None
