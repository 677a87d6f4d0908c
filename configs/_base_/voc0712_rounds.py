# The paper's rounds on PASCAL VOC 07+12 (Yoo & Kweon, CVPR 2019, section 4.2), for MMDetection's
# four-epoch VOC schedules: each epoch passes three times over the data.
custom_imports = dict(imports=["mmal"])
# The last fifth of the training, as the paper's 60 of 300 epochs.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=3)]
active_learning = dict(
    rounds=10,
    initial=1000,
    budget=1000,
    query=dict(type="mmal.LearnedLoss"),
    subset=None,
)
randomness = dict(seed=0)
