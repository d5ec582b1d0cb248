"""What a bundle must show on a device before it may run: row by row, what none may be."""

from datetime import datetime, timezone

import pytest
from networks import computing_network, crowd_network, network
from precisions import NOT_A_NUMBER, SWAPPED, write_precisions

from agent.update.ports import RefusedError, UnavailableError
from agent.update.proof import prove
from agent.update.work_order import Prove
from models.bundle import sign_bundle
from models.runtime.engine_build import Unwatched
from models.signing import PrivateKey

GOOD = computing_network()
SLUGGISH = computing_network(turns=10**5)
"""At a tenth of a microsecond a turn it would take a hundredth of a second."""


def order(path, **more):
    usual = {"trust": (), "allow_unsigned": True, "detect_timeout_s": 20.0, "choices": None}
    return Prove(bundle=path, **usual | more)


@pytest.fixture
def key(tmp_path):
    key = PrivateKey.generate()
    (tmp_path / "office.pub").write_text(key.public.to_line())
    return key


def proved(path, **more):
    words = []
    prove(order(path, **more), Unwatched(), lambda: words.append(None))
    return len(words)


def test_a_good_bundle_is_proved_and_what_was_found_out_is_remembered(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD})
    proved(path, choices=tmp_path / "choices")
    assert (tmp_path / "choices" / "network-choices.json").exists()
    proved(path, choices=tmp_path / "choices")


def test_each_load_and_each_run_gives_a_word_before_it_and_after(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD})
    assert proved(path) == 2 * (1 + 1 + 2)  # a load, a golden frame, two looks for the time


BAD = {
    "sees nothing": (network(0.05), r"'person' \(0\.90\).* is not found"),
    "sees everything": (crowd_network(), "should not be there"),
    "gives no numbers": (NOT_A_NUMBER, "not finite"),
    "sees otherwise": (SWAPPED, "the mask of 'person'"),
    "can't be loaded": (GOOD.replace(b"Conv", b"Conx"), "holds nothing that can be run"),
    "is no network": (b"no network at all", "holds nothing that can be run"),
}
"""By what it does: the network, and why it is refused."""


@pytest.mark.parametrize("what", BAD)
def test_a_bad_network_is_refused(tmp_path, what):
    model, why = BAD[what]
    path = write_precisions(tmp_path / "b.sfm", {"fp32": model})
    for _ in range(2):  # what was remembered of it changes nothing
        with pytest.raises(RefusedError, match=why):
            proved(path, choices=tmp_path / "choices")


def test_one_that_is_too_slow_is_refused(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": SLUGGISH})
    with pytest.raises(RefusedError, match=r"takes .* s to look at a frame here; 0\.005 s are"):
        proved(path, detect_timeout_s=0.02)


def test_one_without_golden_frames_is_refused(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD}, golden=False)
    with pytest.raises(RefusedError, match="holds no golden frames"):
        proved(path)


def test_only_a_trusted_key_lets_one_in(tmp_path, key):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD})
    trust = (tmp_path / "office.pub",)
    with pytest.raises(RefusedError, match="sign"):
        proved(path, trust=trust, allow_unsigned=False)
    sign_bundle(path, path, PrivateKey.generate())
    with pytest.raises(RefusedError, match="sign"):
        proved(path, trust=trust, allow_unsigned=False)
    sign_bundle(path, path, key)
    proved(path, trust=trust, allow_unsigned=False)


def test_an_expired_one_is_refused(tmp_path):
    over = datetime(2026, 1, 3, tzinfo=timezone.utc)
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD}, expires=over)
    with pytest.raises(RefusedError, match="expired on 2026-01-03"):
        proved(path)


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_one_that_is_cut_off_is_refused(tmp_path, cut):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RefusedError, match=r"b\.sfm"):
        proved(path)


def test_keys_that_can_not_be_read_are_no_fault_of_the_bundle(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": GOOD})
    with pytest.raises(UnavailableError, match=r"gone\.pub: can't read the key"):
        proved(path, trust=(tmp_path / "gone.pub",))
