"""What cosmic-ray's operators leave alone and this code is made of: statements, tables, filters, names, SQL."""

import functools
from collections.abc import Iterator

from cosmic_ray.operators.operator import Operator
from parso.python import tree
from parso.tree import Leaf, NodeOrLeaf

FILTERS = ("filter", "exclude", "get")
SQL = (
    (" AND ", " OR "),
    (" OR ", " AND "),
    (" IS NOT NULL", " IS NULL"),
    (" IS NULL", " IS NOT NULL"),
    (" <= ", " < "),
    (" <= ", " > "),
    (" + 1", " + 2"),
    (" + 1", ""),
)


class RemoveStatement(Operator):
    """A call whose answer nobody takes, or the setting of an attribute, is left out."""

    def mutation_positions(self, node):
        if node.type == "simple_stmt" and _within_function(node) and _acts(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.children[0] = _text("pass", node.children[0])
        return node

    @classmethod
    def examples(cls):
        return ()


class DropElement(Operator):
    """A list, tuple, set, dict or the conditions of a filter with one element fewer."""

    def mutation_positions(self, node):
        for _ in _elements(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        kept = [element for place, element in enumerate(_elements(node)) if place != index]
        return _text(", ".join(kept) + ("," if kept else ""), node)

    @classmethod
    def examples(cls):
        return ()


class ReplaceMember(Operator):
    """`Status.OPEN`, `accounts.BANK` or `events.PaymentFailed` becomes the member the module names next."""

    def mutation_positions(self, node):
        if _other_member(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return _text(_other_member(node), node)

    @classmethod
    def examples(cls):
        return ()


class ReplaceMembership(Operator):
    """`in` becomes `not in`, and the other way round."""

    def mutation_positions(self, node):
        if node.type == "comparison" and _is_membership(node.children[1]):
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node, index):
        operator = node.children[1]
        node.children[1] = _text("in" if operator.type == "comp_op" else "not in", operator)
        return node

    @classmethod
    def examples(cls):
        return ()


class ReplaceSql(Operator):
    """One word or sign of a statement in SQL."""

    def mutation_positions(self, node):
        for _ in _in_sql(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        place, old, new = list(_in_sql(node))[index]
        return _text(node.value[:place] + new + node.value[place + len(old) :], node)

    @classmethod
    def examples(cls):
        return ()


def _text(code: str, instead_of: NodeOrLeaf) -> Leaf:
    """A leaf of any code, where `instead_of` was."""
    return tree.Name(code, instead_of.start_pos, instead_of.get_first_leaf().prefix)


def _within_function(node: NodeOrLeaf) -> bool:
    return node.search_ancestor("funcdef") is not None and node.parent.type == "suite"


def _acts(statement: NodeOrLeaf) -> bool:
    if statement.type in ("atom_expr", "power"):
        return statement.children[-1].type == "trailer" and statement.children[-1].children[0] == "("
    if statement.type != "expr_stmt" or statement.children[1].type == "annassign":
        return False
    return statement.children[0].type in ("atom_expr", "power") or statement.children[1].value != "="


def _elements(node: NodeOrLeaf) -> list[str]:
    """The code of each element that may be left out."""
    if _in_annotation(node):
        return []
    if node.type in ("testlist_comp", "dictorsetmaker") or _filters(node):
        if any(child.type in ("sync_comp_for", "comp_for") for child in getattr(node, "children", [])):
            return []
        return _split(node)
    return []


def _filters(node: NodeOrLeaf) -> bool:
    """The conditions of a call of `.filter` and the like."""
    if node.type not in ("arglist", "argument") or node.parent.type != "trailer":
        return False
    method = node.parent.get_previous_sibling()
    return method is not None and method.type == "trailer" and method.children[-1].value in FILTERS


def _split(node: NodeOrLeaf) -> list[str]:
    if node.type == "argument":
        return [node.get_code(include_prefix=False)]
    parts = [""]
    for child in node.children:
        if child == ",":
            parts.append("")
        else:
            parts[-1] += child.get_code()
    return [part.strip() for part in parts if part.strip()]


def _in_annotation(node: NodeOrLeaf) -> bool:
    """The type of a parameter, a variable or an answer."""
    while node.parent is not None:
        if node.parent.type in ("tfpdef", "annassign") and node is node.parent.children[-1]:
            return True
        if node.parent.type == "annassign" and node is node.parent.children[1]:
            return True
        if node.parent.type == "funcdef" and node is node.parent.annotation:
            return True
        node = node.parent
    return False


def _member(node: NodeOrLeaf) -> tuple[str, str] | None:
    if node.type not in ("atom_expr", "power") or len(node.children) < 2 or node.children[0].type != "name":
        return None
    trailer = node.children[1]
    if trailer.children[0] != "." or len(node.children) > 2:
        return None
    owner, name = node.children[0].value, trailer.children[1].value
    is_constant = name.isupper() and owner != "self"
    return (owner, name) if is_constant or (owner == "events" and name[0].isupper()) else None


def _other_member(node: NodeOrLeaf) -> str:
    """The code of the next member of the same owner in the module; empty when it names no other."""
    member = _member(node)
    if member is None or _in_annotation(node):
        return ""
    named = [name for owner, name in _all_members(node.get_root_node()) if owner == member[0]]
    if len(named) < 2:
        return ""
    return f"{member[0]}.{named[(named.index(member[1]) + 1) % len(named)]}"


@functools.lru_cache(maxsize=1)
def _all_members(module: NodeOrLeaf) -> list[tuple[str, str]]:
    return list(dict.fromkeys(_members(module)))


def _members(node: NodeOrLeaf) -> Iterator[tuple[str, str]]:
    member = _member(node)
    if member:
        if not _in_annotation(node):
            yield member
        return
    for child in getattr(node, "children", []):
        yield from _members(child)


def _is_membership(operator: NodeOrLeaf) -> bool:
    return getattr(operator, "value", "") == "in" or operator.get_code(include_prefix=False) == "not in"


def _in_sql(node: NodeOrLeaf) -> Iterator[tuple[int, str, str]]:
    if node.type not in ("string", "fstring_string") or not _is_sql(node):
        return
    for old, new in SQL:
        place = node.value.find(old)
        while place >= 0:
            yield place, old, new
            place = node.value.find(old, place + 1)


def _is_sql(node: NodeOrLeaf) -> bool:
    whole = node.parent.get_code() if node.type == "fstring_string" else node.value
    return any(word in whole for word in ("SELECT ", "UPDATE ", "UTC_TIMESTAMP", "STRFTIME"))
