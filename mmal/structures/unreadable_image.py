"""An image that could not be read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UnreadableImage:
    """A sample whose image cannot be read or decoded.

    Attributes:
        id: The sample's id.
        path: Its image file, as the data set names it.
        reason: What is wrong with it, to follow the path in a message.
    """

    id: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"
