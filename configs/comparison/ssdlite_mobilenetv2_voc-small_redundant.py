# Queries compared on photos of PASCAL VOC as if they were frames of videos: four of each scene.
_base_ = "./ssdlite_mobilenetv2_voc-small.py"

# Makes near-duplicates of copies; photos of the test set are none, and stay as they are.
vary = dict(type="mmal.VaryImage", strength=1.0)
train_pipeline = [_base_.train_pipeline[0], vary, *_base_.train_pipeline[1:]]
test_pipeline = [_base_.test_pipeline[0], vary, *_base_.test_pipeline[1:]]

photos = _base_.train_dataloader.dataset
photos["pipeline"] = train_pipeline
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmal.Redundant",
        # Beside each photo.
        copies=3,
        # All photos have copies.
        share=1.0,
        # As many as without copies: 139 different photos, four times each.
        size=556,
        # Which photos these are.
        seed=0,
        dataset=photos,
    )
)
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = test_dataloader
# Fewer than there are scenes at first, and twice as many in the end.
active_learning = dict(initial=60, budget=50)
