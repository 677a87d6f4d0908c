"""An annotator's loop: raw images in, picks out, labels back, and a model that knows more."""

import argparse
from pathlib import Path

from mmal.apis.cli import (
    add_cfg_options,
    interruptible,
    one_line_errors,
    parse_query,
    read_config,
)
from mmal.apis.loop import LoopSteps
from mmal.datasets.exchange import FORMATS
from mmal.engine.loop import MIN_SCORE
from mmal.utils import quiet_terminal

EXAMPLE = """example (docs/annotate.md):
  python tools/loop.py init my_project my_config.py --images photos
  python tools/loop.py pick my_project --budget 50
  python tools/loop.py export my_project --format cvat
  python tools/loop.py import my_project annotations.zip
  python tools/loop.py train my_project
  python tools/loop.py status my_project
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="step")

    def step(name: str, help: str) -> argparse.ArgumentParser:
        added = steps.add_parser(name, help=help, description=help)
        added.add_argument("project", help="folder of the project")
        return added

    init = step("init", "begin a project")
    init.add_argument("config", help="config with model, training pipeline and test data")
    init.add_argument(
        "--images",
        nargs="+",
        required=True,
        help="folders, patterns in quotes, .txt, .csv or .parquet lists, or COCO .json",
    )
    init.add_argument("--image-root", help="folder below which images are named")
    init.add_argument("--people", help="COCO .json with boxes of people, for top-down estimators")
    init.add_argument(
        "--own-data", action="store_true", help="train on the config's own training data, too"
    )
    init.add_argument("--labels", help="labels of images of the pool that exist already")
    init.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    add_cfg_options(init)

    pick = step("pick", "pick the images to be labelled next")
    pick.add_argument("--budget", type=int, required=True, help="how many")
    pick.add_argument("--query", help="such as Random or \"Herding(weight='margin')\"")
    pick.add_argument("--checkpoint", help="model that scores (default: the last trained one)")
    pick.add_argument("--subset", type=int, help="look at a random subset of this size only")
    pick.add_argument("--more", action="store_true", help="although others wait for labels")

    export = step("export", "write what waits for labels for an annotation tool")
    export.add_argument("--out", help="folder (default: below that of the last pick)")
    export.add_argument(
        "--images", choices=["none", "copy", "link"], default="none", help="put images there, too"
    )
    export.add_argument("--no-proposals", action="store_true", help="without the model's proposals")
    export.add_argument(
        "--min-score", type=float, default=MIN_SCORE, help="of a proposed object (%(default)s)"
    )

    export.add_argument(
        "--url",
        help="what stands before an image's id in Label Studio's tasks, such as "
        "https://photos.example.org/ (default: /data/local-files/?d=)",
    )

    imports = step("import", "read labels that came back")
    imports.add_argument("labels", help="file, folder or .zip that an annotation tool exported")
    imports.add_argument(
        "--all-finished",
        action="store_true",
        help="nobody will look at any image of the file again",
    )
    imports.add_argument(
        "--unpicked", action="store_true", help="take labels of images that were never picked, too"
    )
    imports.add_argument("--only-valid", action="store_true", help="take what is right")

    for added, needed in ((init, False), (export, True), (imports, False)):
        added.add_argument("--format", choices=sorted(FORMATS), required=needed, help="of labels")

    train = step("train", "train on all labels, and evaluate")
    train.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none")
    train.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)

    skip = step("skip", "never pick these images")
    skip.add_argument("images", nargs="+", help="ids or files")
    relocate = step("relocate", "say where the images are by now, if they were moved")
    relocate.add_argument("--images", nargs="+", required=True, help="as of init")
    relocate.add_argument("--image-root", help="as of init")
    step("undo", "take back the last step, unless it was a training")
    step("status", "say where the project stands and what comes next")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with (
        interruptible(f"Where it stands: python tools/loop.py status {args.project}"),
        quiet_terminal(Path(args.project, "other_messages.log")),
        one_line_errors(),
    ):
        take(args, LoopSteps(args.project))


def take(args: argparse.Namespace, steps: LoopSteps) -> None:
    """Take the step that the command line names."""
    if args.step == "init":
        steps.init(
            read_config(args),
            args.images,
            args.image_root,
            args.people,
            args.own_data,
            args.labels,
            args.format,
            args.seed,
        )
    elif args.step == "pick":
        query = parse_query(args.query) if args.query else None
        steps.pick(args.budget, query, args.checkpoint, args.subset, args.more)
    elif args.step == "export":
        proposals = not args.no_proposals
        steps.export(args.format, args.out, proposals, args.min_score, args.images, args.url)
    elif args.step == "import":
        steps.import_labels(
            args.labels, args.format, args.all_finished, args.unpicked, args.only_valid
        )
    elif args.step == "train":
        steps.train(args.launcher)
    elif args.step == "skip":
        steps.skip(args.images)
    elif args.step == "relocate":
        steps.relocate(args.images, args.image_root)
    elif args.step == "undo":
        steps.undo()
    else:
        steps.status()


if __name__ == "__main__":
    main()
