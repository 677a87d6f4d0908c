"""What is known of an image file."""

from dataclasses import dataclass

#: The kinds of finding of which no pixel can be loaded; of a truncated file the first can.
UNREADABLE = ("image-missing", "image-unreadable")


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image file.

    Attributes:
        problem: The kind of finding if it is no good image, else None.
        detail: What a message says of the problem.
        size: Width and height of the pixels as they are stored.
        turned: Whether its EXIF orientation shows it on its side: decoders then swap width and
            height, unless told not to.
        digest: A hash of the file's bytes; equal for equal files.
    """

    problem: str | None = None
    detail: str = ""
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    digest: str = ""

    @property
    def says(self) -> str | None:
        """What is wrong, to follow the file's path; None of a good image."""
        if self.problem is None:
            return None
        return self.detail or "does not exist"

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing of the picture can be had."""
        return self.problem in UNREADABLE

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of the image as it is shown."""
        return self.size[::-1] if self.turned else self.size
