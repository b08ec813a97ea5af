"""Every mail, rendered once for all the tests that only read it."""

import pytest
from flask_babel import force_locale

from service.app import create_app
from service.extensions import db, limiter
from service.mail.rendering.rendering import render
from tests.builders import a_company
from tests.conftest import settings_for
from tests.mail.mails import ALL, a_mail, in_octets

LOGO = b"\x89PNG\r\n\x1a\n" + b"\0" * 19_000


@pytest.fixture(scope="session")
def mails_app(tmp_path_factory):
    """An app for what renders mails and asks hardly anything of a database."""
    home = tmp_path_factory.mktemp("every_mail")
    url = f"sqlite:///{home / 'mails.sqlite3'}"
    before = dict(vars(limiter))  # it belongs to the last app made
    app = create_app(settings_for(url, "redis://localhost:1", home, mail_port=1))
    vars(limiter).update(before)
    return app


@pytest.fixture
def any_app(mails_app):
    """The templates and the catalogs, for tests that ask no database anything."""
    with mails_app.app_context(), force_locale("es"):
        yield mails_app


@pytest.fixture(scope="session")
def every_mail(mails_app):
    """The octets of each kind of mail in each language, by (kind, language)."""
    with mails_app.app_context():
        db.create_all()
        a_company(
            signature="Tiendas en línea\n600 111 222",
            postal_address="Calle de la Ribera 14\n50001 Zaragoza",
            logo=LOGO,
            logo_type="image/png",
        )
        mails = {case: in_octets(render(a_mail(*case))) for case in ALL}
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()
    return mails
