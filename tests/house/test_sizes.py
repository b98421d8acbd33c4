"""A file to hold in the head: at most 400 lines, a function at most 40, every module says what it is for."""

import ast

import pytest

from tests.house import tree

FILE_LINES = 400
FUNCTION_LINES = 40
WRITTEN_BY_HAND = {".py", ".html", ".css", ".js", ".sh", ".toml", ".ini", ".yaml", ".in"}


def test_no_file_is_longer_than_400_lines():
    lines = {tree.name(path): path.read_text().count("\n") for path in tree.files() if path.suffix in WRITTEN_BY_HAND}
    assert {path: count for path, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_is_longer_than_40_lines():
    long = [
        f"{tree.name(path)}:{function.lineno} {function.name} {function.end_lineno - function.lineno + 1}"
        for path in tree.python()
        for function in tree.functions(path)
        if function.end_lineno - function.lineno + 1 > FUNCTION_LINES
    ]
    assert long == []


def test_every_module_says_what_it_is_for():
    silent = [
        tree.name(path)
        for path in tree.python(*tree.APPS, "benchmarks", "requirements")
        if path.read_text().strip() and not ast.get_docstring(tree.parsed(path))
    ]
    assert silent == []


@pytest.mark.parametrize("app", tree.APPS)
def test_every_public_function_has_a_docstring_line(app):
    # Methods a framework calls (get, post, handle, forward ...) are described by their class.
    silent = [
        f"{tree.name(path)}:{node.lineno} {node.name}"
        for path in tree.python(app)
        for node in tree.parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
