"""Newsletters for everybody: one issue by its link, the archive, the pictures. No cookies."""

from flask import Blueprint, Response, abort, make_response, render_template, request

from service.config import LANGUAGES
from service.current import settings
from service.messages.views.mail_frames import style_hashes
from service.newsletters.actions import images, issues
from service.newsletters.queries import newsletters as queries
from service.web.compression import compress
from service.web.language import select_language, speak_as_asked

blueprint = Blueprint("news", __name__)
blueprint.after_request(compress)

FOR_GOOD = "public, max-age=31536000, immutable"


@blueprint.get("/n/<public_id>")
def show(public_id: str) -> Response:
    """Show one issue in the language asked for, or the browser's."""
    issue = issues.find(public_id)
    if issue is None or not issue.is_readable:
        abort(404)
    asked = request.args.get("language", "")
    language = issue.language_for(asked if asked in LANGUAGES else select_language())
    html = queries.html_of(issue, language)
    answer = make_response(html)
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; img-src 'self' data: {settings().base_url}; "
        f"style-src 'unsafe-hashes' {' '.join(style_hashes(html))}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    if not issue.newsletter.is_public:
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


@blueprint.get("/news")
def index() -> str:
    """List the issues that everybody may read."""
    speak_as_asked()
    language = select_language()
    found = queries.archive(request.args.get("page", 1, type=int))
    if not found.count:
        abort(404)
    readable = [(issue, queries.subject_of(issue, language)) for issue in found.lines]
    return render_template(
        "public/newsletters/index.html", found=found, issues=readable, language=language
    )


@blueprint.get("/media/newsletters/<public_id>")
def picture(public_id: str) -> Response:
    """Return a picture; it never changes, so that whoever has it need not ask again."""
    image = images.find(public_id)
    if image is None:
        abort(404)
    response = Response(image.octets, mimetype=image.media_type)
    response.set_etag(image.public_id)
    response.headers["Cache-Control"] = FOR_GOOD
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # webmail shows it
    response.make_conditional(request)
    return response
