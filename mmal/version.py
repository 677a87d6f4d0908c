"""The version of mmal."""

__version__ = "0.1.0"
