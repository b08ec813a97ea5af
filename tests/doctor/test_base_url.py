"""BASE_URL: public, over https, with a certificate that holds, and answered by this service."""

import pytest

from service.doctor import base_url
from service.doctor.cases import Evidence
from service.doctor.findings import Check, State
from tests.doctor.authority import authority, certificate, https_server
from tests.doctor.cases import a_case, of, said

HOST = "adios.norte.es"
ZONE = {HOST: {"A": ["127.0.0.1"]}}


@pytest.fixture
def trusting(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority(tmp_path)))
    return tmp_path


def found(resolver_of, url, zone=ZONE, evidence=None, **environment):
    case = a_case(BASE_URL=url, **environment)
    return list(base_url.check(case, evidence or Evidence(), resolver_of(zone)))


def visited(resolver_of, path, *, host=HOST, **served):
    with https_server(path, **served) as port:
        return found(resolver_of, f"https://{host}:{port}")


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "https://127.0.0.1", "http://192.168.1.2"]
)
def test_an_address_that_only_works_here_is_bad_in_production(resolver_of, url):
    (finding,) = found(resolver_of, url)
    assert finding.state is State.warning
    (finding,) = found(resolver_of, url, ENVIRONMENT="production")
    assert finding.state is State.bad
    assert "BASE_URL" in said(finding)


def test_an_address_without_encryption_is_bad_in_production(resolver_of):
    assert found(resolver_of, f"http://{HOST}")[0].state is State.warning
    assert found(resolver_of, f"http://{HOST}", ENVIRONMENT="production")[0].state is State.bad


def test_a_name_that_leads_nowhere_is_bad(resolver_of):
    (finding,) = found(resolver_of, f"https://{HOST}", zone={})
    assert finding.state is State.bad
    assert HOST in said(finding)


def test_a_service_that_answers_over_https_is_good(resolver_of, trusting):
    seen = visited(resolver_of, certificate(trusting, HOST))
    assert {each.check: each.state for each in seen} == {
        Check.web_certificate: State.good,
        Check.base_url: State.good,
    }


def test_a_certificate_that_ends_soon_is_a_warning(resolver_of, trusting):
    seen = visited(resolver_of, certificate(trusting, HOST, days=5))
    assert of(Check.web_certificate, seen)[0][0] is State.warning


@pytest.mark.parametrize(("host", "days"), [("sur.es", 90), (HOST, -1)])
def test_a_certificate_that_does_not_hold_is_bad(resolver_of, trusting, host, days):
    (finding,) = visited(resolver_of, certificate(trusting, host, days=days))
    assert (finding.check, finding.state) == (Check.web_certificate, State.bad)


def test_another_service_at_the_address_is_bad(resolver_of, trusting):
    seen = visited(resolver_of, certificate(trusting, HOST), status=404)
    assert of(Check.base_url, seen)[0][0] is State.bad


def test_an_address_that_this_machine_cannot_reach_is_not_known(resolver_of):
    (finding,) = found(resolver_of, f"https://{HOST}:1")
    assert finding.state is State.unknown
    assert "phone" in said(finding)


def test_the_date_of_the_web_server_is_evidence(resolver_of, trusting):
    evidence = Evidence()
    date = "Wed, 25 Nov 2020 08:00:00 GMT"
    with https_server(certificate(trusting, HOST), date=date) as port:
        found(resolver_of, f"https://{HOST}:{port}", evidence=evidence)
    (clock,) = evidence.clocks
    assert clock.offset < -86_400
