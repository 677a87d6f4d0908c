# Queries compared in minutes on the 364 microscope images of BCCD: docs/cached_features.md.
_base_ = "./ssdlite_mobilenetv2-frozen_voc07.py"

folder = dict(data_root="data/bccd/", metainfo=dict(classes=("RBC", "WBC", "Platelets")))
model = dict(target=dict(bbox_head=dict(num_classes=3)))
train_dataloader = dict(batch_size=8, dataset=dict(ann_file="ImageSets/Main/train.txt", **folder))
test_dataloader = dict(dataset=folder)
val_dataloader = dict(dataset=folder)
active_learning = dict(initial=40, budget=20)
