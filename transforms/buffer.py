"""Text that has arrived but is not settled yet, read with a cursor so that reading stays linear."""


class Buffer:
    """`text[at:]` is unread. Positions are those of `text` and hold until the next `add` or `give_back`."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0

    def __bool__(self) -> bool:
        return self.at < len(self.text)

    @property
    def end(self) -> int:
        return len(self.text)

    def add(self, text: str) -> None:
        self.text = self.text[self.at :] + text if self else text
        self.at = 0

    def take(self, end: int) -> str:
        """Reads up to a position."""
        taken = self.text[self.at : end]
        self.at = max(self.at, end)
        return taken

    def take_all(self) -> str:
        return self.take(len(self.text))

    def give_back(self, text: str) -> None:
        """Puts text in front of what is unread."""
        self.text = text + self.text[self.at :]
        self.at = 0
