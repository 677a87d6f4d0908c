from .loss_prediction_neck import LossPredictionNeck

__all__ = ["LossPredictionNeck"]
