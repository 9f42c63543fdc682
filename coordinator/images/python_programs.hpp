#pragma once

namespace labhub::coordinator::images {

/// Prints {"version": "3.11.2", "modules": [...]}: what can be imported at top level. Imports none of it.
inline constexpr const char* kModulesProgram = R"py(
import importlib.util, json, os, pkgutil, sys
names = set(sys.builtin_module_names)
for name in sys.stdlib_module_names:
    try:
        if importlib.util.find_spec(name): names.add(name)
    except (ImportError, ValueError):
        pass
names.update(module.name for module in pkgutil.iter_modules())
for folder in sys.path:
    # Folders without an __init__.py are packages too.
    if folder and os.path.isdir(folder):
        names.update(e.name for e in os.scandir(folder) if e.name.isidentifier() and e.is_dir())
names.discard('__pycache__')
json.dump({'version': '%d.%d.%d' % sys.version_info[:3], 'modules': sorted(names)}, sys.stdout)
)py";

/// Reads a script from standard input. Prints {"error": "line 2, column 1: ..."} or {"imports": [["numpy", 3], ...]}:
/// the top-level names of the absolute imports that nothing catches the failure of, with the first line of each.
/// Compiles, and executes nothing. A script that changes where modules come from, or is too long for a tree of it,
/// gives no names.
inline constexpr const char* kCheckProgram = R"py(
import ast, json, posix, sys
MOST = 262144
CATCHES = {'ImportError', 'ModuleNotFoundError', 'Exception', 'BaseException'}
SOURCES = {'path', 'meta_path', 'path_hooks', 'modules'}

def name_of(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, 'id', '')

def catches(node):
    return node is None or any(name_of(each) in CATCHES for each in getattr(node, 'elts', [node]))

def is_guard(node):
    if isinstance(node, ast.Try) or type(node).__name__ == 'TryStar':
        return any(catches(handler.type) for handler in node.handlers)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        return any(name_of(call.func) == 'suppress' and any(map(catches, call.args)) for call in calls)
    return isinstance(node, ast.If) and name_of(node.test) == 'TYPE_CHECKING'

def imports_of(tree):
    found = {}
    left = [(tree, False)]
    while left:
        node, guarded = left.pop()
        if isinstance(node, ast.Attribute) and node.attr in SOURCES and name_of(node.value) == 'sys':
            return {}
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.module in ('sys', 'site') and any(a.name in SOURCES | {'addsitedir'} for a in node.names):
                return {}
            names = [node.module] if node.level == 0 else []
        for name in () if guarded else names:
            top = name.partition('.')[0]
            found[top] = min(found.get(top, node.lineno), node.lineno)
        guarded = guarded or is_guard(node)
        left.extend((child, guarded) for child in ast.iter_child_nodes(node))
    return found

source = sys.stdin.buffer.read()
verdict = {'imports': []}
try:
    compile(source, 'user_script.py', 'exec', dont_inherit=True)
    if len(source) <= MOST:
        tree = compile(source, 'user_script.py', 'exec', ast.PyCF_ONLY_AST, dont_inherit=True)
        verdict['imports'] = sorted(imports_of(tree).items(), key=lambda each: each[1])[:1000]
except SyntaxError as e:
    verdict = {'error': f'line {e.lineno or 1}, column {e.offset or 1}: {str(e.msg)[:1000]}'}
except (ValueError, RecursionError, MemoryError, OverflowError) as e:
    verdict = {'error': f'line 1: {type(e).__name__}: {str(e)[:1000]}'}
sys.stdout.write(json.dumps(verdict))
sys.stdout.flush()
posix._exit(0)
)py";

}  // namespace labhub::coordinator::images
