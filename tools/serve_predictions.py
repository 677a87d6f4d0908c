"""Serve the proposals of a project's last model to Label Studio, as a machine learning backend."""

import argparse

from mmal.apis.cli import interruptible, one_line_errors
from mmal.apis.label_studio_backend import PredictionService, prediction_server

EXAMPLE = """example (docs/annotation_formats.md):
  python tools/serve_predictions.py my_project --port 9090
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", help="folder of the project")
    parser.add_argument("--port", type=int, default=9090, help="default: 9090")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1, reached from this machine alone; whoever "
        "reaches another one may ask for proposals)",
    )
    parser.add_argument(
        "--min-score", type=float, default=0.3, help="of a proposed object (default: 0.3)"
    )
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: a GPU if there is one)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with interruptible("The same command serves again."):
        with one_line_errors():
            service = PredictionService(args.project, args.min_score, args.device)
            try:
                server = prediction_server(service, args.host, args.port)
            except OSError as error:
                raise ValueError(f"Cannot listen on {args.host}:{args.port}: {error}") from error
        print(f"Label Studio, Settings, Model: http://{args.host}:{server.server_port}", flush=True)
        with server:
            server.serve_forever()


if __name__ == "__main__":
    main()
