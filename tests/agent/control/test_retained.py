"""What lies at a broker for each device."""

from agent.control.topics import TOPICS
from tests.agent.control.large_device import retained

KIB = 1024


def test_a_device_with_eight_streams_in_trouble_keeps_at_most_16_kib_at_the_broker():
    said = retained()
    ours = {topic.pattern for topic in TOPICS if topic.retained and topic.direction == "up"}
    assert said.keys() == ours
    sizes = {name: len(message.model_dump_json().encode()) for name, message in said.items()}
    assert sum(sizes.values()) <= 16 * KIB, sizes
    assert sizes["streams"] > 8 * 500  # its reasons are long
