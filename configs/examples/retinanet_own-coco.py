# Your own detector on your own COCO JSON: docs/examples.md. RetinaNet with ResNet-50 stands for any
# config of MMDetection; what is of your data stands on top.
_base_ = "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py"
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

# Pairs of images are ranked within a batch: two at the least, and more are better.
batch_size = 8
own = dict(data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(ann_file="annotations/train.json", data_prefix=dict(img="images/"), **own),
)
val_dataloader = dict(
    dataset=dict(ann_file="annotations/val.json", data_prefix=dict(img="images/"), **own)
)
# The base's test data are its validation data, but a change of the one is no change of the other.
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator

# COCO's 12 epochs are of 7,330 steps each. A hundred images at 8 a batch make 13: more epochs, and
# a warm-up that is not longer than the training.
max_epochs = 60
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(lr=0.02 * batch_size / 16),  # the base's is for 16 images a step
    clip_grad=dict(max_norm=35),  # few images make for wild first steps
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type="MultiStepLR", begin=0, end=max_epochs, milestones=[40, 55], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=10))  # an interrupted round goes on at the last
# From here on the loss prediction module no longer moves the detector: at 80 % of the epochs.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=48)]

# Rounds of a study, in which tools/run_rounds.py hides the labels; tools/loop.py asks for budgets.
active_learning = dict(
    rounds=5,
    initial=100,
    budget=100,
    # Recommended for detectors: docs/queries.md. The paper's is dict(type="mmal.LearnedLoss").
    query=dict(type="mmal.Herding", features=dict(source="objects")),
)
randomness = dict(seed=0)
