"""The description of the API says what the API does: each call, each answer, each word."""

import json
import re
from typing import Any

import pytest

from service.api import openapi
from service.consent import api as suppressions
from service.models import SuppressionReason, SuppressionScope
from service.models.api_tokens import LONGEST_KEY
from tests.api.callers import ANA, SUPPRESSIONS

# What it says does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

DOCUMENT = json.loads(openapi.DESCRIPTION)
SCHEMAS = DOCUMENT["components"]["schemas"]
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}


def looked_up(reference: str) -> Any:
    found = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def is_like(value: Any, schema: dict[str, Any]) -> bool:
    """Say whether `value` is as `schema` has it, and has no field that it does not name."""
    if "$ref" in schema:
        return is_like(value, looked_up(schema["$ref"]))
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not isinstance(value, tuple(TYPES[kind] for kind in kinds)):
        return False
    if isinstance(value, list):
        return all(is_like(item, schema["items"]) for item in value)
    if not isinstance(value, dict) or "properties" not in schema:
        return True
    return set(schema.get("required", ())) <= value.keys() and all(
        name in schema["properties"] and is_like(item, schema["properties"][name])
        for name, item in value.items()
    )


def says(answer, path: str) -> bool:
    """Say whether the description has this answer to this request."""
    described = DOCUMENT["paths"][path][answer.request.method.lower()]["responses"]
    wanted = described[str(answer.status_code)]
    wanted = looked_up(wanted["$ref"]) if "$ref" in wanted else wanted
    return is_like(answer.json, wanted["content"][answer.mimetype]["schema"])


def test_anybody_may_read_it(client):
    answer = client.get("/api/v1/openapi.json")
    assert answer.mimetype == "application/json"
    assert answer.json["openapi"].startswith("3.1.")


def test_it_names_every_call_and_no_other(app):
    calls = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1")), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert calls == {(path, how) for path, hows in DOCUMENT["paths"].items() for how in hows}


def test_every_reference_leads_somewhere_and_every_schema_is_used(app):
    references = set(re.findall(r'"\$ref": "([^"]+)"', openapi.DESCRIPTION))
    assert all(looked_up(reference) for reference in references)
    assert {f"#/components/schemas/{name}" for name in SCHEMAS} <= references


def test_every_post_wants_the_key_and_every_call_but_this_one_a_token(app):
    for path, calls in DOCUMENT["paths"].items():
        for how, call in calls.items():
            assert ("security" in call) == (path == "/openapi.json")
            key = {"$ref": "#/components/parameters/IdempotencyKey"}
            assert (key in call.get("parameters", [])) == (how == "post"), path


def test_its_words_are_the_ones_of_the_code(app):
    assert SCHEMAS["Scope"]["enum"] == [scope.value for scope in SuppressionScope]
    assert SCHEMAS["Reason"]["enum"] == [reason.value for reason in SuppressionReason]
    parameters = DOCUMENT["paths"]["/suppressions"]["get"]["parameters"]
    (limit,) = [each["schema"] for each in parameters if each["name"] == "limit"]
    assert (limit["default"], limit["maximum"]) == (
        suppressions.PER_PAGE,
        suppressions.MOST_PER_PAGE,
    )
    key = DOCUMENT["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert key["maxLength"] == LONGEST_KEY


def test_real_answers_are_as_it_says(crm):
    made = crm.send({"email": ANA, "scope": "unasked", "note": "x"}, key="one")
    one = f"{SUPPRESSIONS}/{made.json['id']}"
    assert says(made, "/suppressions")
    assert says(crm.send({"email": ANA, "scope": "unasked", "note": "x"}), "/suppressions")
    assert says(crm.ask(), "/suppressions")
    assert says(crm.ask(email=ANA), "/suppressions")
    assert says(crm.ask(one), "/suppressions/{public_id}")
    assert says(crm.ask(wrong=1), "/suppressions")
    assert says(crm.ask(f"{SUPPRESSIONS}/x"), "/suppressions/{public_id}")
    assert says(crm.send({}), "/suppressions")
    assert says(crm.send({}, f"{one}/lift"), "/suppressions/{public_id}/lift")
    assert says(crm.send({"reason": "x"}, f"{one}/lift"), "/suppressions/{public_id}/lift")
    assert says(crm.client.get(SUPPRESSIONS), "/suppressions")
    assert says(crm.client.post(SUPPRESSIONS), "/suppressions")
