"""What THREATS.md says is shown by a test has that test."""

import ast
import re

from tests.live import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_threats_name_is_there():
    named = NAMED.findall((ROOT / "THREATS.md").read_text())
    assert len(named) > 30
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in tests | {""}, f"{path} has no {name}"


def test_every_line_of_a_table_names_one():
    lines = [line for line in (ROOT / "THREATS.md").read_text().splitlines() if line[:1] == "|"]
    rows = [line for line in lines if not re.match(r"\| (wants|what|---)\b|\| ---", line)]
    assert [line for line in rows if not NAMED.search(line)] == []
