"""Tests of transforms/request.py."""

from transforms.request import Message, Part, Request


def test_the_text_of_a_message_is_all_its_text() -> None:
    image = Part({"type": "image_url", "image_url": {"url": "data:,"}})
    parts = [Part({"type": "text", "text": "a"}), image, Part({"type": "text", "text": "b"}), Part({"type": "text"})]
    assert Message("user", parts).text == "ab"
    assert Message("user", "ab").text == "ab"
    assert Message("assistant").text == ""
    assert (image.type, image.text) == ("image_url", None)
    assert Part({}).type == ""


def test_parameters_are_set_and_taken_away_in_a_copy() -> None:
    request = Request("kimi", parameters={"temperature": 1, "seed": 7, "stop": None})
    changed = request.with_parameters(temperature=None, top_p=0.5)
    assert changed.parameters == {"seed": 7, "top_p": 0.5, "stop": None}
    assert request.parameters == {"temperature": 1, "seed": 7, "stop": None}
