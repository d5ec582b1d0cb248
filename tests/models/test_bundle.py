"""A bundle is what it was when it was signed, or it does not open."""

import hashlib
import json
import zipfile
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

import pytest

from models.archive import MANIFEST, SIGNATURE, read_archive, write_archive
from models.bundle import Bundle, sign_bundle, write_bundle
from models.claims import read_claims
from models.errors import BundleError, ExpiredError, TrustError
from models.manifest import NetworkSpec
from models.onnx_file.whole_model import WholeModel
from models.signing import PrivateKey
from tests.models.onnx_file.places import PLACES, outside

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()


@pytest.fixture
def signed(tmp_path, manifest, model):
    path = tmp_path / "signed.sfm"
    write_bundle(path, manifest, {"fp32": model}, KEY)
    return path


def rewrite(path, **changes):
    """Replace, add or (with None) remove files of an archive."""
    files = read_archive(path) | changes
    write_archive(path, {name: data for name, data in files.items() if data is not None})


def restate(path, **fields):
    """Change fields of an unsigned bundle's manifest."""
    manifest = json.loads(read_archive(path)[MANIFEST]) | fields
    rewrite(path, **{MANIFEST: json.dumps(manifest).encode()})


def test_a_signed_bundle_opens_with_its_key(signed, manifest, model):
    bundle = Bundle.open(signed, [OTHER.public, KEY.public])
    assert bundle.manifest == manifest
    assert bundle.model_bytes("fp32") == model
    assert bundle.signed_by == KEY.public.id
    assert bundle.digest == hashlib.sha256(manifest.to_bytes()).hexdigest()


def test_an_unsigned_bundle_opens_only_where_that_is_allowed(bundle_path, model):
    with pytest.raises(TrustError, match=r"unsigned.*--allow-unsigned"):
        Bundle.open(bundle_path, [KEY.public])
    bundle = Bundle.open(bundle_path, allow_unsigned=True)
    assert bundle.signed_by is None
    assert bundle.model_bytes("fp32") == model


@pytest.mark.parametrize("allow_unsigned", [True, False])
def test_a_bundle_by_another_key_never_opens(signed, allow_unsigned):
    with pytest.raises(TrustError, match=rf"key {KEY.public.id}.*--trust KEY\.pub"):
        Bundle.open(signed, [OTHER.public], allow_unsigned=allow_unsigned)


def test_a_signature_that_borrows_a_trusted_key_id_is_refused(signed):
    line = OTHER.sign(read_archive(signed)[MANIFEST]).to_line()
    forged = line.replace(OTHER.public.id, KEY.public.id).encode()
    rewrite(signed, **{SIGNATURE: forged})
    with pytest.raises(TrustError, match="changed after signing"):
        Bundle.open(signed, [KEY.public], allow_unsigned=True)


def test_a_changed_manifest_is_refused(signed):
    data = read_archive(signed)[MANIFEST]
    rewrite(signed, **{MANIFEST: data.replace(b'"version": 3', b'"version": 9')})
    assert read_claims(signed).manifest.version == 9
    with pytest.raises(TrustError, match="changed after signing"):
        Bundle.open(signed, [KEY.public], allow_unsigned=True)


@pytest.mark.parametrize("place", [0, 700, -1])
def test_a_changed_model_is_refused(signed, model, place):
    changed = bytearray(model)
    changed[place] ^= 1
    rewrite(signed, **{"model.onnx": bytes(changed)})
    with pytest.raises(BundleError, match=r"model\.onnx is damaged"):
        Bundle.open(signed, [KEY.public])


def test_a_flipped_bit_on_the_disk_is_found(signed, model):
    """Here the archive's own checksum finds it first."""
    data = bytearray(signed.read_bytes())
    data[data.index(model) + 50] ^= 4
    signed.write_bytes(data)
    with pytest.raises(BundleError, match="damaged"):
        Bundle.open(signed, [KEY.public])


@pytest.mark.parametrize("signature", [b"", b"nonsense", b"\xff\xfe", b"sfumato-ed25519 AA 00"])
def test_a_damaged_signature_is_not_a_missing_one(signed, signature):
    rewrite(signed, **{SIGNATURE: signature})
    with pytest.raises(TrustError):
        Bundle.open(signed, [KEY.public], allow_unsigned=True)


def test_files_that_are_missing_or_unlisted_are_refused(bundle_path):
    rewrite(bundle_path, extra=b"what is this")
    with pytest.raises(BundleError, match="does not list: extra"):
        Bundle.open(bundle_path, allow_unsigned=True)
    rewrite(bundle_path, **{"extra": None, "model.onnx": None})
    with pytest.raises(BundleError, match=r"lacks model\.onnx"):
        Bundle.open(bundle_path, allow_unsigned=True)


def test_a_zip_that_is_no_bundle_is_refused(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"")
    with pytest.raises(BundleError, match=r"photos\.zip: holds no manifest\.json"):
        Bundle.open(path, allow_unsigned=True)


@pytest.fixture
def partial(manifest):
    """A manifest and the network that it describes, whose weights are in `w.data`."""
    model = PLACES["initializer"](outside()).SerializeToString()
    files = {"fp32": NetworkSpec.of("model.onnx", model)}
    return manifest.model_copy(update={"files": files}), model


def test_a_network_that_is_not_whole_is_neither_packed_nor_opened_nor_signed(tmp_path, partial):
    """As old bundles have it: signed, and its weights taken from wherever somebody is."""
    manifest, model = partial
    path = tmp_path / "x.sfm"
    with pytest.raises(BundleError, match=r"model\.onnx keeps its weights in another file"):
        write_bundle(path, manifest, {"fp32": model})
    assert not path.exists()
    data = manifest.to_bytes()
    files = {MANIFEST: data, SIGNATURE: KEY.sign(data).to_line().encode(), "model.onnx": model}
    write_archive(path, files)
    said = r"x\.sfm: model\.onnx keeps its weights in another file \('w\.data'\); only what is in"
    with pytest.raises(BundleError, match=said) as caught:
        Bundle.open(path, [KEY.public])
    assert "\n" not in str(caught.value)
    with pytest.raises(BundleError, match=said):
        Bundle.reopen(path, [KEY.public])
    with pytest.raises(BundleError, match=said):
        sign_bundle(path, tmp_path / "y.sfm", KEY)
    assert not (tmp_path / "y.sfm").exists()


def test_a_network_that_was_never_packed_is_an_unsigned_bundle(manifest, model, partial):
    bundle = Bundle.unsigned(manifest, {"fp32": model})
    assert (bundle.manifest, bundle.signed_by) == (manifest, None)
    assert bundle.model_bytes("fp32") == model
    assert bundle.digest == hashlib.sha256(manifest.to_bytes()).hexdigest()
    with pytest.raises(BundleError, match="is damaged"):
        Bundle.unsigned(manifest, {"fp32": model + b" "})
    with pytest.raises(BundleError, match="keeps its weights in another file"):
        Bundle.unsigned(partial[0], {"fp32": partial[1]})


def test_an_expired_bundle_is_refused(bundle_path):
    restate(bundle_path, expires="2026-02-03T00:00:00Z")
    assert datetime.now(timezone.utc).year >= 2026
    with pytest.raises(ExpiredError, match="expired on 2026-02-03; get a newer one"):
        Bundle.open(bundle_path, allow_unsigned=True)
    bundle = Bundle.open(bundle_path, allow_unsigned=True, allow_expired=True)
    assert bundle.manifest.has_expired()


def test_what_was_installed_before_opens_again_when_it_has_expired(bundle_path, model):
    restate(bundle_path, expires="2026-02-03T00:00:00Z")
    sign_bundle(bundle_path, bundle_path, KEY)
    bundle = Bundle.reopen(bundle_path, [KEY.public])
    assert bundle.manifest.has_expired()
    assert bundle.model_bytes("fp32") == model


def test_what_was_installed_before_is_verified_all_the_same(bundle_path):
    with pytest.raises(TrustError, match="unsigned"):
        Bundle.reopen(bundle_path, [KEY.public])
    restate(bundle_path, min_agent="999.0.0")
    with pytest.raises(BundleError, match="needs Sfumato"):
        Bundle.reopen(bundle_path, allow_unsigned=True)
    restate(bundle_path, min_agent=None)
    rewrite(bundle_path, **{"model.onnx": b"damaged"})
    with pytest.raises(BundleError, match="damaged"):
        Bundle.reopen(bundle_path, allow_unsigned=True)


NEWER = [
    {"min_agent": "999.0.0"},
    {"min_agent": "999.0.0", "zones": ["door"]},
    {"min_agent": "999.0.0", "zones": ["door"], "schema": 2, "family": "yolo_9000"},
    {"min_agent": "999.0.0", "classes": None},
]


@pytest.mark.parametrize("fields", NEWER)
def test_a_bundle_for_a_newer_agent_says_which(bundle_path, fields):
    """Whoever reads it, and whatever it holds that this version can't know."""
    restate(bundle_path, **fields)
    for read in (
        lambda: Bundle.open(bundle_path, allow_unsigned=True),
        lambda: read_claims(bundle_path),
        lambda: sign_bundle(bundle_path, bundle_path, KEY),
    ):
        with pytest.raises(
            BundleError, match=r"needs Sfumato 999\.0\.0 or newer; this is "
        ) as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_signature_is_checked_before_a_bundle_may_say_that_it_is_newer(signed):
    newer = json.loads(read_archive(signed)[MANIFEST]) | NEWER[1]
    rewrite(signed, **{MANIFEST: json.dumps(newer).encode()})
    with pytest.raises(TrustError, match="changed after signing"):
        Bundle.open(signed, [KEY.public])
    rewrite(signed, **{SIGNATURE: None})
    with pytest.raises(TrustError, match="unsigned"):
        Bundle.open(signed, [KEY.public])


def test_a_bundle_for_an_older_agent_opens_if_ours_has_a_version(bundle_path):
    restate(bundle_path, min_agent="0.0.1")
    try:
        version("sfumato")
    except PackageNotFoundError:
        with pytest.raises(BundleError, match="not an installed version"):
            Bundle.open(bundle_path, allow_unsigned=True)
    else:
        assert Bundle.open(bundle_path, allow_unsigned=True).manifest.min_agent == "0.0.1"


def test_the_bytes_are_those_that_were_verified(signed, model):
    bundle = Bundle.open(signed, [KEY.public])
    signed.write_bytes(b"swapped after the check")
    assert bundle.model_bytes("fp32") == model


def test_a_precision_that_is_not_there_is_named(bundle_path):
    bundle = Bundle.open(bundle_path, allow_unsigned=True)
    with pytest.raises(BundleError, match="no int8 model, only fp32"):
        bundle.model_bytes("int8")


def test_a_runtime_is_given_what_was_looked_into_and_bytes_where_that_was_of_no_use(
    signed, manifest, model
):
    found = Bundle.open(signed, [KEY.public]).model("fp32")
    assert isinstance(found, WholeModel)
    assert found.data == model
    files = {"fp32": NetworkSpec.of("model.onnx", model[:-1])}
    damaged = Bundle.unsigned(manifest.model_copy(update={"files": files}), {"fp32": model[:-1]})
    assert damaged.model("fp32") == model[:-1]


def test_nobody_makes_a_bundle_without_verifying_it(manifest):
    with pytest.raises(TypeError, match=r"made by Bundle\.open"):
        Bundle(object(), manifest, "", None, {}, {})


def test_files_that_the_manifest_does_not_describe_are_not_packed(tmp_path, manifest):
    with pytest.raises(BundleError, match="damaged"):
        write_bundle(tmp_path / "x.sfm", manifest, {"fp32": b"another"})
    assert not (tmp_path / "x.sfm").exists()


def test_claims_are_read_without_trust(signed, manifest):
    claims = read_claims(signed)
    assert claims.manifest == manifest
    assert claims.signed_by == KEY.public.id
    assert claims.digest == Bundle.open(signed, [KEY.public]).digest


def test_signing_keeps_the_digest_and_replaces_the_signature(bundle_path, signed):
    unsigned = Bundle.open(bundle_path, allow_unsigned=True)
    sign_bundle(bundle_path, bundle_path, OTHER)
    assert Bundle.open(bundle_path, [OTHER.public]).digest == unsigned.digest
    sign_bundle(bundle_path, bundle_path, KEY)
    assert bundle_path.read_bytes() == signed.read_bytes()


def test_a_damaged_bundle_is_not_signed(bundle_path):
    rewrite(bundle_path, **{"model.onnx": b"damaged"})
    with pytest.raises(BundleError, match="damaged"):
        sign_bundle(bundle_path, bundle_path, KEY)
