"""Running a parse tree on data, within a budget; with the functions that every Go template has."""
