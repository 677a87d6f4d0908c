# Queries compared on photos of PASCAL VOC with a long tail of rare classes; the test set is the same.
_base_ = "./ssdlite_mobilenetv2_voc-small.py"

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmal.LongTailed",
        # A photo counts for the class in it that comes last in the order. 109 show people alone, so
        # 109 / (r + 1) are kept of the class of rank r, if there are so many: 314 in all, 5 of the last.
        exponent=1.0,
        # By the photos that there are of each, so that frequent classes stay frequent.
        order=(
            "person",
            "chair",
            "car",
            "pottedplant",
            "tvmonitor",
            "sofa",
            "horse",
            "cat",
            "motorbike",
            "aeroplane",
            "train",
            "diningtable",
            "bottle",
            "bird",
            "bus",
            "cow",
            "dog",
            "boat",
            "bicycle",
            "sheep",
        ),
        # Which photos are kept.
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    )
)
active_learning = dict(initial=60, budget=30)
