"""Changing the code of functions that are loaded already, so that a mutant costs no start of Python and Django."""

import ast
import builtins
import gc
import inspect
import types
from collections.abc import Callable, Iterable, Iterator

Key = tuple[str, str, int]
"""A function: its file, its dotted name, its first line."""
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
HIT = "_statement_was_reached"


class NotAFunction(Exception):
    """The change is outside of functions: it takes effect only when the module is imported."""


def changed_functions(path: str, source: str, mutated: str) -> dict[Key, types.CodeType]:
    """The functions of the module at `path` whose code differs, with their new code. Raises NotAFunction."""
    old, new = compile(source, path, "exec", dont_inherit=True), compile(mutated, path, "exec", dont_inherit=True)
    changes: dict[Key, types.CodeType] = {}
    _compare(old, new, changes, is_function=False)
    return changes


def _compare(
    old: types.CodeType, new: types.CodeType, changes: dict[Key, types.CodeType], *, is_function: bool
) -> bool:
    inner, inner_new = list(_inner(old)), list(_inner(new))
    differs = _own(old) != _own(new) or len(inner) != len(inner_new)
    for each, other in zip(inner, inner_new, strict=False):
        is_inner_function = is_function or bool(each.co_flags & inspect.CO_OPTIMIZED)
        runs_at_import = not is_function and each.co_name in COMPREHENSIONS
        if _compare(each, other, changes, is_function=is_inner_function and not runs_at_import):
            differs = differs or is_function
    if differs and (not is_function or old.co_freevars != new.co_freevars):
        raise NotAFunction(old.co_qualname)
    if differs:
        changes[key_of(old)] = new
    return differs


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    return (each for each in code.co_consts if isinstance(each, types.CodeType))


def _own(code: types.CodeType) -> tuple[object, ...]:
    """All that running depends on, without line numbers; True is not 1 here."""
    constants = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_exceptiontable, code.co_flags)


def key_of(code: types.CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


class Loaded:
    """The functions of some files that are in memory at this moment."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._functions: dict[Key, list[types.FunctionType]] = {}
        wanted = set(paths)
        for each in gc.get_objects():
            if type(each) is types.FunctionType and each.__code__.co_filename in wanted:  # not isinstance: dead proxies
                self._functions.setdefault(key_of(each.__code__), []).append(each)

    def replace(self, changes: dict[Key, types.CodeType]) -> None:
        """In this process only; functions that are made later have the new code from those that make them."""
        for key, code in changes.items():
            for function in self._functions.get(key, []):
                function.__code__ = code


def report_statements(path: str, source: str, reached: Callable[[str, int], None]) -> dict[Key, types.CodeType]:
    """New code for every function of a module, which calls `reached(path, line)` before each statement.

    One `reached` for all modules of a process.
    """
    setattr(builtins, HIT, reached)
    tree = _Reporting(path).visit(ast.parse(source))
    module = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    return dict(_functions(module, is_function=False))


def _functions(code: types.CodeType, *, is_function: bool) -> Iterator[tuple[Key, types.CodeType]]:
    for each in _inner(code):
        is_inner_function = is_function or bool(each.co_flags & inspect.CO_OPTIMIZED)
        if is_inner_function:
            yield key_of(each), each
        yield from _functions(each, is_function=is_inner_function)


class _Reporting(ast.NodeTransformer):
    def __init__(self, path: str) -> None:
        self.path = path
        self.depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if self.depth and isinstance(statements, list) and not isinstance(node, ast.ClassDef):
                setattr(node, field, [part for each in statements for part in (self._report(each), each)])
        return node

    def _report(self, statement: ast.stmt) -> ast.stmt:
        arguments: list[ast.expr] = [ast.Constant(self.path), ast.Constant(statement.lineno)]
        call = ast.Call(func=ast.Name(HIT, ast.Load()), args=arguments, keywords=[])
        return ast.copy_location(ast.Expr(call), statement)


def statement_of(source: str, line: int) -> set[int]:
    """The lines by which the statement at `line` is reported; of a function's decorators, all of its statements."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line < node.body[0].lineno:
                return {each.lineno for part in node.body for each in ast.walk(part) if isinstance(each, ast.stmt)}
            statements = (each for part in node.body for each in ast.walk(part) if isinstance(each, ast.stmt))
            found |= {each.lineno for each in statements if each.lineno <= line <= (each.end_lineno or 0)}
    return {max(found)} if found else set()
