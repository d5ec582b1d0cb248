"""What a class's name tells, in every spelling that networks come with."""

import pytest

from agent.redact.class_words import is_face, is_readable

PLATES = [
    *("plate", "Plate", "PLATE", "plates", "licence_plate", "license_plate", "license-plate"),
    *("License Plate", "LicensePlate", "LicensePlates", "licensePlate", "licenseplate"),
    *("LICENSE_PLATE", "number plate", "numberplate", "Numberplates", "car plate", "car.plate"),
    *("Vehicle registration plate", "plate_0", "plate2", " plate ", "license", "LP", "front-lp"),
    *("Kennzeichen", "Nummernschild", "matrícula", "placa", "Номер", "车牌"),
]
TEXTS = ["text", "Text", "texts", "scene_text", "TextLine", "textbox", "text region", "stop sign"]
SCREENS = ["screen", "Screens", "touchscreen", "computer-screen", "tv", "TVs", "laptop", "iPhone"]
CARDS = [
    "card",
    "ID card",
    "idcard",
    "IDCards",
    "credit_card",
    "playing cards",
    "badge",
    "passport",
]
DOCUMENTS = ["document", "Documents", "id_document", "book", "newspaper", "Paper", "QR code"]
NAMELESS = ["", "0", "12", "class0", "class_3", "Object 1", "unknown", "!?", "obj1", "None"]


@pytest.mark.parametrize("name", PLATES + TEXTS + SCREENS + CARDS + DOCUMENTS + NAMELESS)
def test_what_can_be_read_is_known_by_its_name(name):
    assert is_readable(name)


@pytest.mark.parametrize(
    "name",
    [
        *("person", "car", "bottle", "face", "head", "bicycle", "dog", "bus", "glass", "logo"),
        *("cardboard", "cardboard box", "cardigan", "plated food", "plateau", "texture", "textile"),
        *("surface", "scarf", "platform", "discus", "idle", "booklouse", "designer", "phonebox"),
    ],
)
def test_other_names_are_not_taken_for_it(name):
    assert not is_readable(name)


@pytest.mark.parametrize(
    "name",
    [
        *("face", "Face", "FACES", "faces", "head", "Heads", "human face", "Human_Face", "face-1"),
        *("humanFace", "HumanHead", "humanface", "person_head", "head of a person", "face0"),
    ],
)
def test_faces_are_known_by_their_name(name):
    assert is_face(name)


@pytest.mark.parametrize(
    "name",
    [
        *("person", "surface", "Surfaces", "headlight", "headlights", "headphones", "interface"),
        *("typeface", "forehead", "overhead", "facade", "", "heading", "faced"),
    ],
)
def test_other_names_are_no_faces(name):
    assert not is_face(name)
