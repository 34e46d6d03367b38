"""`course train …`, `course sample` and `course translate`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

train = typer.Typer(
    help="Trains a lesson's model on your own data, within the time that you give.", no_args_is_help=True
)
console = Console()

Out = Annotated[Path | None, typer.Option(help="Folder of the run; it must be new, or hold this very run.")]
Minutes = Annotated[float, typer.Option(help="Wall time of the training.")]
Steps = Annotated[int | None, typer.Option(help="Number of steps, instead of --minutes.")]
Seed = Annotated[int, typer.Option(help="Seed of the weights, the order and the samples.")]


@train.command("language-model")
def language_model(
    text: Annotated[Path, typer.Option(help="Text file in UTF-8.")],
    unit: Annotated[str, typer.Option(help="What is predicted: char or word.")] = "char",
    minutes: Minutes = 3.0,
    steps: Steps = None,
    holdout: Annotated[float, typer.Option(help="Part of the text, its end, that is held out.")] = 0.1,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Trains an LSTM language model on a text, and says how well it predicts the text's end."""
    out = out or Path("runs", f"{text.stem}-{unit}")
    report = _run(
        "language_recipe", out, text, out, unit=unit, minutes=minutes, steps=steps, holdout=holdout, seed=seed
    )
    console.print(
        f"{report['nats_per_token']:.4f} nats ({report['bits_per_token']:.4f} bits) a {unit} on "
        f"{report['heldout_tokens']:,} held-out {unit}s: perplexity {report['perplexity']:.2f}; "
        f"{report['nats_per_token_unigram']:.4f} nats without any context",
        soft_wrap=True,
    )
    console.print(f'Try it: course sample {out} --prompt "…"', soft_wrap=True, markup=False)


@train.command("tagger")
def tagger(
    train: Annotated[Path, typer.Option(help="CoNLL or CoNLL-U file to learn from.")],
    dev: Annotated[Path, typer.Option(help="File that chooses the weights.")],
    test: Annotated[Path, typer.Option(help="File that the report is about.")],
    column: Annotated[
        int | None, typer.Option(help="Column of the tags, counted from 0; the last (of CoNLL-U: UPOS) if left out.")
    ] = None,
    minutes: Minutes = 3.0,
    steps: Steps = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Trains a bidirectional LSTM tagger on tagged sentences: parts of speech, or entities in BIO tags."""
    out = out or Path("runs", f"{train.stem}-tagger")
    report = _run("tagging_recipe", out, train, dev, test, out, column=column, minutes=minutes, steps=steps, seed=seed)
    parts = [f"accuracy {report['accuracy']:.2%}"]
    if report["entity_f1"] is not None:
        parts.insert(0, f"entity F1 {report['entity_f1']:.2%} on {report['entities']:,} entities")
    if report["unknown_word_accuracy"] is not None:
        parts.append(f"{report['unknown_word_accuracy']:.2%} on words that training never saw")
    parts.append(f"{report['most_frequent_tag_accuracy']:.2%} with each word's most frequent tag")
    console.print("; ".join(parts).replace("%", " %"), soft_wrap=True)


@train.command("seq2seq")
def seq2seq(
    train: Annotated[Path, typer.Option(help="Pairs to learn from: in each line a source, a tab and a target.")],
    dev: Annotated[Path, typer.Option(help="Pairs that choose the weights.")],
    test: Annotated[Path, typer.Option(help="Pairs that the report is about.")],
    source_unit: Annotated[
        str, typer.Option(help="Tokens of the sources: char, or word for what spaces part.")
    ] = "char",
    target_unit: Annotated[str, typer.Option(help="Tokens of the targets: char or word.")] = "char",
    attention: Annotated[str | None, typer.Option(help="bahdanau, luong or none; the profile's if left out.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Wall time of the training; quick takes 4.5, full 30, if left out.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="quick or full; the machine's if left out.")] = None,
    ensemble: Annotated[
        int | None, typer.Option(help="Number of models, which share the time and decide together.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps of each model, instead of --minutes.")] = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Trains an encoder–decoder with attention on pairs: words and their sounds, sentences and their translations."""
    out = out or Path("runs", f"{train.stem}-seq2seq")
    if ensemble != 1:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # each core has a model of its own to train
    report = _run(
        "seq2seq_recipe", out, train, dev, test, out, source_unit=source_unit, target_unit=target_unit,
        attention=attention, minutes=minutes, steps=steps, profile=profile, ensemble=ensemble, seed=seed,
    )  # fmt: skip
    parts = []
    for name, key in (("word", "word_error_rate"), ("token", "token_error_rate")):
        low, high = report[f"{key}_interval"]
        parts.append(f"{name} error rate {report[key]:.2%} (95 %: {low:.1%} to {high:.1%})".replace("%", " %"))
    parts[0] += f" of {report['sources']['test']:,} test sources"
    console.print("; ".join([*parts, f"BLEU {report['bleu']:.1f}"]).replace("  %", " %"), soft_wrap=True)
    if report["test_tokens_never_seen"]:
        shown = " ".join(map(repr, report["test_tokens_never_seen"][:8]))
        console.print(f"The test sources have tokens that training never saw: {shown}", soft_wrap=True, markup=False)
    console.print(f"Try it: course translate {out} < lines.txt", soft_wrap=True, markup=False)


def translate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished encoder–decoder.")],
    beam: Annotated[int | None, typer.Option(help="Candidates that are followed; as in training if left out.")] = None,
) -> None:
    """Translates the lines of the standard input with a model that `course train seq2seq` made."""
    from utils.runtime import quiet_tensorflow

    quiet_tensorflow()
    from utils.training import translator

    if beam is not None and beam < 1:
        _stop(f"beam is {beam}, but at least 1 is expected")
    try:
        text = typer.get_binary_stream("stdin").read().decode("utf-8-sig").replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n") if text else []
        loaded, report = translator.load(folder)
        recipe = report["settings"]["recipe"]
        outputs, unknown = translator.translate(loaded, lines, beam or recipe["beam"], recipe["length_penalty"])
    except UnicodeDecodeError as error:
        _stop(f"the standard input is not UTF-8 (byte {error.start}): save it as UTF-8")
    except (ValueError, OSError) as error:
        _stop(str(error))
    for output in outputs:
        typer.echo(output)
    if unknown:
        shown = " ".join(map(repr, unknown[:8]))
        Console(stderr=True).print(
            f"Training never saw these tokens, which count as <UNK>: {shown}", soft_wrap=True, markup=False
        )


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished language model.")],
    prompt: Annotated[str, typer.Option(help="Text to continue; a new line if left out.")] = "",
    temperature: Annotated[float, typer.Option(help="Below 1 likelier, above 1 more surprising.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Choose among this many tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Choose among the likeliest tokens of this probability.")] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="Always take the likeliest token.")] = False,
    length: Annotated[int, typer.Option(help="Number of tokens to add.")] = 500,
    count: Annotated[int, typer.Option(help="Number of continuations.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed, another text.")] = 0,
) -> None:
    """Continues a text with a model that `course train language-model` made."""
    from utils.runtime import quiet_tensorflow

    quiet_tensorflow()
    from utils.decoding import Sampling
    from utils.training import language_recipe

    if length < 1 or count < 1:
        _stop(f"length is {length} and count is {count}, but at least 1 is expected of both")
    try:
        sampling = Sampling(temperature, top_k, top_p, greedy)
        made = language_recipe.sample(folder, prompt, sampling=sampling, length=length, count=count, seed=seed)
    except (ValueError, OSError) as error:
        _stop(str(error))
    for i, text in enumerate(made):
        if i:
            console.rule()
        console.print(text, soft_wrap=True, markup=False, highlight=False)


def _run(recipe: str, out: Path, *files: Path, **options: Any) -> dict[str, Any]:
    """Run a recipe with a progress bar, and end with one sentence where it cannot run."""
    from utils.runtime import quiet_tensorflow

    quiet_tensorflow()
    import importlib

    from utils.training.progress import ProgressBar

    module = importlib.import_module(f"utils.training.{recipe}")
    try:
        with ProgressBar("Training", console) as bar:
            report = module.train(*files, show=bar.show, **options)
    except KeyboardInterrupt:
        _stop(f"Stopped. The same command goes on from the last checkpoint in {out}.", code=130)
    except (ValueError, OSError) as error:
        _stop(str(error))
    console.print(f"{out}: {report['steps']:,} steps in {report['seconds']:.0f} s", soft_wrap=True)
    return report


def _stop(sentence: str, code: int = 1) -> None:
    """Ends the command with one sentence on stderr."""
    Console(stderr=True).print(sentence, soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(code)
