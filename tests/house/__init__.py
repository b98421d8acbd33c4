"""The house rules as tests: sizes, names, borders, floors, and documents that are complete and true."""
