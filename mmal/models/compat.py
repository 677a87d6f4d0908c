"""The one place for workarounds of bugs in MM packages; each names its issue."""


def _let_ssd_head_predict() -> None:
    """Give ``SSDHead`` the attribute that ``AnchorHead`` prediction asks for.

    ``BaseDenseHead._predict_by_feat_single`` reads ``self.loss_cls``, which ``SSDHead`` never sets
    in mmdet 3.2-3.3 and onedl-mmdetection 3.5 (mmdetection issue 11780). ``None`` means "no custom
    class channels", which is what SSD has.
    """
    try:
        from mmdet.models.dense_heads import SSDHead
    except ImportError:  # mmdet is optional for pose users
        return
    if not hasattr(SSDHead, "loss_cls"):
        SSDHead.loss_cls = None


_let_ssd_head_predict()
