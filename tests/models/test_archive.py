"""The archive, and what people put into archives."""

import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.archive import MANIFEST, MAX_ENTRIES, SIGNATURE, read_archive, write_archive
from models.errors import BundleError

FILES = {MANIFEST: b"{}", SIGNATURE: b"signature", "model.onnx": bytes(range(256))}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.sfm"


def zipped(path, entries, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, data)


def test_files_survive_the_archive(path):
    write_archive(path, FILES)
    assert read_archive(path) == FILES


def test_the_same_files_give_the_same_bytes(path, tmp_path):
    write_archive(path, FILES)
    write_archive(tmp_path / "y.sfm", FILES)
    assert path.read_bytes() == (tmp_path / "y.sfm").read_bytes()


def test_writing_leaves_nothing_else_behind(path, tmp_path):
    path.write_text("old")
    write_archive(path, FILES)
    assert [each.name for each in tmp_path.iterdir()] == ["x.sfm"]


def test_a_failure_leaves_the_old_file_and_no_other(path, tmp_path):
    path.write_text("old")
    with pytest.raises(TypeError):
        write_archive(path, {"a": b"fine", "b": object()})
    assert [each.name for each in tmp_path.iterdir()] == ["x.sfm"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("keep", [0, 1, 21, 22, 100, -1, -22, -30])
def test_an_archive_cut_short_is_refused(path, keep):
    write_archive(path, FILES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="cut short"):
        read_archive(path)


@pytest.mark.parametrize("part", range(50))
def test_a_download_that_stopped_says_so_wherever(path, part):
    write_archive(path, FILES)
    whole = path.read_bytes()
    there = whole[: len(whole) * part // 50]
    for data in {there, there.ljust(len(whole), b"\0")} - {whole}:  # or room was made for all
        path.write_bytes(data)
        with pytest.raises(BundleError, match="not a bundle, or cut short") as caught:
            read_archive(path)
        assert "\n" not in str(caught.value)
        assert part == 0 or str(caught.value).endswith("; copy or download it again")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty; copy or download it again"),
        (b"\n <!DOCTYPE html><title>404</title>", "it is a web page; download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "get that with git lfs"),
        (b"\x08\x08\x12\x07pytorch", "`sfumato model import` makes a bundle of an ONNX file"),
    ],
)
def test_what_it_is_instead_is_said(path, data, said):
    path.write_bytes(data)
    with pytest.raises(BundleError, match=f"not a bundle, or cut short: .*{said}"):
        read_archive(path)


@pytest.mark.parametrize("lost", [1, 10, 18])
def test_half_an_end_is_none(path, lost):
    write_archive(path, FILES)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(BundleError, match="bytes have no end; copy or download it again"):
        read_archive(path)


@pytest.mark.parametrize("more", [b"\n", bytes(1000), b"PK\x05\x06"])
def test_what_follows_or_precedes_an_archive_is_refused(path, more):
    write_archive(path, FILES)
    whole = path.read_bytes()
    path.write_bytes(whole + more)
    with pytest.raises(BundleError, match="more follows its end; copy or download it again"):
        read_archive(path)
    for before in (more, whole):
        path.write_bytes(before + whole)
        with pytest.raises(BundleError, match="something precedes its files"):
            read_archive(path)


def test_an_archive_of_three_gigabytes_is_not_read(path):
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(BundleError, match=r"too large for a bundle.*pack a smaller network"):
        read_archive(path)


@pytest.mark.parametrize("data", [b"", b"hello" * 99, b"PK\x05\x06" + bytes(17) + b"x"])
def test_what_is_no_archive_is_refused(path, data):
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"x\.sfm: not a bundle"):
        read_archive(path)


def test_a_missing_file_and_a_folder_are_named(path, tmp_path):
    with pytest.raises(BundleError, match=r"x\.sfm: can't read the bundle \(No such file"):
        read_archive(path)
    with pytest.raises(BundleError, match=r"can't read the bundle \(Is a directory"):
        read_archive(tmp_path)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a//b", "./a", "a\\b", "a/"])
def test_no_path_leaves_the_archive(path, name):
    zipped(path, [(name, b"")])
    with pytest.raises(BundleError, match="leaves the archive"):
        read_archive(path)


def test_a_name_that_ends_early_is_refused(path):
    """Whoever stops at the NUL would read another name than whoever doesn't."""
    write_archive(path, {"a.onnx": b"1"})
    path.write_bytes(path.read_bytes().replace(b"a.onnx", b"a\x00onnx"))
    with pytest.raises(BundleError, match="leaves the archive"):
        read_archive(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(path):
    zipped(path, [("a", b"1"), ("a", b"2")])
    with pytest.raises(BundleError, match="'a' twice"):
        read_archive(path)


def test_compression_is_refused_before_anything_is_unpacked(path):
    """A mebibyte of zeros in a kibibyte."""
    entry = zipfile.ZipInfo("bomb")
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped(path, [(entry, bytes(1 << 20))])
    with pytest.raises(BundleError, match=r"overlap|compressed"):
        read_archive(path)


def test_compression_that_does_not_shrink_is_refused_too(path):
    entry = zipfile.ZipInfo("a")
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped(path, [(entry, b"x"), ("b", bytes(99))])
    with pytest.raises(BundleError, match="compressed"):
        read_archive(path)


def test_too_many_entries_are_refused(path):
    zipped(path, [(f"f{i}", b"") for i in range(MAX_ENTRIES + 1)])
    with pytest.raises(BundleError, match=f"more than {MAX_ENTRIES} files"):
        read_archive(path)


def test_a_directory_that_claims_to_be_huge_is_not_read(path):
    write_archive(path, FILES)
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, len(data) - 10, 1 << 30)
    path.write_bytes(data)
    with pytest.raises(BundleError, match="more than"):
        read_archive(path)


def test_the_64_bit_directory_that_could_lie_about_its_size_is_refused(path):
    write_archive(path, FILES)
    data = path.read_bytes()
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    path.write_bytes(data[:-22] + locator + data[-22:])
    with pytest.raises(BundleError, match=r"not a bundle.*such as PyTorch's weights; export"):
        read_archive(path)


def test_a_comment_is_refused(path):
    write_archive(path, FILES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"
    with pytest.raises(BundleError, match="not a bundle"):
        read_archive(path)


def test_entries_that_share_their_bytes_are_refused(path):
    """A small file that unpacks to a large one, without compression."""
    write_archive(path, {"a": bytes(1000)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    directory, end = data[start:-22], bytearray(data[-22:])
    many = b"".join(directory[:-1] + bytes([ord("a") + i]) for i in range(10))
    struct.pack_into("<2H2L", end, 8, 10, 10, len(many), start)
    path.write_bytes(data[:start] + many + end)
    with pytest.raises(BundleError, match="overlap"):
        read_archive(path)


@pytest.mark.parametrize(("name", "size"), [(MANIFEST, (1 << 20) + 1), (SIGNATURE, 1025)])
def test_small_files_have_small_limits(path, name, size):
    write_archive(path, {name: bytes(size)})
    with pytest.raises(BundleError, match="too large"):
        read_archive(path)


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damage_is_always_a_bundle_error_or_harmless(path, place, value):
    """Whatever byte is changed, nothing but our own error comes out."""
    write_archive(path, FILES)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data)
    try:
        files = read_archive(path)
    except BundleError as error:
        assert "\n" not in str(error)  # noqa: PT017 not every change does damage
    else:
        assert set(files.values()) <= set(FILES.values())
