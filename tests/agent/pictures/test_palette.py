from agent.pictures.palette import ALARM, class_colours


def test_classes_get_colours_in_order_of_appearance_and_never_the_alarm():
    colours = class_colours(["car", "person", "car", "bus"])
    assert list(colours) == ["car", "person", "bus"]
    assert len({*colours.values(), ALARM}) == 4


def test_more_classes_than_colours_share_them():
    assert len(class_colours(map(str, range(80)))) == 80
