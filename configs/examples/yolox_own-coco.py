# Your own YOLOX on your own COCO JSON, with Mosaic, MixUp, EMA and mode switch as they are:
# docs/examples.md says what rounds do with them.
_base_ = "mmdet::yolox/yolox_s_8xb8-300e_coco.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/my_data/"
# In the order of `categories` in your files; with a comma even if there is one: ("helmet",).
classes = ("helmet", "vest")

target = _base_.model
target["bbox_head"]["num_classes"] = len(classes)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck"),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss"),
)

own = dict(data_root=data_root, metainfo=dict(classes=classes))
# Mosaic and MixUp are in the wrapper's pipeline, so that your images are one level further down.
train_dataloader = dict(
    dataset=dict(
        dataset=dict(ann_file="annotations/train.json", data_prefix=dict(img="images/"), **own)
    )
)
val_dataloader = dict(
    dataset=dict(ann_file="annotations/val.json", data_prefix=dict(img="images/"), **own)
)
# The base's test data are its validation data, but a change of the one is no change of the other.
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator

# The base's 300 epochs are of COCO; the last 15 of them, without Mosaic, are 10 here.
max_epochs, num_last_epochs, warm_up = 100, 10, 5
train_cfg = dict(max_epochs=max_epochs, val_interval=10)
base_lr = 0.01 * 8 / 64  # the base's is for 64 images a step, here are 8
optim_wrapper = dict(optimizer=dict(lr=base_lr))
by_step = dict(by_epoch=True, convert_to_iter_based=True)
end = max_epochs - num_last_epochs
param_scheduler = [
    dict(type="mmdet.QuadraticWarmupLR", begin=0, end=warm_up, **by_step),
    dict(
        type="CosineAnnealingLR", eta_min=base_lr / 20, begin=warm_up, T_max=end, end=end, **by_step
    ),
    dict(type="ConstantLR", by_epoch=True, factor=1, begin=end, end=max_epochs),
]
# For a plain training by tools/train.py; rounds keep the last checkpoint, not the best.
default_hooks = dict(checkpoint=dict(interval=10, save_best="coco/bbox_mAP"))
# A list replaces the base's list: these are its three, and mmal's.
custom_hooks = [
    dict(type="YOLOXModeSwitchHook", num_last_epochs=num_last_epochs, priority=48),
    dict(type="SyncNormHook", priority=48),
    # The base's momentum averages over 10,000 steps, which a small data set does not have.
    dict(
        type="EMAHook", ema_type="ExpMomentumEMA", momentum=0.001, update_buffers=True, priority=49
    ),
    # At 80 % of the epochs: from there on the loss prediction module no longer moves the detector.
    dict(type="mmal.ActiveLearningHook", detach_epoch=80),
]

# Rounds of a study, in which tools/run_rounds.py hides the labels; tools/loop.py asks for budgets.
active_learning = dict(
    rounds=5,
    initial=100,
    budget=100,
    # Recommended for detectors: docs/queries.md. The paper's is dict(type="mmal.LearnedLoss").
    query=dict(type="mmal.Herding", features=dict(source="objects")),
)
randomness = dict(seed=0)
