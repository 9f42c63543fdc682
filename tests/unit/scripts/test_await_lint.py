"""scripts/lib/await_lint.py on expressions that g++ 12 compiles rightly and wrongly."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts" / "lib"))
from await_lint import lint  # noqa: E402

WRONG = {
    "braced argument": "auto r = co_await send(Request{1, 2});",
    "braced argument without a type": "co_await send({1, 2});",
    "empty braces": "co_await send(Request{});",
    "braced temporary deep inside": "auto r = co_await f(g(1, h(std::string{name})));",
    "braced temporary beside": "auto r = combine(co_await f(), Config{});",
    "aggregate around": "Reply reply{co_await f()};",
    "aggregate around, with =": "Reply reply = {co_await f(), 1};",
    "returned aggregate": "co_return Reply{co_await f()};",
    "returned await of a braced temporary": "co_return co_await f(Request{});",
    "capturing lambda": "co_await post([this] { run(); });",
    "capturing lambda with parameters": "auto r = co_await map([&](int x) { return x + y; });",
    "capturing lambda after a comma": "co_await map(1, [x = y]() mutable { return x; });",
    "conditional": "auto r = co_await f(flag ? a : b);",
    "conditional of awaits": "auto r = flag ? co_await f() : co_await g();",
    "throw": "auto r = flag ? co_await f() : throw std::runtime_error(\"no\");",
    "in an if": "if (auto r = co_await f(Request{}); !r) { stop(); }",
    "in a while": "while (co_await next(Options{})) count();",
    "in a range for": "for (auto& x : co_await list(Filter{})) use(x);",
    "statement of an if without braces": "if (flag) co_await f(Request{});",
    "in a lambda coroutine": "auto task = []() -> Task<void> { co_await f(Request{}); };",
    "in a lambda passed on": "spawn([]() -> Task<void> { co_await f(Request{}); });",
    "macro that returns": "LABHUB_TRY(auto x, co_await f());",
    "over several lines": "auto r = co_await send(\n    Request{\n        1});",
    "template argument before": "auto r = co_await f(std::vector<int>{1});",
    "inside a case": "switch (x) { case 1: { co_await f(Request{}); break; } }",
}

RIGHT = {
    "duration": "co_await sleep_for(std::chrono::milliseconds{5}); co_await f(1, std::chrono::hours{n * 2}, true);",
    "named operand": "Request request{1, 2}; auto r = co_await send(std::move(request));",
    "plain call": "auto r = co_await f(1, \"{\", '}', a[3], m[\"x\"]);",
    "non-capturing lambda": "co_await post([](int x) { return Pair{x, x}; });",
    "braces in another statement": "Pair p{1, 2}; co_await f(p); q = Pair{3, 4};",
    "body of the if": "if (co_await f()) { Pair p{1, 2}; }",
    "statement after a condition": "if (!co_await f()) co_return Error{\"x\"};",
    "declaration in the condition": "if (auto r = co_await f(); !r) co_return r.error();",
    "conditional elsewhere": "const int n = flag ? 1 : f({2}); co_await g(n);",
    "conditional of literals": "co_await f(flag ? 1 : 2); co_await g(flag ? true : kDefault);",
    "lambda with captures, not awaited": "auto g = [this] { return 1; }; co_await f();",
    "coroutine made by a lambda": "group.spawn([this]() -> Task<void> { co_await f(); });",
    "structured binding": "auto [ec, n] = co_await socket.async_read(buffer, as_result);",
    "reference structured binding": "auto& [ec, n] = co_await g();",
    "function with default brace": "Task<void> f(Options o = {}) { co_await g(o); }",
    "class with members": "struct S { int a{1}; Task<void> run() { co_await f(); } };",
    "constructor": "S::S(int a) : a_{a}, b_(1) { start(); } Task<void> S::run() { co_await f(); }",
    "in a comment": "// co_await f(Request{});\n/* co_await f(Request{}) */ int x;",
    "in a text": "auto t = \"co_await f(Request{})\"; auto u = R\"(co_await f(X{});)\"; Pair p{1};",
    "in a macro's definition": "#define X \\\n  co_await f(Request{})\nint y;",
    "attribute": "[[maybe_unused]] auto r = co_await f();",
    "trailing return type": "auto run() -> Task<std::vector<int>> { co_await f(); }",
    "const member function": "Task<void> S::run() const { co_await f(); }",
    "digit separators": "co_await f(1'000'000); Pair p{'a', 1};",
    "do while": "do { co_await f(); } while (Pair{1, 2}.first);",
    "nested block": "{ Pair p{1, 2}; { co_await f(); } }",
    "for with three parts": "for (Pair p{1, 2}; co_await f(p); ++p) { x = {1}; }",
    "enum and template": "template <class T> struct Q { T t{}; }; enum class E { a, b }; Task<void> f() { co_await g(E::a); }",
}


class AwaitLint(unittest.TestCase):
    def test_refuses_what_gcc_12_miscompiles(self):
        for name, source in WRONG.items():
            with self.subTest(name):
                self.assertTrue(lint("Task<void> run() { " + source + " }"), source)

    def test_accepts_what_it_compiles_rightly(self):
        for name, source in RIGHT.items():
            with self.subTest(name):
                body = source if "Task<" in source.split("{")[0] or source.startswith(("struct", "S::", "template", "auto run")) \
                    else "Task<void> run() {\n" + source + "\n}"
                self.assertEqual(lint(body), [], source)

    def test_says_the_line_of_the_await_and_what_is_beside_it(self):
        found = lint("Task<void> run() {\n    int x = 1;\n    co_await send(\n        Request{x});\n}\n")
        self.assertEqual(found, [(3, "a braced temporary or initialiser")])


if __name__ == "__main__":
    unittest.main()
