"""Reading MM configs."""


def type_name(cfg: dict) -> str:
    """Return the bare class name of a config's ``type``, be it a string or a class."""
    kind = cfg["type"]
    return kind.rpartition(".")[2] if isinstance(kind, str) else kind.__name__
