# The paper's rounds on MPII (Yoo & Kweon, CVPR 2019, section 4.3): the pool is made of 22,246 poses;
# 1,000 initial ones, 1,000 a round from 5,000 drawn at random, ten rounds.
custom_imports = dict(imports=["mmal"])
active_learning = dict(
    rounds=10,
    initial=1000,
    budget=1000,
    subset=5000,
    query=dict(type="mmal.LearnedLoss"),
    # An annotator labels images: "image" makes the pool of those, all people of one together.
    group_by="sample",
    metric="PCK",  # PCKh@0.5, all joints
)
# The paper reports the mean of three trials: --seed 0, 1 and 2.
randomness = dict(seed=0)
