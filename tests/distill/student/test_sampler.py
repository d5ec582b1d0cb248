from collections import Counter

import pytest

from distill.student.sampler import ShareSampler


def sampler(labelled=4, pseudo=10, share=0.25, images=8, **others):
    return ShareSampler(labelled, pseudo, share=share, images=images, seed=0, **others)


def test_an_epoch_has_the_share():
    drawn = list(sampler())
    assert len(drawn) == 8
    assert sum(index < 4 for index in drawn) == 2


def test_every_image_comes_before_any_comes_again():
    draws = sampler(share=0.0, images=5)
    assert sorted([*draws, *draws]) == list(range(4, 14))


def test_a_small_part_repeats():
    assert Counter(sampler(labelled=2, pseudo=0, images=6)) == {0: 3, 1: 3}


@pytest.mark.parametrize(("labelled", "pseudo"), [(5, 0), (0, 5)])
def test_an_empty_part_leaves_all_to_the_other(labelled, pseudo):
    assert sorted(sampler(labelled=labelled, pseudo=pseudo, images=5)) == [0, 1, 2, 3, 4]


def test_an_epoch_is_a_function_of_seed_and_number():
    first, second = sampler(), sampler()
    epochs = [list(first) for _ in range(3)]
    assert epochs[0] != epochs[1]
    second.epoch = 2
    assert list(second) == epochs[2]


def test_processes_share_an_epoch():
    whole = list(sampler())
    parts = [sampler(rank=rank, processes=3) for rank in range(3)]
    drawn = [list(part) for part in parts]
    assert [len(part) for part in parts] == [len(part) for part in drawn]
    assert sorted(index for part in drawn for index in part) == sorted(whole)
