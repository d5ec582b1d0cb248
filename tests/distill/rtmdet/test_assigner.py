import pytest
import torch
from torch.nn import functional

from distill.rtmdet.assigner import CANDIDATES, _class_cost, assign, centres_of_mass
from models.nets.priors import priors

SIZE = 128
CELLS = priors((SIZE // 8, SIZE // 8), 8, "cpu", torch.float32)


def cell(x, y):
    """Index of the cell whose prior stands at x, y."""
    return y // 8 * (SIZE // 8) + x // 8


def filled(gt):
    masks = torch.zeros(len(gt), SIZE, SIZE, dtype=torch.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, gt.int().tolist(), strict=True):
        mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = 1
    return masks


def around(reach):
    """Boxes that reach so far from every prior."""
    return torch.cat([CELLS[:, :2] - reach, CELLS[:, :2] + reach], dim=1)


def assigned(gt, *, boxes=None, logits=None, labels=None, masks=None, dtype=torch.float32):
    gt = torch.tensor(gt, dtype=torch.float32).reshape(-1, 4)
    return assign(
        (torch.zeros(len(CELLS), 2) if logits is None else logits).to(dtype),
        (around(10.0) if boxes is None else boxes).to(dtype),
        CELLS,
        gt,
        torch.zeros(len(gt), dtype=torch.long) if labels is None else torch.tensor(labels),
        filled(gt) if masks is None else masks,
    )


def test_no_objects_leave_everything_to_the_background():
    cells, objects, overlaps = assigned([])
    assert len(cells) == len(objects) == len(overlaps) == 0


def test_an_object_between_the_priors_is_background():
    assert len(assigned([(17, 17, 23, 23)]).cells) == 0


def test_a_prior_on_the_edge_is_not_inside():
    assert len(assigned([(16, 16, 24, 24)]).cells) == 0
    assert assigned([(15.9, 15.9, 24, 24)]).cells.tolist() == [cell(16, 16)]


def test_as_many_cells_as_the_best_overlaps_add_up_to():
    gt = (20, 20, 84, 84)  # 64 priors inside
    exact = torch.tensor(gt, dtype=torch.float32).expand(len(CELLS), 4)
    found = assigned([gt], boxes=exact)
    assert len(found.cells) == CANDIDATES
    assert found.overlaps.tolist() == [1] * CANDIDATES
    assert (found.cells.diff() > 0).all()
    near = (CELLS[found.cells, :2] - 51.5).square().sum(dim=1)
    others = torch.ones(len(CELLS), dtype=torch.bool)
    others[found.cells] = False
    assert near.max() <= (CELLS[others, :2] - 51.5).square().sum(dim=1).min()  # the middle ones


def test_the_sum_of_overlaps_is_cut_to_a_whole_number():
    half = torch.tensor((20, 20, 84, 52), dtype=torch.float32).expand(len(CELLS), 4)
    assert len(assigned([(20, 20, 84, 84)], boxes=half).cells) == CANDIDATES // 2


def test_an_object_that_nothing_overlaps_has_one_cell_nonetheless():
    far = torch.tensor((120.0, 120.0, 128.0, 128.0)).expand(len(CELLS), 4)
    found = assigned([(20, 20, 60, 60)], boxes=far)
    assert found.cells.tolist() == [cell(40, 40)]
    assert found.overlaps.tolist() == [0]


def test_of_equal_boxes_that_is_taken_whose_class_knows_how_well_it_fits():
    tenth = torch.tensor((20.0, 20.0, 60.0, 24.0)).expand(len(CELLS), 4)  # 13 of them: one cell
    logits = torch.tensor((-20.0, 0.0)).repeat(len(CELLS), 1)
    logits[cell(48, 40), 1] = -2.2  # a tenth
    logits[cell(32, 40)] = torch.tensor((-2.2, -20.0))  # of the other class
    found = assigned([(20, 20, 60, 60)], boxes=tenth, logits=logits, labels=[1])
    assert found.cells.tolist() == [cell(48, 40)]
    assert found.overlaps.item() == pytest.approx(0.1)


def test_a_cell_inside_any_object_may_learn_every_object():
    """As the original has it: the small object holds no prior, and gets one of the large one's."""
    large, small = (30, 30, 90, 90), (57, 57, 63, 63)
    boxes = around(28.0)
    boxes[cell(56, 64)] = torch.tensor(small)
    found = assigned([large, small], boxes=boxes)
    assert found.objects[found.cells == cell(56, 64)].tolist() == [1]


def test_a_cell_of_two_objects_goes_to_the_cheaper():
    left, right = (10, 10, 50, 50), (34, 10, 74, 50)
    boxes = torch.tensor((120.0, 120.0, 128.0, 128.0)).repeat(len(CELLS), 1)
    boxes[cell(40, 32)] = torch.tensor((30, 10, 70, 50))  # both want it, the right one more
    found = assigned([left, right], boxes=boxes)
    assert found.cells.tolist() == [cell(40, 32)]
    assert found.objects.tolist() == [1]
    assert found.overlaps.item() == pytest.approx(36 / 44)


def test_a_contested_cell_goes_to_the_cheapest_of_all_even_without_a_claim():
    """The third is the cheapest for a cell that it left to its better ones."""
    first, second, third = (8, 8, 56, 56), (24, 24, 72, 72), (16, 16, 64, 64)
    boxes = torch.tensor((120.0, 120.0, 128.0, 128.0)).repeat(len(CELLS), 1)
    boxes[cell(40, 40)] = torch.tensor((12, 12, 68, 68))
    boxes[cell(40, 48)] = torch.tensor(third)
    found = assigned([first, second, third], boxes=boxes)
    contested = found.objects[found.cells == cell(40, 40)].tolist()
    assert contested == [2]
    assert found.objects[found.cells == cell(40, 48)].tolist() == [2]
    assert not {0, 1} & set(found.objects.tolist())


def test_the_centre_is_that_of_the_mask():
    masks = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    masks[0, 24:26, 24:26] = True  # a corner of its box
    far = torch.tensor((120.0, 120.0, 128.0, 128.0)).expand(len(CELLS), 4)
    assert assigned([(20, 20, 84, 84)], boxes=far, masks=masks).cells.tolist() == [cell(24, 24)]


def test_centres_of_mass_of_known_masks():
    masks = torch.zeros(4, 10, 20, dtype=torch.uint8)
    masks[0] = 1
    masks[1, 3, 17] = 1
    masks[2, 2, 0] = masks[2, 2, 1] = masks[2, 8, 19] = 1
    centres = centres_of_mass(masks, torch.float64)
    expected = [[9.5, 4.5], [17, 3], [20 / 3, 4], [0, 0]]  # the last is empty
    assert centres.tolist() == [pytest.approx(pair) for pair in expected]
    assert centres_of_mass(masks.bool(), torch.float64).equal(centres)


def test_an_empty_mask_does_no_harm():
    masks = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    found = assigned([(20, 20, 84, 84)], masks=masks)
    assert len(found.cells) >= 1
    assert torch.isfinite(found.overlaps).all()


def test_an_empty_box_beside_an_empty_prediction_does_no_harm():
    """Their overlap is nothing, not nothing over nothing."""
    points = CELLS[:, [0, 1, 0, 1]]
    found = assigned([(20, 20, 84, 84), (40, 40, 40, 40)], boxes=points)
    assert torch.isfinite(found.overlaps).all()
    assert set(found.objects.tolist()) == {0, 1}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_reckoned_in_float32(dtype):
    logits = torch.randn(len(CELLS), 2, generator=torch.Generator().manual_seed(0)) * 20
    gt = [(1, 1, 40, 40), (90, 90, 127, 127)]  # far apart: 10 to the power of 10
    found = assigned(gt, boxes=around(16.0), logits=logits.to(dtype), labels=[0, 1], dtype=dtype)
    exact = assigned(gt, boxes=around(16.0), logits=logits.to(dtype).float(), labels=[0, 1])
    assert found.overlaps.dtype == torch.float32
    assert found.cells.equal(exact.cells)
    assert found.objects.equal(exact.objects)
    torch.testing.assert_close(found.overlaps, exact.overlaps)
    assert set(found.objects.tolist()) == {0, 1}


def test_the_class_cost_is_the_whole_table_of_soft_labels_summed():
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(7, 4, generator=random, dtype=torch.float64)
    overlaps = torch.rand(7, 3, generator=random, dtype=torch.float64)
    labels = torch.tensor([2, 0, 2])
    wanted = functional.one_hot(labels, 4) * overlaps[..., None]  # [cells, objects, classes]
    every = logits[:, None].expand_as(wanted)
    cross = functional.binary_cross_entropy_with_logits(every, wanted, reduction="none")
    plain = (cross * (wanted - every.sigmoid()).abs() ** 2).sum(dim=2)
    torch.testing.assert_close(_class_cost(logits, labels, overlaps), plain)
