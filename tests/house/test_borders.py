"""Broad `except` only at the four borders; unscoped rows only where no request of a user can reach."""

import ast

from tests.house import tree

BORDERS = {
    "tradenexus/jobs/runner.py": "job runner",
    "tradenexus/jobs/hooks.py": "job runner, where it calls an app's hook",
    "datasets/uploads/protocol.py": "API handler of the byte path, which Django's does not see",
    "datasets/uploads/threads.py": "its threads: what fails in one is raised where it is waited for",
    "backfill/node/service.py": "node loop",
    "tradenexus/rest/errors.py": "API handler",
    "tradenexus/cli/main.py": "CLI main",
}
BROAD = {"Exception", "BaseException"}


def test_broad_except_stands_only_at_the_four_borders():
    broad = [
        f"{tree.name(path)}:{node.lineno}"
        for path in tree.python(*tree.APPS)
        if tree.name(path) not in BORDERS
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.ExceptHandler) and _catches(node) & BROAD and not _raises_again(node)
    ]
    assert broad == []


def test_no_except_is_bare():
    bare = [
        f"{tree.name(path)}:{node.lineno}"
        for path in tree.python()
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_what_a_user_can_reach_never_reads_unscoped_rows():
    reach = [
        f"{tree.name(path)}:{node.lineno}"
        for path in tree.python(*tree.APPS)
        if {"api", "pages", "finders"} & set(path.relative_to(tree.ROOT).with_suffix("").parts)
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Attribute) and node.attr == "everyone"
    ]
    assert reach == []


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and raising the same error again hides nothing."""
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def _catches(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.id for kind in kinds if isinstance(kind, ast.Name)}
