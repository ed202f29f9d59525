from transforms.buffer import Buffer


def test_reads_up_to_a_position() -> None:
    buffer = Buffer()
    assert not buffer
    buffer.add("one two")
    assert (buffer.at, buffer.end, bool(buffer)) == (0, 7, True)
    assert buffer.take(3) == "one"
    assert buffer.take_all() == " two"
    assert not buffer


def test_more_text_comes_behind_what_is_unread() -> None:
    buffer = Buffer()
    buffer.add("one two")
    buffer.take(4)
    buffer.add(" three")
    assert (buffer.at, buffer.text) == (0, "two three")


def test_read_text_is_not_kept() -> None:
    buffer = Buffer()
    buffer.add("one")
    buffer.take_all()
    buffer.add("two")
    assert buffer.text == "two"


def test_a_position_behind_the_cursor_reads_nothing() -> None:
    buffer = Buffer()
    buffer.add("one two")
    buffer.take(4)
    assert buffer.take(2) == ""
    assert buffer.take_all() == "two"


def test_text_given_back_is_read_again() -> None:
    buffer = Buffer()
    buffer.add("one two")
    read = buffer.take(4)
    buffer.give_back(read[3:])
    assert buffer.take_all() == " two"
