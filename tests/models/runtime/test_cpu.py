"""What a processor calls itself, from what Linux says of it."""

import platform

from models.runtime.cpu import cpu_identity

X86 = """\
processor\t: {0}
vendor_id\t: GenuineIntel
model name\t: Some Xeon
cpu MHz\t\t: {1}
flags\t\t: fpu vme avx512_vnni
bogomips\t: 4200.00

"""

ARM = """\
processor\t: 0
BogoMIPS\t: 62.50
Features\t: fp asimd asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd42

"""


def said(tmp_path, text):
    (tmp_path / "cpuinfo").write_text(text)
    return cpu_identity(tmp_path / "cpuinfo")


def test_what_changes_by_the_minute_is_not_part_of_it(tmp_path):
    slow, fast = (X86.format(0, mhz) + X86.format(1, mhz) for mhz in (800, 3600))
    assert said(tmp_path, slow) == said(tmp_path, fast)


def test_instructions_and_models_are(tmp_path):
    plain = X86.format(0, 1)
    others = [plain.replace(" avx512_vnni", ""), plain.replace("Some", "Another"), ARM]
    others.append(ARM.replace(" asimddp", ""))
    assert len({said(tmp_path, text) for text in [plain, *others]}) == 5
    assert "avx512_vnni" in said(tmp_path, plain)


def test_only_the_first_core_is_read(tmp_path):
    """A hundred of them take milliseconds; those of one machine are alike for our purpose."""
    both = X86.format(0, 1) + X86.format(1, 1).replace("avx512_vnni", "sse")
    assert said(tmp_path, both) == said(tmp_path, X86.format(0, 1))


def test_elsewhere_python_is_asked(tmp_path):
    assert platform.machine() in cpu_identity(tmp_path / "absent")
    assert platform.machine() in said(tmp_path, "Processor: unheard of\n")
