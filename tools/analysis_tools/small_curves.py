"""Make learning curves of small classifiers on data that come with scikit-learn.

To try forecasts on, also far ahead. A trial draws samples for testing and labels the others in
random order. About a minute.
"""

import argparse
import csv

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mmal.utils import atomic_path

EXAMPLE = """example:
  python tools/analysis_tools/small_curves.py digits digits.csv --seeds 0 1 2 3 4
"""
MODELS = {
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "support vectors": lambda: SVC(C=10),
    "random forest": lambda: RandomForestClassifier(100, random_state=0),
}
#: By name: what loads the samples, how many test, and the labels of the rounds.
DATA = {
    "digits": (load_digits, 700, range(50, 601, 50)),
    "digits-early": (load_digits, 700, range(10, 101, 10)),
    "breast-cancer": (load_breast_cancer, 250, range(20, 201, 20)),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=list(DATA), help="which samples, and how many a round")
    parser.add_argument("out", help="CSV file; `query` is the classifier")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    load, test_samples, labels = DATA[args.data]
    samples, classes = load(return_X_y=True)
    rows = []
    for name, model in MODELS.items():
        for seed in args.seeds:
            order = np.random.default_rng(seed).permutation(len(samples))
            test, pool = order[:test_samples], order[test_samples:]
            for i, n in enumerate(labels):
                fitted = model().fit(samples[pool[:n]], classes[pool[:n]])
                right = fitted.score(samples[test], classes[test])
                rows.append(
                    dict(query=name, seed=seed, round=i, labeled=n, accuracy=round(right, 4))
                )
    with atomic_path(args.out) as tmp, open(tmp, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"Wrote {args.out}")


if __name__ == "__main__":
    main()
