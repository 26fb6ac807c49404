"""Writes every mutant of the targets as one line of JSON: python -m tests.mutants.making.generate > mutants.jsonl

Runs in the environment that has cosmic-ray, in the folder that holds the targets.
"""

import ast
import collections
import difflib
import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from tests.mutants.making import operators
from tests.mutants.targets import TARGETS, Target

OWN = {
    each.__name__: each
    for each in (
        operators.RemoveStatement,
        operators.DropElement,
        operators.ReplaceMember,
        operators.ReplaceMembership,
        operators.ReplaceSql,
    )
}
# Off, with the reason. Comparisons by order of what is only ever equal or not (Eq_Lt, Is_Gt, …): states are strings,
# and no code relies on how they sort. Second and third replacements of an arithmetic operator: a test that tells +
# from - tells + from **. BitOr, BitAnd: here they join types and dicts. Variable replacers: they choose at random, so
# no two runs have the same mutants.
COSMIC_RAY = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Mul_FloorDiv",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBreakWithContinue",
    "ReplaceComparisonOperator_Eq_GtE",
    "ReplaceComparisonOperator_Eq_LtE",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ZeroIterationForLoop",
)
ONLY_FOR_NUMBERS = ("ReplaceComparisonOperator_Eq_GtE", "ReplaceComparisonOperator_Eq_LtE")
NOT_MUTATED = ("logger.", "assert ", "@dataclasses", "@functools.cache", "__slots__")
"""Statements nobody promises anything about: log lines, assertions (themselves checks), speed."""


def main(parts: list[str]) -> None:
    for target in TARGETS:
        if parts and not any(part in target.module for part in parts):
            continue
        for mutant in mutants_of(target):
            print(json.dumps(mutant))


def mutants_of(target: Target) -> Iterator[dict[str, Any]]:
    """One per change of the code that Python can compile and that is not a copy of another."""
    source = pathlib.Path(target.module).read_text()
    seen = {source}
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    for name, operator in _operators():
        for occurrence in range(_positions(source, operator)):
            mutated = _mutated(source, operator, occurrence)
            if mutated is None or mutated in seen or not _compiles(mutated):
                continue
            seen.add(mutated)
            mutant = _described(target, name, source, mutated)
            if mutant and _is_wanted(target, mutant):
                key = tuple(str(mutant[part]) for part in ("function", "operator", "before", "after"))
                counts[key] += 1
                yield mutant | {"which": counts[key], "source": mutated}


def _operators() -> Iterator[tuple[str, Operator]]:
    for name in COSMIC_RAY:
        yield name, plugins.get_operator(f"core/{name}")()
    for name, operator in OWN.items():
        yield name, operator()


def _positions(source: str, operator: Operator) -> int:
    return sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(get_ast(source)))


def _mutated(source: str, operator: Operator, occurrence: int) -> str | None:
    try:
        return mutate_code(source, operator, occurrence)
    except AttributeError:  # cosmic-ray 8.7 cannot replace an exception with a dotted name.
        return None


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _described(target: Target, operator: str, source: str, mutated: str) -> dict[str, Any] | None:
    old = [(number, line.strip()) for number, line in enumerate(source.splitlines(), start=1) if line.strip()]
    new = [line.strip() for line in mutated.splitlines() if line.strip()]
    blocks = difflib.SequenceMatcher(None, [line for _, line in old], new, autojunk=False).get_opcodes()
    changes = [block for block in blocks if block[0] != "equal"]
    if not changes:
        return None
    line = old[changes[0][1]][0]
    return {
        "module": target.module,
        "subject": target.subject,
        "operator": operator,
        "line": line,
        "function": _function_at(source, line),
        "before": " ".join(text for _, text in old[changes[0][1] : changes[-1][2]]),
        "after": " ".join(new[changes[0][3] : changes[-1][4]]),
    }


def _function_at(source: str, line: int) -> str:
    """The dotted name of the innermost function or class around a line, its decorators included."""
    names: list[str] = []
    nodes: list[ast.AST] = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                if first <= line <= (child.end_lineno or 0):
                    names.append(child.name)
                    nodes = [child]
                    break
    return ".".join(names)


def _is_wanted(target: Target, mutant: dict[str, Any]) -> bool:
    if target.only and mutant["function"] not in target.only:
        return False
    if mutant["operator"] in ONLY_FOR_NUMBERS and not _compares_numbers(mutant["before"]):
        return False
    return not mutant["before"].startswith(NOT_MUTATED)


def _compares_numbers(code: str) -> bool:
    return "status ==" not in code and any(word in code for word in ("== 0", "== 1", "amount", "sum(", "len("))


if __name__ == "__main__":
    main(sys.argv[1:])
