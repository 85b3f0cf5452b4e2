"""The SED head: logits of frames and of clips, as NumPy computes them."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from torch import nn

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel

from ..networks import attention_head, pooled_head, sed_head


def by_hand(head, features):
    """Clip logits by attention or by log-sum-exp, and frame logits, in float64."""
    weights = {name: value.double().numpy() for name, value in head.state_dict().items()}
    frames = features.double().numpy().mean(2).transpose(0, 2, 1)
    hidden = np.maximum(frames @ weights["hidden.weight"].T + weights["hidden.bias"], 0)
    logits = hidden @ weights["frames.weight"].T + weights["frames.bias"]
    if "attention.weight" in weights:
        attention = softmax(np.tanh(hidden @ weights["attention.weight"].T + weights["attention.bias"]), axis=1)
        return (attention * logits).sum(1), logits
    return (logsumexp(5.0 * logits, axis=1) - np.log(logits.shape[1])) / 5.0, logits


@pytest.mark.parametrize("pooling", ["attention", "log_sum_exp"])
@pytest.mark.parametrize("frames", [1, 7])
def test_clips_are_pooled_from_frames(pooling, frames):
    torch.manual_seed(0)
    head = sed_head(10, 4, pooling=pooling).eval()
    features = torch.randn(3, 10, 2, frames)
    with torch.no_grad():
        output = head(features)
    clip, of_frames = by_hand(head, features)
    np.testing.assert_allclose(output.logits, clip, atol=1e-5)
    np.testing.assert_allclose(output.frames, of_frames, atol=1e-5)
    assert output.embedding is None


def test_log_sum_exp_lies_between_the_mean_and_the_maximum():
    torch.manual_seed(0)
    features = torch.randn(3, 10, 2, 9)
    for sharpness, nearest in ((0.01, "mean"), (500.0, "max")):
        head = sed_head(10, 4, pooling="log_sum_exp", sharpness=sharpness).eval()
        with torch.no_grad():
            output = head(features)
        expected = output.frames.mean(1) if nearest == "mean" else output.frames.amax(1)
        torch.testing.assert_close(output.logits, expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_models_score_is_the_clips_and_its_loudest_frames_by_share(share):
    torch.manual_seed(0)
    model = BirdModel(nn.Conv2d(1, 10, 3), sed_head(10, 4, frame_share=share), channels=1).eval()
    mel = torch.randn(2, 1, 16, 20)
    with torch.no_grad():
        output, scores = model(mel), model.scores(mel)
    torch.testing.assert_close(scores, (1 - share) * output.logits + share * output.frames.amax(1))


@pytest.mark.parametrize("head", [pooled_head, attention_head, sed_head])
def test_an_embedding_is_learnt_beside_the_classes_where_it_is_asked_for(head):
    torch.manual_seed(0)
    model = BirdModel(nn.Conv2d(1, 10, 3), head(10, 4), channels=1, embedding=nn.Linear(10, 6)).eval()
    mel = torch.randn(2, 1, 16, 20)
    with torch.no_grad():
        output, features = model(mel), model.backbone(mel)
    torch.testing.assert_close(output.embedding, model.embedding(features.mean((2, 3))))
    assert output.embedding.shape == (2, 6) and output.logits.shape == (2, 4)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"pooling": "mean"}, "heads: sed: pooling = 'mean'; expected one of 'attention', 'log_sum_exp'"),
        ({"frame_share": 1.5}, "heads: sed: frame_share = 1.5; expected a number from 0 to 1"),
        ({"heads": 3}, "heads: sed has no parameter 'heads'; expected pooling, frame_share, dropout, sharpness"),
    ],
)
def test_a_head_that_cannot_be_is_one_line(parameters, said):
    with pytest.raises(BirdlibError) as error:
        sed_head(10, 4, **parameters)
    assert str(error.value) == said
