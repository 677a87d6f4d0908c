"""Reading MM configs."""

from mmengine.registry import Registry


def type_name(cfg: dict) -> str:
    """Return the bare class name of a config's ``type``, be it a string or a class."""
    kind = cfg["type"]
    return kind.rpartition(".")[2] if isinstance(kind, str) else kind.__name__


def registered_class(cfg: dict, registry: Registry) -> object:
    """Return the class of a component's config, looked up as building it would; None if unknown."""
    if not isinstance(cfg.get("type"), str):
        return cfg.get("type")
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(cfg["type"])
