"""Models that begin at features."""

import torch

from mmal.models import CachedBackbone, CachedInputs


def test_vectors_are_cut_into_the_levels_that_they_were() -> None:
    levels = [torch.rand(3, 4, 5, 2), torch.rand(3, 6, 1, 1)]
    vectors = torch.cat([level.reshape(3, -1) for level in levels], dim=1)
    found = CachedBackbone(shapes=[(4, 5, 2), (6, 1, 1)])(vectors.half())
    for level, got in zip(levels, found, strict=True):
        assert got.dtype == torch.float32
        assert torch.equal(got, level.half().float())


def test_inputs_are_stacked_and_nothing_else() -> None:
    data = CachedInputs()(dict(inputs=[torch.ones(4), torch.zeros(4)], data_samples=["a", "b"]))
    assert data["inputs"].tolist() == [[1] * 4, [0] * 4]
    assert data["data_samples"] == ["a", "b"]
