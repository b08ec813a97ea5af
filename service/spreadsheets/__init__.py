"""Read the table in a stranger's file, .xlsx or CSV, in a confined process; knows no list of ours.

The process imports nothing but this package and openpyxl, so its messages leave it in English, as
the catalogs have them, with the values to fill in.
"""
