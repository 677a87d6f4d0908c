"""What a config says about the audit of its data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from .kinds import KINDS


@dataclass(frozen=True)
class AuditSettings:
    """The ``audit`` dict of ``active_learning`` or of the hook.

    Attributes:
        ignore_classes: Classes in annotations that the config leaves out on purpose.
        accept: Kinds of findings that are known and accepted: they are counted, and refuse nothing.
        max_images: How many images of a set are decoded, evenly spread over it; None for all.
        unreadable: Of a set without labels, the share of the images that may be missing or
            unreadable: they are left out where the pool is scored.

    Raises:
        ValueError: If there is no kind of an accepted name, or ``max_images`` is negative.
    """

    ignore_classes: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    max_images: int | None = None
    unreadable: float = 0.0

    @classmethod
    def of(cls, given: Mapping, where: str, **others: object) -> "AuditSettings":
        """Make settings of a config's dict.

        Args:
            given: The dict.
            where: How messages call it, such as ``active_learning.audit``.
            **others: Settings that stand elsewhere in the config.

        Raises:
            ValueError: If a key is not known, or a value cannot be.
        """
        known = [f.name for f in fields(cls) if f.name not in others]
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"{where} has the unknown keys {unknown}. It may have {known}.")
        return cls(**given, **others)

    def __post_init__(self) -> None:
        for name in ("ignore_classes", "accept"):
            if isinstance(getattr(self, name), str):
                raise ValueError(
                    f"{name} must be a tuple of names. Got the string "
                    f"{getattr(self, name)!r} instead; a tuple of one needs a comma."
                )
        if unknown := sorted(set(self.accept) - KINDS.keys()):
            raise ValueError(
                f"audit.accept has {', '.join(map(repr, unknown))}, which is no kind of finding. "
                f"Kinds are: {', '.join(sorted(KINDS))}."
            )
        if self.max_images is not None and not (
            isinstance(self.max_images, int) and self.max_images >= 0
        ):
            raise ValueError(
                f"audit.max_images must be a number of images or None. Got {self.max_images!r} "
                "instead."
            )
