from collections import Counter

import numpy as np
import pytest

from distill.student.ultralytics.sampler import ShareSampler


def sampler(labelled=4, pseudo=10, share=0.25, images=8, **others):
    return ShareSampler(labelled, pseudo, share=share, images=images, seed=0, **others)


def drawn(draws, epoch):
    draws.set_epoch(epoch)
    return list(draws)


def test_an_epoch_has_the_share():
    epoch = list(sampler())
    assert len(epoch) == 8
    assert sum(index < 4 for index in epoch) == 2


def test_every_image_comes_before_any_comes_again():
    draws = sampler(share=0.0, images=5)
    assert sorted(drawn(draws, 0) + drawn(draws, 1)) == list(range(4, 14))


def test_a_small_part_repeats():
    assert Counter(sampler(labelled=2, pseudo=0, images=6)) == {0: 3, 1: 3}


@pytest.mark.parametrize(("labelled", "pseudo"), [(5, 0), (0, 5)])
def test_an_empty_part_leaves_all_to_the_other(labelled, pseudo):
    assert sorted(sampler(labelled=labelled, pseudo=pseudo, images=5)) == [0, 1, 2, 3, 4]


def test_an_epoch_is_a_function_of_seed_and_number():
    first, second = sampler(), sampler()
    epochs = [drawn(first, epoch) for epoch in range(3)]
    assert epochs[0] != epochs[1]
    assert drawn(second, 2) == epochs[2] == drawn(second, 2)


def test_processes_share_an_epoch():
    whole = list(sampler())
    parts = [list(sampler(rank=rank, processes=3)) for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 3], "none waits for one that is done"
    assert len(sampler(processes=3)) == 3
    assert sorted(index for part in parts for index in part) == sorted([*whole, whole[0]])


def test_rare_images_come_up_more_often_and_others_still_in_every_pass():
    factors = (np.array([1.0, 1.0, 3.0, 1.0]), np.ones(10))
    draws = sampler(share=1.0, images=6, factors=factors)
    for epoch in range(3):
        assert Counter(drawn(draws, epoch)) == {0: 1, 1: 1, 2: 3, 3: 1}
    assert drawn(draws, 0) != drawn(draws, 1)
    assert drawn(sampler(share=1.0, images=6, factors=factors), 2) == drawn(draws, 2)
    even = (np.ones(4), np.ones(10))
    assert list(sampler(factors=even)) == list(sampler(factors=even))
