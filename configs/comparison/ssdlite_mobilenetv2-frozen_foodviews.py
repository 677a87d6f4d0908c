# Queries compared in minutes on 2,978 photos of 20 foods, several views of each (ECUSTFD):
# docs/cached_features.md.
_base_ = "./ssdlite_mobilenetv2-frozen_voc07.py"

classes = (
    "apple",
    "banana",
    "bread",
    "bun",
    "coin",
    "doughnut",
    "egg",
    "fired_dough_twist",
    "grape",
    "lemon",
    "litchi",
    "mango",
    "mooncake",
    "orange",
    "peach",
    "pear",
    "plum",
    "qiwi",
    "sachima",
    "tomato",
)
folder = dict(data_root="data/foodviews/", metainfo=dict(classes=classes))
train_dataloader = dict(dataset=folder)
test_dataloader = dict(dataset=folder)
val_dataloader = dict(dataset=folder)
active_learning = dict(initial=100, budget=100)
