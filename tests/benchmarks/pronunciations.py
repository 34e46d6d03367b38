"""What `course train seq2seq` reaches on five languages of SIGMORPHON 2020's task 1, next to the published baseline.

Run by hand:

    python tests/benchmarks/pronunciations.py FOLDER [fre,dut,…] [profile=quick] [seed=0] [out=DIR] [NAME=VALUE …]

FOLDER holds `fre_train.tsv` and so on. NAME=VALUE changes a setting of the recipe; with `steps=` each model takes that
many steps, whatever else the machine does. Settings are chosen by the dev columns; the test columns are for the report.
The baseline is the shared task's tuned LSTM encoder–decoder (Gorman et al., The SIGMORPHON 2020 Shared Task on
Multilingual Grapheme-to-Phoneme Conversion, 2020).
"""

import ast
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

from utils.runtime import quiet_tensorflow

quiet_tensorflow()
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # as the command does

from utils.training import seq2seq_recipe  # noqa: E402

BASELINE = {"fre": 6.22, "dut": 16.44, "hun": 5.33, "kor": 46.89, "gre": 18.89}  # % word errors, test


def main() -> None:
    """Train for each language, and print error rates in per cent."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    languages = next((argument for argument in arguments if "=" not in argument), ",".join(BASELINE)).split(",")
    options = {name: ast.literal_eval(named.pop(name)) for name in ("steps", "seed") if name in named}
    profile, out = named.pop("profile", "quick"), named.pop("out", None)
    defaults = dataclasses.asdict(seq2seq_recipe.RECIPES[profile])
    changed = {name: type(defaults[name])(ast.literal_eval(value) if value[0].isdigit() else value)
               for name, value in named.items()}  # fmt: skip
    recipe = dataclasses.replace(seq2seq_recipe.RECIPES[profile], **changed)
    print(f"{recipe} {options}", flush=True)
    rows = []
    for language in languages:
        files = [folder / f"{language}_{part}.tsv" for part in ("train", "dev", "test")]
        with tempfile.TemporaryDirectory() as temporary:
            where = Path(out or temporary, language)
            began = time.monotonic()
            report = seq2seq_recipe.train(*files, where, target_unit="word", profile=profile, recipe=recipe, **options)
            wall = time.monotonic() - began
        rows.append((language, report["dev"]["word_error_rate"], report["word_error_rate"]))
        low, high = report["word_error_rate_interval"]
        each = 1000 * report["seconds"] / report["steps"]
        said = [
            f"{language}: dev {100 * rows[-1][1]:.2f}",
            f"test {100 * rows[-1][2]:.2f} [{100 * low:.1f}, {100 * high:.1f}]",
            f"phonemes {100 * report['token_error_rate']:.2f}, BLEU {report['bleu']:.1f}",
            f"baseline {BASELINE[language]:.2f}",
            f"{report['epochs']:.0f} epochs, {report['steps']} steps of {each:.1f} ms",
            f"{wall:.0f} s in all, load {os.getloadavg()[0]:.1f}",
            f"dev was {[round(100 * point['dev_word_error_rate'], 1) for point in report['history']]}",
        ]
        print("; ".join(said), flush=True)
    dev, test = (sum(row[i] for row in rows) / len(rows) for i in (1, 2))
    baseline = sum(BASELINE[language] for language, *_ in rows) / len(rows)
    print(f"average: dev {100 * dev:.2f}; test {100 * test:.2f}; baseline {baseline:.2f}", flush=True)


if __name__ == "__main__":
    main()
