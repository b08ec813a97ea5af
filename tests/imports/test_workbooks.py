"""Workbooks as Excel and its friends write them: sheets, formulas, formats and empty rows."""

import io
import zipfile
from datetime import datetime

import openpyxl

from tests.imports.lists import HEADER, WHO, reading_of, saved, the_problem, the_row, workbook

COLUMNS = HEADER.split(";")
CELLS = WHO.split(";")


def rewritten(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a workbook whose first sheet says `new` where it said `old`."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(made, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                content = content.replace(b"<v></v>", b"<v />")  # as lxml writes it
                assert old in content
                content = content.replace(old, new)
            target.writestr(entry, content)
    return made.getvalue()


def test_a_workbook_is_read_by_its_rows():
    rows = reading_of(workbook([COLUMNS, [None] * 3, CELLS])).rows

    assert [(row.line, row.client) for row in rows] == [(3, "Café Río")]


def test_the_sheet_that_holds_the_list_is_found():
    reading = reading_of(workbook([["Notes on the list"]], [COLUMNS, CELLS]))

    assert the_row(reading).line == 2
    assert [warning.reason for warning in reading.warnings] == ["The sheet “Sheet 1” is left out."]


def test_two_sheets_with_a_list_each_are_refused_by_name():
    problem = the_problem(reading_of(workbook([COLUMNS, CELLS], [COLUMNS, CELLS])))

    assert "“Sheet 1”, “Sheet 2”" in problem.reason


def test_a_hidden_sheet_is_no_list():
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    book.active.append(CELLS)
    hidden = book.create_sheet("old")
    hidden.append(COLUMNS)
    hidden.sheet_state = "hidden"

    assert the_row(reading_of(saved(book))).line == 2


def test_a_merged_header_leaves_a_column_without_a_name():
    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "teléfono"])
    book.active.append([*CELLS, "600 000 000", "extension 7"])
    book.active.merge_cells("D1:E1")

    problem = the_problem(reading_of(saved(book)))

    assert (problem.line, problem.typed) == (2, "extension 7")


def test_a_hundred_thousand_empty_rows_below_a_list_are_nothing():
    painted = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(3, 100_003))
    end = b"</sheetData>"
    data = rewritten(workbook([COLUMNS, CELLS]), end, painted.encode() + end)

    assert len(reading_of(data).rows) == 1


def test_dimensions_that_a_sheet_claims_wrongly_are_not_believed():
    data = rewritten(workbook([COLUMNS, CELLS]), b'ref="A1:C2"', b'ref="A1"')

    assert the_row(reading_of(data)).client == "Café Río"


def test_a_formula_that_was_never_computed_is_named():
    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "cuota"])
    book.active.append([*CELLS, "=80+10"])

    problem = the_problem(reading_of(saved(book)))

    assert (problem.line, problem.column, problem.typed) == (2, "cuota", "=80+10")
    assert "save it" in problem.reason


def test_a_formula_counts_as_the_value_that_excel_computed():
    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "cuota"])
    book.active.append([*CELLS, "=80+10"])
    data = rewritten(saved(book), b"<f>80+10</f><v />", b"<f>80+10</f><v>90</v>")

    assert the_row(reading_of(data)).monthly_value == 90


def test_an_error_of_excel_is_named():
    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "cuota"])
    book.active.append([*CELLS, "#N/A"])
    book.active["D2"].data_type = "e"

    assert the_problem(reading_of(saved(book))).typed == "#N/A"


def test_numbers_and_dates_in_cells_are_taken_as_they_are_shown():
    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "teléfono", "fin", "margen", "mantener contacto", "inicio"])
    end_on = datetime.fromisoformat("2026-04-03")
    book.active.append([2026, "Ana", "a@b.es", 600123123.0, end_on, 0.425, True, 46000])
    book.active["F2"].number_format = "0.0%"
    book.active["I2"].number_format = "General"

    row = the_row(reading_of(saved(book)))

    assert (row.client, row.phone) == ("2026", "600123123")
    assert (row.end_on.isoformat(), row.started_on.isoformat()) == ("2026-04-03", "2025-12-09")
    assert (str(row.margin), row.keep_in_touch) == ("42.50", True)


def test_a_serial_date_of_a_mac_counts_from_1904():
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append([*COLUMNS, "inicio"])
    book.active.append([*CELLS, 44538])

    assert the_row(reading_of(saved(book))).started_on.isoformat() == "2025-12-09"
