"""The generated parts of docs/mqtt.md: `.venv/bin/python -m tests.agent.control.mqtt_document` writes them.

Each stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
from pathlib import Path

from agent.control.ops import OPS
from agent.control.schemas import schema
from agent.control.topics import ROOT, TOPICS

FILE = Path(__file__).resolve().parents[3] / "docs" / "mqtt.md"
NO_MESSAGES = {*(op.args.__name__ for op in OPS.values()), "JsonValue"}
"""What is described with the ops, and what needs no description."""


def renewed(text):
    """The document with each generated part as it is now."""
    for name, part in (("topics", topics()), ("ops", ops()), ("messages", messages())):
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = marks.subn(lambda found, part=part: f"{found[1]}{part}{found[2]}", text)
        assert count == 1, name
    return text


def topics():
    rows = []
    for topic in TOPICS:
        if topic.id.startswith("cmd-") or topic.id.startswith("evt-"):
            folder = topic.pattern.partition("/")[0]
            pattern = f"{folder}/<op>" if folder == "cmd" else f"{folder}/<kind>"
        else:
            pattern = topic.pattern
        below = ROOT if topic.is_groups else f"{ROOT}/<device>"
        rows.append([
            f"`{below}/{pattern}`",
            "device" if topic.direction == "up" else "you",
            str(topic.qos),
            "yes" if topic.retained else "never",
            link(topic.model.__name__) + (", may be [Signed](#signed)" if topic.may_be_signed else ""),
        ])  # fmt: skip
    return table(
        ["topic", "written by", "QoS", "retained", "message"], dict.fromkeys(map(tuple, rows))
    )


def ops():
    described = schema()["$defs"]
    rows = []
    for name, op in OPS.items():
        part = described[op.args.__name__]
        args = [
            f"`{arg}`: {kind(about)}{limits(about)}"
            + ("" if arg in part.get("required", []) else ", optional")
            for arg, about in part.get("properties", {}).items()
        ]
        rows.append(
            [f"`{name}`", "<br>".join(args) or "none", op.help, op.role, f"{op.timeout_s:g} s"]
        )
    return table(["op", "args", "does, answers", "role", "time-out"], rows)


def messages():
    parts = []
    for name, part in sorted(schema()["$defs"].items()):
        if name in NO_MESSAGES:
            continue
        rows = [
            [f"`{field}`", kind(about), about.get("description", "")]
            for field, about in part["properties"].items()
        ]
        parts.append(f"### {name}\n\n{part['description']}\n\n{table(['field', 'type', ''], rows)}")
    return "\n".join(parts)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    assert not any("|" in cell for line in lines for cell in line)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def link(name):
    return f"[{name}](#{name.lower()})"


def kind(about):
    """A type in words."""
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        return "anything" if name == "JsonValue" else link(name)
    if "const" in about:
        return f"`{about['const']}`"
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(map(kind, about["anyOf"])))
    if about.get("type") == "array":
        items = about.get("items") or {"anyOf": about["prefixItems"]}
        return f"list of {kind(items)}"
    if about.get("type") == "object":
        return f"map to {kind(about['additionalProperties'])}"
    return {"string": "text", "boolean": "true or false"}.get(about["type"], about["type"])


def limits(about):
    """What a number may be, and what it is."""
    least, most = about.get("minimum"), about.get("maximum")
    said = f" {least} to {most}" if least is not None and most is not None else ""
    return said + (f" ({about['description']})" if "description" in about else "")


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text("utf-8")), "utf-8")
