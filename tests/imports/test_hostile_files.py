"""Files that are made to eat the machine are refused, with a sentence that says what to do."""

import io
import re
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from service.imports.rules.columns import NAMES
from service.spreadsheets import extraction
from service.spreadsheets.extraction import table_in
from service.spreadsheets.tables import Unreadable
from tests.imports.lists import HEADER, WHO, reading_of, the_problem, the_row, workbook

BOOK = workbook([HEADER.split(";"), WHO.split(";")])
STYLES, SHEET = "xl/styles.xml", "xl/worksheets/sheet1.xml"
MB = 1024 * 1024


def with_parts(*more: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the workbook with other parts, in place of those of the same name."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as source, zipfile.ZipFile(made, "w", method) as target:
        for entry in source.infolist():
            if entry.filename not in dict(more):
                target.writestr(entry.filename, source.read(entry))
        for name, content in more:
            target.writestr(name, content)
    return made.getvalue()


def part(name: str) -> bytes:
    """Return a part of the workbook."""
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        return book.read(name)


def grown(name: str, before: bytes, what: bytes) -> bytes:
    """Return the workbook whose part `name` has `what` before each of the tags `before`."""
    assert before in part(name)
    return with_parts((name, part(name).replace(before, what + before)))


def with_sheets(count: int) -> bytes:
    """Return a workbook with that many sheets, all of them the same part."""
    listed = b"".join(
        b'<sheet name="%d" sheetId="%d" state="visible" r:id="rId1"/>' % (number, number)
        for number in range(2, count + 2)
    )
    whole = re.sub(
        rb"<sheets>.*</sheets>", b"<sheets>%s</sheets>" % listed, part("xl/workbook.xml")
    )
    return with_parts(("xl/workbook.xml", whole))


def with_texts(content: bytes) -> bytes:
    """Return the workbook with a part of shared texts."""
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    named = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
    types = part("[Content_Types].xml").replace(b"</Types>", named)
    return with_parts(("[Content_Types].xml", types), ("xl/sharedStrings.xml", content))


def with_claim(data: bytes, name: str, size: int) -> bytes:
    """Return an archive whose directory says that part `name` unpacks to `size` bytes."""
    changed = bytearray(data)
    at = data.rindex(name.encode())  # in the directory, 46 bytes after the beginning of its entry
    changed[at - 46 + 24 : at - 46 + 28] = struct.pack("<I", size)
    return bytes(changed)


def formats() -> bytes:
    """Return a workbook with a million formats; openpyxl takes 250 bytes and 30 µs for each."""
    return grown(STYLES, b"</cellXfs>", b"<xf/>" * 1_000_000)


HOSTILE = {
    "formats": (formats, "save it as CSV"),
    "formats that claim to be few": (lambda: with_claim(formats(), STYLES, 2000), "damaged"),
    "texts": (lambda: with_texts(b"<si><t>x</t></si>" * 700_000), "save it as CSV"),
    "one long text": (lambda: with_texts(b" " * 61 * MB), "save it as CSV"),
    "cells in one row": (lambda: grown(SHEET, b"</row>", b"<c/>" * 5_000_000), "save it as CSV"),
    "cells in many rows": (
        lambda: grown(SHEET, b"</sheetData>", (b"<row>%s</row>" % (b"<c/>" * 99)) * 121_000),
        "save it as CSV",
    ),
    "another way to pack": (lambda: with_parts(method=zipfile.ZIP_BZIP2), "damaged"),
    "UTF-16": (lambda: with_parts((STYLES, part(STYLES).decode().encode("utf-16"))), "damaged"),
    "entities": (lambda: with_parts((STYLES, b'<!DOCTYPE x [<!ENTITY a "b">]><x/>')), "damaged"),
    "parts": (lambda: with_parts(*((f"a/{n}", b"") for n in range(2_001))), "save it as CSV"),
    "sheets": (lambda: with_sheets(1_000), "has 1,000 sheets. Leave only the one"),
}


@pytest.mark.parametrize(("made", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_workbook_is_held_against_what_it_really_unpacks_to(made, words):
    data = made()

    assert len(data) < 2 * MB
    assert words in the_problem(reading_of(data)).reason


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_workbook_with_two_parts_of_one_name_is_refused():
    data = with_parts((STYLES, part(STYLES)), (STYLES, part(STYLES) + b" "))

    assert "damaged" in the_problem(reading_of(data)).reason


def test_a_part_that_claims_to_be_huge_is_as_large_as_it_is():
    data = with_claim(BOOK, STYLES, 2_000_000_000)

    assert the_row(reading_of(data)).client == "Café Río"


def test_a_million_columns_are_counted_before_they_are_looked_at():
    names = ";".join(f"columna {number}" for number in range(1_000_000))

    problem = the_problem(reading_of(f"{HEADER};{names}\n{WHO}\n"))

    assert problem.line == 1
    assert problem.reason.startswith("There are 1,000,003 columns here, and a list may have 64.")


def test_a_column_far_to_the_right_is_not_passed_over():
    problem = the_problem(
        reading_of(workbook([HEADER.split(";"), [*WHO.split(";"), *[""] * 80, 1]]))
    )

    assert (problem.line, "84 columns" in problem.reason) == (2, True)


def rows_of(path: Path) -> list[list[object]]:
    """Return the cells of a file as the confined process reads it."""
    with table_in(path, NAMES) as table:
        return [row.cells for row in table.rows]


def test_a_file_is_read_by_a_process_that_knows_no_secret(tmp_path, monkeypatch):
    path = tmp_path / "list.xlsx"
    path.write_bytes(BOOK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(3)")  # were it given the variable

    assert rows_of(path) == [HEADER.split(";"), WHO.split(";")]


LONG = (
    "list.xlsx",
    lambda: grown(SHEET, b"</sheetData>", (b"<row>%s</row>" % (b"<c><v>1</v></c>" * 17)) * 50_000),
)
LIMITED = {
    "memory": (("list.csv", lambda: b"client;contact;email\n" * MB), {"memory": 64 * MB}),
    "processor": (LONG, {"processor": 1}),
    "wall clock": (LONG, {"patience": 1}),
    "output": (LONG, {"output": 1000}),
}


@pytest.mark.parametrize(("file", "limit"), LIMITED.values(), ids=LIMITED)
def test_whatever_a_file_holds_its_process_ends_within_limits(tmp_path, monkeypatch, file, limit):
    monkeypatch.setattr(extraction, "LIMITS", replace(extraction.LIMITS, **limit))
    name, made = file
    path = tmp_path / name
    path.write_bytes(made())

    with pytest.raises(Unreadable, match="more memory or time than a list needs"):
        rows_of(path)
