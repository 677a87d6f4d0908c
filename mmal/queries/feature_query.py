"""What queries by features share."""

from collections.abc import Mapping

from mmal.models.features import SOURCES, feature_column

from .base import Query


class FeatureQuery(Query):
    """Reads the features that one parameter chooses.

    Args:
        features: Which: ``source``, one of ``target`` (by default: what its ``extract_feat``
            returns), ``backbone`` (the target's, without neck), ``pretrained`` (the backbone as
            its pretrained weights made it) and ``objects`` (inside predicted boxes, at joints);
            and ``unit_levels``, whether each level is scaled to length 1, so that none decides by
            its variance alone (by default not). docs/queries.md says when to use which.

    Attributes:
        column: The score that is read.

    Raises:
        ValueError: If ``features`` is no such dict.
    """

    column: str = "features"
    requires = ("features",)

    def __init__(self, features: Mapping | None = None) -> None:
        if features is not None:
            self.column = self._column_of(features)
        self.requires = (self.column,)

    @property
    def decisive(self) -> tuple[str, ...]:
        """The features: where other scores, which weigh samples, are equal, these decide."""
        return (self.column,)

    def _column_of(self, features: Mapping) -> str:
        of = f"of {type(self).__name__}"
        known = dict(source="target", unit_levels=False)
        if not isinstance(features, Mapping) or not set(features) <= set(known):
            raise ValueError(
                f"The 'features' parameter {of} must be None or a dict with keys of {list(known)}. "
                f"Got {features!r} instead."
            )
        chosen = {**known, **features}
        if chosen["source"] not in list(SOURCES):
            raise ValueError(
                f"The 'features.source' parameter {of} must be one of {list(SOURCES)}. "
                f"Got {chosen['source']!r} instead."
            )
        if not isinstance(chosen["unit_levels"], bool):
            raise ValueError(
                f"The 'features.unit_levels' parameter {of} must be True or False. "
                f"Got {chosen['unit_levels']!r} instead."
            )
        return feature_column(**chosen)
