"""Bytes become values with lines, or one line that says why not."""

import pytest

from agent.config.document import Written, read_document
from agent.errors import UsageError


def said(path):
    with pytest.raises(UsageError) as caught:
        read_document(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: 2\na: 3\n", "agent.yaml:3: a: stands there twice, first in line 1"),
        (b"a: {b: 1, 'b': 2}\n", "agent.yaml:1: a.b: stands there twice, first in line 1"),
        (b"a: 1\nb: [x\n", "agent.yaml:3: no valid YAML: expected ',' or ']', but got '<stream end>'"),
        (b"a: b: c\n", "agent.yaml:1: no valid YAML: mapping values are not allowed here"),
        (b"a: 1\n\xff: 2\n", "agent.yaml:2: no UTF-8 text"),
        (b"a: 1\nb: \x00\n", "agent.yaml:2: no valid YAML: a character that YAML doesn't allow"),
        (b"a: 1\n---\nb: 2\n", "agent.yaml:2: no valid YAML: but found another document"),
        (b"a: *b\n", "agent.yaml:1: no valid YAML: found undefined alias 'b'"),
        (b"", "agent.yaml: holds no settings; it begins with `key: value` lines"),
        (b"# nothing\n", "agent.yaml: holds no settings; it begins with `key: value` lines"),
        (b"- a\n", "agent.yaml: holds no settings; it begins with `key: value` lines"),
        (b"a: !!python/object/apply:os.getcwd []\n", "agent.yaml:1: a: has a tag (!...); take it out"),
        (b"a: !!int 5\n", "agent.yaml:1: a: has a tag (!...); take it out"),
        (b"? [a]\n: 1\n", "agent.yaml:1: has a key that is no plain word"),
        (b"a: 1\n'': 2\n", "agent.yaml:2: has a key that is no plain word"),
        (b"a:\n  k" + b"k" * 200 + b": 1\n", "agent.yaml:2: a: has a key that is no plain word"),
        (b'a: "x\\0y"\n', "agent.yaml:1: a: has several lines, or a character that can't be printed"),
        (b'a: "\\uD800"\n', "agent.yaml:1: a: has several lines, or a character that can't be printed"),
        (b"a: |\n  x\n  y\n", "agent.yaml:1: a: has several lines, or a character that can't be printed"),
        (b'a: "\\UFFFFFFFF"\n', "agent.yaml: no valid YAML: a number in it is too large"),
        (b"%YAML " + b"9" * 5000 + b".1\n---\na: 1\n", "agent.yaml: no valid YAML: a number in it is too large"),
        (b"a: " + b"[" * 20 + b"]" * 20, "agent.yaml:1: no valid YAML: too many things within each other"),
        (b"a: " + b"[" * 100_000, "agent.yaml:1: no valid YAML: too many things within each other"),
        (b"a: &x [*x]\n", "holds more than a configuration ever does"),
        (b"a: &x {b: *x}\n", "holds more than a configuration ever does"),
        (b"#" * (1 << 18) + b"#", "agent.yaml: larger than a configuration ever is; is it the right file?"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_said_in_one_line(write, content, message):
    line = said(write(content))
    assert message in line
    assert "\n" not in line


def test_a_billion_laughs_are_not_heard_out(write):
    """Nine levels of nine: some 400 million values, were they written out."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert said(write("\n".join(lines))).endswith("holds more than a configuration ever does")


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert said(tmp_path / "none.yaml").endswith(
        "none.yaml: can't read the configuration (No such file or directory)"
    )
    assert said(tmp_path).endswith("can't read the configuration (Is a directory)")
    assert "can't read the configuration" in said(tmp_path / ("x" * 300))
    assert "can't read the configuration" in said(tmp_path / "x\0y")


def test_plain_values_are_read_as_yaml_has_them_today(write):
    document = read_document(
        write(
            b"\xef\xbb\xbfa: 7\nb: -1.5\nc: .5\nd: 1e3\ne: true\nf: ~\ng:\nh: no\ni: 0x1f\nj: '7'\n"
            b"k: 1_000\nl: 12:30\nm: 2024-01-01\nn: .inf\no: 9999999999999999999\n"
        )
    )
    assert {name: each.value for name, each in document.value.items()} == {
        "a": 7,
        "b": -1.5,
        "c": 0.5,
        "d": 1000.0,
        "e": True,
        "f": None,
        "g": None,
        "h": "no",
        "i": "0x1f",
        "j": "7",
        "k": "1_000",
        "l": "12:30",
        "m": "2024-01-01",
        "n": ".inf",
        "o": 1e19,
    }


def test_every_value_has_its_line(write):
    document = read_document(write("a: 1\nb:\n  - 2\n  - c: &x\n      3\nd: *x\n"))
    assert document == Written(
        {
            "a": Written(1, "a", 1),
            "b": Written(
                [
                    Written(2, "b.0", 3),
                    Written({"c": Written(3, "b.1.c", 4)}, "b.1", 4),
                ],
                "b",
                2,
            ),
            "d": Written(3, "d", 6),
        },
        "",
        1,
    )
