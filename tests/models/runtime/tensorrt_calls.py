"""What our source calls of TensorRT, found in its syntax and compared with what there is.

Names of `models.runtime.tensorrt_types` say what a parameter or attribute holds; from there types
are followed through assignments and calls, by what the bindings document that a call returns. A
receiver of which nobody can say whether it is TensorRT's is a finding, too: so no call is forgotten.
"""

import ast
import builtins
import re

MODULE, OURS, UNKNOWN = "module", "ours", "unknown"
"""Beside these a type is `TYPE`, an instance; `type:TYPE`; or `TYPE.method`, bound."""

_SIGNATURE = re.compile(r"(?:^|\n)(?:\d+\. )?\w+\((.*)\) -> ([^\n]*)")
_RENAMED = {"IParserError": "ParserError"}
"""What a signature calls by its name in C++."""


class Bindings:
    """What a version has, by `bindings.described`."""

    def __init__(self, version, members):
        self.version = tuple(int(each) for each in version.split("."))
        self._members = members

    def member(self, owner, name):
        """How a class (in dots), or the module for "", describes a member, or None."""
        members = self._members
        for part in owner.split(".") if owner else ():
            members = members[part]["class"]
        return members.get(name)

    def signatures(self, owner, name):
        """Names of parameters without `self`, how many may be left out, and the type returned."""
        text = self.member(owner, name)["call"]
        return [
            (*_parameters(arguments), self._type(returned))
            for arguments, returned in _SIGNATURE.findall(text)
        ]

    def _type(self, text):
        name = re.split(r"[.:]", text.strip().rstrip(":"))[-1]
        name = _RENAMED.get(name, name)
        described = self._members.get(name, {})
        return name if "class" in described else OURS

    def returned(self, owner, name):
        """What a property holds."""
        found = re.search(r"-> ([^\n]*)", self.member(owner, name)["doc"])
        return self._type(found[1]) if found else OURS


def _parameters(text):
    parts, depth, part = [], 0, ""
    for letter in f"{text},":
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    named = [each for each in parts if each and not each.startswith("self:")]
    names = [re.split("[:=]", each)[0].strip() for each in named]
    return names, sum("=" in each for each in named)


def compared(sources, bindings, names):
    """What is used, as in `Builder.create_network`; and what does not fit, a line each.

    Args:
        sources: text by file name.
        bindings: of one version.
        names: those of `tensorrt_types`; one of them is `Library`.
    """
    trees = {file: ast.parse(text) for file, text in sources.items()}
    returns = {
        node.name: _annotated(node.returns, names)
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    used, found = set(), []
    for file, tree in trees.items():
        reader = _Reader(file, bindings, names, returns, used, found)
        reader.block(tree.body, {})
    return used, list(dict.fromkeys(found))


def _annotated(annotation, names):
    """Type that an annotation stands for."""
    if annotation is None:
        return UNKNOWN
    words = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
    if "Library" in words:
        return MODULE
    known = [word for word in words if word in names]
    if known:
        return known[0]
    return UNKNOWN if words in (["Any"], ["object"]) else OURS


class _Reader:
    """Follows types through one file."""

    def __init__(self, file, bindings, names, returns, used, found):
        self.file, self.bindings, self.names, self.returns = file, bindings, names, returns
        self.used, self.found, self.attributes = used, found, {}

    def say(self, node, what):
        self.found.append(f"{self.file}:{node.lineno} {what}")

    # Statements.

    def block(self, body, env):
        for statement in body:
            self.statement(statement, env)

    def statement(self, node, env):
        if isinstance(node, ast.ClassDef):
            self.class_(node, env)
        elif isinstance(node, ast.FunctionDef):
            env[node.name] = OURS
            self.function(node, env)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                own = (alias.asname or alias.name).partition(".")[0]
                env[own] = (
                    MODULE if alias.name == "tensorrt" and node.__class__ is ast.Import else OURS
                )
        elif isinstance(node, ast.If) and (branch := self.branch(node)) is not None:
            self.block(branch, env)
        elif isinstance(node, ast.Assign):
            given = self.types(node.value, env)
            for target in node.targets:
                self.assign(target, given, env)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.infer(node.value, env)
            self.assign(node.target, _annotated(node.annotation, self.names), env)
        elif isinstance(node, ast.For):
            self.assign(node.target, self.infer(node.iter, env), env)
            self.block([*node.body, *node.orelse], env)
        elif isinstance(node, ast.With):
            for item in node.items:
                given = self.infer(item.context_expr, env)
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, given, env)
            self.block(node.body, env)
        elif isinstance(node, ast.Try):
            for handler in node.handlers:
                env |= {handler.name: OURS} if handler.name else {}
            parts = [node.body, *(each.body for each in node.handlers), node.orelse, node.finalbody]
            for part in parts:
                self.block(part, env)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    self.statement(child, env)
                elif isinstance(child, ast.expr):
                    self.infer(child, env)

    def branch(self, node):
        """The part of `if major < N` that is run with this version."""
        test = node.test
        if not (isinstance(test, ast.Compare) and getattr(test.left, "id", "") == "major"):
            return None
        least = ast.literal_eval(test.comparators[0])
        assert isinstance(test.ops[0], ast.Lt)
        return node.body if self.bindings.version[0] < least else node.orelse

    def class_(self, node, env):
        env[node.name] = OURS
        outer, self.attributes = self.attributes, {}
        for base in node.bases:
            given = self.infer(base, env)
            if given.startswith("type:"):
                self.overrides(node, given.removeprefix("type:"))
        for _ in range(2):  # what a method assigns, an earlier one may use
            silent, self.found = self.found, self.found if _ else []
            self.block(node.body, dict(env))
            self.found = silent
        self.attributes = outer

    def overrides(self, node, base):
        """TensorRT calls these: all of them are there, with as many parameters."""
        own = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        for name, member in self.bindings.member("", base)["class"].items():
            if name.startswith("_") or "call" not in member:
                continue
            (wanted, _, _), *_ = self.bindings.signatures(base, name)
            if name not in own:
                self.say(node, f"{base}.{name} is not overridden")
            elif [each.arg for each in own[name].args.args[1:]] != wanted:
                self.say(own[name], f"{base}.{name} takes {wanted}")

    def function(self, node, env):
        inner = dict(env)
        arguments = node.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            is_self = each.annotation is None and each.arg in {"self", "cls"}
            inner[each.arg] = OURS if is_self else _annotated(each.annotation, self.names)
        for each in (arguments.vararg, arguments.kwarg):
            if each is not None:
                inner[each.arg] = OURS
        for statement in node.body:  # functions that are used before they are reached
            if isinstance(statement, ast.FunctionDef):
                inner[statement.name] = OURS
        self.block(node.body, inner)

    def assign(self, target, given, env):
        """Bind names; of a tuple each to its own, where that is known."""
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = given if isinstance(given, list) else [given] * len(target.elts)
            for each, part in zip(target.elts, parts, strict=True):
                self.assign(each, part, env)
            return
        given = given if isinstance(given, str) else OURS
        if isinstance(target, ast.Name):
            env[target.id] = given
        elif isinstance(target, ast.Starred):
            self.assign(target.value, given, env)
        elif isinstance(target, ast.Attribute):
            if getattr(target.value, "id", "") == "self":
                known = self.attributes.get(target.attr)
                self.attributes[target.attr] = known if known not in {None, OURS} else given
            else:
                self.infer(target, env)

    def types(self, node, env):
        """Of a tuple each, else one."""
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self.infer(each, env) for each in node.elts]
        return self.infer(node, env)

    # Expressions.

    def infer(self, node, env):
        """The type of what an expression gives; its own calls are compared on the way."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            return method(node, env)
        kinds = [
            self.infer(child, env)
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
        ]
        if isinstance(node, (ast.BoolOp, ast.IfExp)):
            return next((kind for kind in kinds if kind not in {OURS, UNKNOWN}), OURS)
        return OURS

    def _name(self, node, env):
        if node.id in env:
            return env[node.id]
        return (
            OURS
            if hasattr(builtins, node.id) or node.id.isupper() or node.id in _LATER
            else UNKNOWN
        )

    def _lambda(self, node, env):
        inner = env | {each.arg: OURS for each in node.args.args}
        self.infer(node.body, inner)
        return OURS

    def _comprehension_of(self, node, env):
        inner = dict(env)
        for each in node.generators:
            self.assign(each.target, self.infer(each.iter, inner), inner)
            for test in each.ifs:
                self.infer(test, inner)
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                self.infer(getattr(node, part), inner)
        return OURS

    _listcomp = _setcomp = _dictcomp = _generatorexp = _comprehension_of

    def _attribute(self, node, env):
        if getattr(node.value, "id", "") == "self" and env.get("self") == OURS:
            return self.attributes.get(node.attr, OURS)
        owner = self.infer(node.value, env)
        if owner == UNKNOWN:
            self.say(node, f"nobody says whose {ast.unparse(node)} is: see tensorrt_types")
        if owner in {OURS, UNKNOWN}:
            return OURS
        path = "" if owner == MODULE else owner.removeprefix("type:")
        if path and self.bindings.member("", path.partition(".")[0]) is None:
            self.say(node, f"there is no {path}")
            return OURS
        member = self.bindings.member(path, node.attr)
        if member is None:
            self.say(node, f"{path or 'tensorrt'} has no {node.attr}")
            return OURS
        self.used.add(f"{path}.{node.attr}".lstrip("."))
        if "class" in member:
            return f"type:{path}.{node.attr}" if path else f"type:{node.attr}"
        if "call" in member:
            return f"call:{path}:{node.attr}"
        return OURS if owner.startswith("type:") else self.bindings.returned(path, node.attr)

    def _call(self, node, env):
        called = self.infer(node.func, env)
        given = [self.types(each, env) for each in node.args]
        for each in node.keywords:
            self.infer(each.value, env)
        if (
            getattr(node.func, "attr", "") == "made"
        ):  # makes what it is given: `made(what, make, …)`
            return self.compare(node, given[1], len(given) - 2, [])
        if called == OURS:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            own = self.returns.get(name, OURS)
            return own if own != UNKNOWN else OURS
        return self.compare(node, called, len(given), [each.arg for each in node.keywords])

    def compare(self, node, called, count, keywords):
        """One call: there is a signature that takes so many, and those keywords."""
        if not isinstance(called, str) or called in {OURS, UNKNOWN, MODULE}:
            return OURS
        if called.startswith("type:"):
            path, name = called.removeprefix("type:"), "__init__"
        elif called.startswith("call:"):
            _, path, name = called.split(":")
        else:
            self.say(node, f"{called} is called")
            return OURS
        if name == "__init__" and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            return OURS
        signatures = self.bindings.signatures(path, name)
        fits = [
            returned
            for parameters, optional, returned in signatures
            if set(keywords) <= set(parameters[count:])
            and len(parameters) - optional <= count + len(keywords) <= len(parameters)
        ]
        if signatures and not fits:
            takes = " or ".join(str(parameters) for parameters, _, _ in signatures)
            self.say(node, f"{path}.{name} takes {takes}, not {count} and {keywords}")
        if name == "__init__":
            return path
        return fits[0] if fits else OURS


_LATER = frozenset({"__name__", "__file__"})
