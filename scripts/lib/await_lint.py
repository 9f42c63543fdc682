#!/usr/bin/env python3
"""Finds the awaiting expressions that g++ 12 miscompiles (double free, use after free; docs/adr/0002).

A full expression with co_await in it must not also contain a braced temporary, a lambda with captures, a ?: that may
make a class temporary, or a throw; and a LABHUB_TRY or LABHUB_CHECK must not await. The remedy is always the same: name
the operand in a statement of its own, then await it.

    await_lint.py [FILE …]    without files: every C++ source git knows of or could add
"""
import re
import subprocess
import sys
from dataclasses import dataclass, field

TOKEN = re.compile(r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n\\]|\\.)*)
  | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<text>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
  | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')
  | (?P<number>\.?\d(?:[\w.]|'\w|[eEpP][+-])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>->|::|\+\+|--|&&|\|\||[<>=!]=|.)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

CLOSE = {"(": ")", "[": "]", "{": "}"}
DECLARES_BLOCK = {"namespace", "struct", "class", "union", "enum", "extern"}
OPENS_BLOCK = {"else", "do", "try", "const", "noexcept", "override", "final", "mutable", ")"}
CONDITIONS = {"if", "while", "for", "switch", "catch"}
BEFORE_LAMBDA = {"return", "co_return", "co_await", "co_yield", "case", "throw", "else", "do"}
DURATIONS = {"nanoseconds", "microseconds", "milliseconds", "seconds", "minutes", "hours", "days"}
AFTER_LAMBDA = {"<", "mutable", "noexcept", "->"}


@dataclass
class Token:
    text: str
    kind: str
    line: int


@dataclass
class Group:
    """A bracketed part. `role`: block (statements), init (a braced initialiser), list (anything else)."""
    bracket: str
    line: int
    items: list = field(default_factory=list)
    role: str = "list"
    is_capture: bool = False


def tokenize(source):
    tokens, line = [], 1
    for match in TOKEN.finditer(source):
        if match.lastgroup != "space" and not match.group("space"):
            kind = next(name for name in ("raw", "text", "char", "number", "word", "sign") if match.group(name))
            tokens.append(Token(match.group(), kind, line))
        line += match.group().count("\n")
    return tokens


def text_of(item):
    return item.text if isinstance(item, Token) else CLOSE[item.bracket]


def nest(tokens):
    """The tokens as a tree of Groups; an unbalanced closing bracket ends the innermost group."""
    root = Group("{", 1, role="block")
    open_groups = [root]
    for token in tokens:
        if token.kind == "sign" and token.text in CLOSE:
            group = Group(token.text, token.line)
            open_groups[-1].items.append(group)
            open_groups.append(group)
        elif token.kind == "sign" and token.text in ")]}" and len(open_groups) > 1:
            open_groups.pop()
        else:
            open_groups[-1].items.append(token)
    return root


def is_lambda_introducer(items, at):
    after = items[at + 1] if at + 1 < len(items) else None
    if not (isinstance(after, Group) and after.bracket in "({" or isinstance(after, Token) and after.text in AFTER_LAMBDA):
        return False
    if at == 0:
        return True
    before = items[at - 1]
    if isinstance(before, Group):
        return before.bracket == "{"
    if before.kind == "word":
        return before.text in BEFORE_LAMBDA
    if before.text in ("&", "&&") and at >= 2 and text_of(items[at - 2]) == "auto":
        return False
    return before.kind == "sign" and before.text not in (">",)


def ends_trailing_return_type(items, at):
    """Whether items[:at] ends in `) … -> Type`."""
    depth = 0
    for back in range(at - 1, -1, -1):
        text = text_of(items[back])
        if isinstance(items[back], Group) and depth == 0:
            return False
        if text == ">":
            depth += 1
        elif text == "<":
            depth -= 1
        elif text == "->" and depth == 0:
            return back > 0 and text_of(items[back - 1]) in (")", "mutable", "noexcept", "const")
        elif depth == 0 and isinstance(items[back], Token) and items[back].kind != "word" and text not in ("::", "*", "&"):
            return False
    return False


def role_of_brace(items, start, at, parent_role):
    """What the brace group items[at] of the statement that began at items[start] is."""
    before = items[at - 1] if at > start else None
    if before is None:
        return "block" if parent_role == "block" else "init"
    first = next((text_of(i) for i in items[start:at] if text_of(i) not in ("template", "export", "inline", "static", "typedef")), "")
    if parent_role == "block" and (first in DECLARES_BLOCK or text_of(items[start]) == "template" and
                                   any(text_of(i) in DECLARES_BLOCK for i in items[start:at])):
        return "block"
    if isinstance(before, Group) and before.bracket == "[":
        return "block" if before.is_capture else "init"
    if text_of(before) in OPENS_BLOCK:
        return "block"
    if isinstance(before, Group) and before.bracket == "{" and before.role == "init":
        return "block"
    if text_of(before) == ":" and parent_role == "block":
        return "block"
    return "block" if ends_trailing_return_type(items, at) else "init"


class Finder:
    def __init__(self):
        self.found = []

    def block(self, items):
        """Statements: each is one full expression, a condition is one of its own."""
        start = at = 0
        while at < len(items):
            item = items[at]
            if isinstance(item, Token) and item.text == ";":
                self.full_expression(items[start:at])
                start = at + 1
            elif isinstance(item, Token) and item.text in CONDITIONS and at == start:
                condition = next((i for i in range(at + 1, min(at + 4, len(items)))
                                  if isinstance(items[i], Group) and items[i].bracket == "("), None)
                if condition is not None:
                    self.block(items[condition].items)
                    start = at = condition
                    start += 1
            elif isinstance(item, Group):
                self.mark(items, start, at, "block")
                if item.bracket == "{" and item.role == "block" and not self.is_lambda_body(items, start, at):
                    self.full_expression(items[start:at])
                    self.block(item.items)
                    start = at + 1
            at += 1
        self.full_expression(items[start:])

    @staticmethod
    def is_lambda_body(items, start, at):
        return any(isinstance(i, Group) and i.bracket == "[" and i.is_capture for i in items[start:at])

    def mark(self, items, start, at, parent_role):
        group = items[at]
        if group.bracket == "[":
            group.is_capture = is_lambda_introducer(items, at)
        elif group.bracket == "{":
            group.role = role_of_brace(items, start, at, parent_role)

    def full_expression(self, items):
        flat, bodies = [], []
        self.flatten(items, flat, bodies)
        for body in bodies:
            self.block(body)
        awaits = next((i.line for i in flat if isinstance(i, Token) and i.text == "co_await"), None)
        if awaits is None:
            return
        for at, item in enumerate(flat):
            what = self.fault(flat, at, item)
            if what:
                self.found.append((awaits, what))

    def flatten(self, items, flat, bodies):
        """All items of the expression at every depth; lambda bodies go apart, as they are expressions of their own."""
        for at, item in enumerate(items):
            if not isinstance(item, Group):
                flat.append(item)
                continue
            self.mark(items, 0, at, "list")
            if item.bracket == "{" and item.role == "block":
                bodies.append(item.items)
                continue
            flat.append(item)
            self.flatten(item.items, flat, bodies)

    @staticmethod
    def fault(flat, at, item):
        if isinstance(item, Group):
            if item.bracket == "{":
                is_duration = at >= 1 and text_of(flat[at - 1]) in DURATIONS
                return None if is_duration else "a braced temporary or initialiser"
            if item.bracket == "[" and item.is_capture and item.items:
                return "a lambda with captures"
            return None
        if item.text == "throw":
            return "a throw"
        if item.text in ("LABHUB_TRY", "LABHUB_CHECK"):
            return f"{item.text}, which returns from the middle of it"
        if item.text == "?" and not Finder.is_plain_choice(flat, at):
            return "a ?: that may make a class temporary"
        return None

    @staticmethod
    def is_plain_choice(flat, at):
        """`? 1 : 2`: both branches are literals or constants, which make no class temporary."""
        def is_plain(token):
            return isinstance(token, Token) and (token.kind in ("number", "char") or token.text in ("true", "false", "nullptr")
                                                 or re.fullmatch(r"k[A-Z]\w*", token.text))
        branches = flat[at + 1:at + 4]
        return len(branches) == 3 and text_of(branches[1]) == ":" and is_plain(branches[0]) and is_plain(branches[2])


def lint(source):
    """[(line, what is beside the co_await)] of one source text."""
    finder = Finder()
    finder.block(nest(tokenize(source)).items)
    return sorted(set(finder.found))


def main(paths):
    if not paths:
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.cpp", "*.hpp"],
                                check=True, capture_output=True, text=True)
        paths = [path for path in listed.stdout.split("\n") if path]
    count = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                source = file.read()
        except FileNotFoundError:
            continue
        for line, what in lint(source):
            print(f"{path}:{line}: co_await beside {what}: name the operand in a statement before, then await it")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
