"""Sparse text as features of a neural kernel, and which of five data sets a piece of prose describes.

    python examples/text_classification.py [--newsgroups]

The prose is that of the descriptions that ship with scikit-learn, eight words at a time, as sparse TF-IDF of
word pieces: 4096 columns, nearly all of them zero, which the feature map takes as they are. ``--newsgroups``
takes the 20 newsgroups in their place (scikit-learn downloads them, 14 MB).
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from sklearn.datasets import (
    fetch_20newsgroups,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import dualact as da

WORDS = 8


def descriptions() -> tuple[list[str], list[int]]:
    """Return pieces of the descriptions of five data sets, and of which."""
    texts, labels = [], []
    for label, load in enumerate((load_iris, load_wine, load_digits, load_diabetes, load_breast_cancer)):
        words = [word for word in load().DESCR.split() if any(map(str.isalpha, word))]
        pieces = [" ".join(words[i : i + WORDS]) for i in range(0, len(words) - WORDS, WORDS)]
        texts += pieces
        labels += [label] * len(pieces)
    return texts, labels


def main(newsgroups: bool = False) -> None:
    if newsgroups:
        data = fetch_20newsgroups(subset="all", remove=("headers", "footers", "quotes"))
        texts, labels = data.data, data.target
    else:
        texts, labels = descriptions()
    split: Any = train_test_split(texts, labels, test_size=0.3, random_state=0, stratify=labels)
    train, test, y_train, y_test = split
    vectors = make_pipeline(
        HashingVectorizer(n_features=2**12, analyzer="char_wb", ngram_range=(2, 4), alternate_sign=False),
        TfidfTransformer(sublinear_tf=True),
    )
    X_train, X_test = vectors.fit_transform(train), vectors.transform(test)
    share = X_train.nnz / (X_train.shape[0] * X_train.shape[1])
    print(f"{X_train.shape[0]} texts, {X_train.shape[1]} columns, {share:.1%} of the entries are not zero")

    scores = {}
    network = da.mlp(1, "relu", weight_std=2**0.5)
    models = {
        "linear": RidgeClassifier(alpha=1.0),
        "neural kernel": make_pipeline(
            da.SketchedNeuralKernel(network, n_components=8192, random_state=0), RidgeClassifier(alpha=1e-4)
        ),
    }
    for name, model in models.items():
        start = time.perf_counter()
        scores[name] = model.fit(X_train, y_train).score(X_test, y_test)
        print(f"{name:14} accuracy {scores[name]:.3f}  {time.perf_counter() - start:.2f} s")
    most_frequent = max(map(list(y_test).count, set(y_test))) / len(y_test)
    assert scores["neural kernel"] > most_frequent + 0.1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--newsgroups", action="store_true")
    main(parser.parse_args().newsgroups)
