"""Images without annotations."""

from pathlib import Path

from mmengine.dataset import BaseDataset

from mmal.registry import DATASETS


@DATASETS.register_module()
class ImageFolder(BaseDataset):
    """All images below a folder, sorted by path, without annotations.

    Args:
        data_root: The folder. Sub-folders are searched, too.
        suffixes: File name endings that count as images, lower case.
        **kwargs: As for ``mmengine.dataset.BaseDataset``; ``pipeline`` is the usual test pipeline
            (loading annotations finds none).

    Raises:
        FileNotFoundError: If the folder does not exist or holds no image.
    """

    def __init__(
        self,
        data_root: str,
        suffixes: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"),
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffixes)
        super().__init__(data_root=data_root, **kwargs)

    def _is_image(self, path: Path) -> bool:
        return path.suffix.lower() in self.suffixes and path.is_file()

    def load_data_list(self) -> list[dict]:
        """List the images."""
        root = Path(self.data_root)
        paths = sorted(p for p in root.rglob("*") if self._is_image(p))
        if not paths:
            raise FileNotFoundError(
                f"ImageFolder found no image below data_root={self.data_root!r} "
                f"({'an empty folder' if root.is_dir() else 'no such folder'}); it looks for "
                f"files that end in {', '.join(self.suffixes)}."
            )
        return [dict(img_path=str(p), img_id=i, instances=[]) for i, p in enumerate(paths)]
