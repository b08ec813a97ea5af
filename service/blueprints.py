"""Register the pages, the API, the error pages and the headers."""

from flask import Flask

from service.api import openapi
from service.clients.views import clients, samples
from service.company import public as logos
from service.company import views as settings
from service.consent import api as api_suppressions
from service.consent import public as preferences
from service.consent.views import consents, suppressions
from service.deliveries import public as inbound
from service.deliveries.views import deliveries, forecast, inbound_mails
from service.departures import public as talk
from service.departures.views import acts, departures, recoveries, returns, steps, talk_requests
from service.doctor import views as doctor
from service.imports.views import imports, suppression_lists
from service.messages.views import mails, texts
from service.newsletters.public import links as public_newsletter_links
from service.newsletters.public import newsletters as public_newsletters
from service.newsletters.views import (
    audiences,
    greeting_texts,
    greetings,
    images,
    issues,
    newsletters,
)
from service.newsletters.views import texts as newsletter_texts
from service.protocols.rules import descriptions
from service.protocols.views import protocol_steps, protocols
from service.results import views as results
from service.surveys import views as questions
from service.surveys.public import surveys
from service.team.views import api_tokens, members, sessions
from service.testimonials import views as testimonials
from service.testimonials.public import feeds
from service.testimonials.public import testimonials as public_testimonials
from service.today import public as public_calendars
from service.today.views import calendars, today
from service.web import (
    access,
    dates,
    errors,
    headers,
    health,
    language,
    metrics,
    navigation,
    problems,
    security_txt,
    theme,
)

PROVIDER = (
    sessions,
    today,
    results,
    departures,
    acts,
    steps,
    clients,
    consents,
    testimonials,
    greetings,
    greeting_texts,
    questions,
    mails,
    texts,
    protocols,
    protocol_steps,
    newsletters,
    newsletter_texts,
    audiences,
    images,
    issues,
    doctor,
    deliveries,
    forecast,
    suppressions,
    suppression_lists,
    inbound_mails,
    recoveries,
    talk_requests,
    returns,
    imports,
    samples,
    settings,
    members,
    calendars,
    api_tokens,
)
# Their links carry the authority and set no cookie, so there is nothing for a forged form to abuse.
PUBLIC = (
    surveys,
    public_testimonials,
    preferences,
    talk,
    public_newsletters,
    public_newsletter_links,
    public_calendars,
    feeds,
    health,
    metrics,
    security_txt,
    logos,
    inbound,
)

API = (openapi, api_suppressions)


def register(app: Flask) -> None:
    """Register every blueprint, error page and header."""
    headers.register(app)
    language.register(app)
    theme.register(app)
    app.jinja_env.filters.update(descriptions.FILTERS)
    dates.register(app)
    navigation.register(app)
    access.register(app)
    errors.register(app)
    problems.register(app)
    for module in (*PROVIDER, *PUBLIC, *API):
        app.register_blueprint(module.blueprint)
    access.serve_without_session(app, [module.blueprint for module in PUBLIC])
    app.register_blueprint(
        texts.blueprint, name="protocol_texts", url_prefix="/protocols/<protocol>/texts"
    )
