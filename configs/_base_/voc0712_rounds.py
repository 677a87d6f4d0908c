# The paper's rounds on PASCAL VOC 07+12 (Yoo & Kweon, CVPR 2019, section 4.2), for MMDetection's
# four-epoch VOC schedules.
custom_imports = dict(imports=["mmal"])
# The last of four epochs; the paper detaches for the last fifth.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=3)]
active_learning = dict(
    rounds=10,
    initial=1000,
    budget=1000,
    query=dict(type="mmal.LearnedLoss"),
    subset=None,
)
randomness = dict(seed=0)
