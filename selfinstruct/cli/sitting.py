"""One sitting of a run as a person sees it: the bar, the notices, the end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from selfinstruct.cli.options import higher
from selfinstruct.cli.screen import show

if TYPE_CHECKING:
    from selfinstruct.annotate.books import Books
    from selfinstruct.annotate.work import Work
    from selfinstruct.runs.inputs import Inputs
    from selfinstruct.runs.run import Run


_NOTHING_KEPT = "no reply had come yet, nothing is kept; start the same command again"


def sit(
    directory: Path,
    inputs: Inputs,
    *,
    seconds: float | None,
    dry_run: bool = False,
    repair: bool = False,
    accept_change: bool = False,
    ask_again: bool = False,
) -> None:
    """Go on with the run in `directory`, or begin it; `dry_run` only shows the plan."""
    from selfinstruct.runs import plan
    from selfinstruct.runs.directory import checkpointed
    from selfinstruct.runs.generation import forget_lost
    from selfinstruct.runs.run import Run

    if dry_run:
        record = checkpointed(directory) if directory.is_dir() else None
        done = (record["end"] or record["mark"])["funnel"]["examples"] if record else 0
        show(plan.lines(inputs, done=done))
        return
    flags = {"repair": repair, "rebuild": ask_again, "accept_change": accept_change}
    run = Run(directory, inputs.config, inputs, **flags)
    try:
        if ask_again:
            show([f"{directory}: {forget_lost(run)}"])
        _work(run, inputs, seconds)
    finally:
        run.leave()
    show(run.funnel.lines(run.config.items))
    show(_three_examples(directory))
    show([f"\n{run.funnel.examples} examples in {directory / 'examples.jsonl'}"])
    if inputs.recipe.prices_examples:
        show([_price(run)])


def _work(run: Run, inputs: Inputs, seconds: float | None) -> None:
    import asyncio

    from selfinstruct.cli.heap import seldom_collected
    from selfinstruct.errors import Interrupted, ModelError
    from selfinstruct.models.money.prices import prices_of
    from selfinstruct.runs.generation import go_on
    from selfinstruct.runs.progress import Progress

    if run.is_resumed:
        known = f"{len(run.completions)} replies on record"
        show([f"{run.directory}: goes on at {_so_far(run)}, {known}"])
    prices = prices_of(run.config, (*run.config.models, *run.meter.paid.others))
    cap = run.config.max_cost
    progress = Progress(run.wanted or 0, run.funnel, run.meter, prices, max_cost=cap)
    try:
        with seldom_collected():
            asyncio.run(
                go_on(
                    run,
                    inputs,
                    notice=progress.say,
                    changed=progress.update,
                    waiting=progress.wait_for,
                    seconds=seconds,
                )
            )
    except ModelError as error:
        if not run.is_worth_keeping:
            raise
        raise ModelError(f"{error}; {_how_to_go_on(run, error)}") from None
    except Interrupted as stop:
        progress.close()
        show([f"stopped ({stop}): {_how_to_go_on(run, stop)}"])
        sys.exit(stop.code)
    finally:
        progress.close()


def work_on(work: Work, *, ask_again: bool = False) -> None:
    """A sitting of a judge or a scorer: go on with its work, or begin it."""
    import asyncio

    from selfinstruct.annotate.work import go_on
    from selfinstruct.errors import Interrupted
    from selfinstruct.models.money.prices import prices_of
    from selfinstruct.runs.progress import Progress

    config, books = work.config, work.open()
    try:
        if known := len(books.completions):
            show([f"{work.place}: goes on, {known:,} replies of {config.model} on record"])
        if ask_again:
            show([f"asks again for {books.completions.forget_lost(lambda place: False)} requests"])
        of = (work.wanted, work.tally, books.meter, prices_of(config))
        progress = Progress(*of, max_cost=config.max_cost, what=work.counted)
        try:
            says, hears = (progress.say, progress.wait_for), progress.update
            asyncio.run(go_on(work, books, notice=says[0], changed=hears, waiting=says[1]))
        except Interrupted as stop:
            progress.close()
            show([f"stopped ({stop}): {_how_to_work_on(work, books, stop)}"])
            sys.exit(stop.code)
        finally:
            progress.close()
    finally:
        books.close()


def _how_to_work_on(work: Work, books: Books, stop: Exception) -> str:
    if not books.is_worth_keeping:
        return f"{_NOTHING_KEPT}{higher(str(stop))}"
    saved = f"{work.so_far}, {len(books.completions):,} replies are saved"
    more = higher(str(stop))
    if work.command:
        return f"{saved}; go on with: {work.command}{more}"
    return f"{saved}; the same command goes on{more}"


def _price(run: Run) -> str:
    """The tokens and the price of 1,000 examples, with all calls of the run."""
    from selfinstruct.models.money.prices import cost_of

    share = 1000 / max(1, run.funnel.examples)
    usage, cost = run.meter.paid.total, cost_of(run.config, run.meter)
    tokens = (usage.prompt_tokens + usage.completion_tokens) * share
    said = "the price is unknown" if cost is None else f"${cost * share:,.4f}"
    return f"1,000 examples took {tokens:,.0f} tokens: {said}"


def _so_far(run: Run) -> str:
    of = "" if run.wanted is None else f" of {run.wanted}"
    return f"{run.funnel.examples}{of} examples"


def _how_to_go_on(run: Run, stop: Exception) -> str:
    if not run.is_worth_keeping:
        return f"{_NOTHING_KEPT}{higher(str(stop))}"
    saved = f"{_so_far(run)} and {len(run.completions)} replies are saved in {run.directory}"
    command = f"selfinstruct resume {shlex.quote(str(run.directory))}{higher(str(stop))}"
    return f"{saved}; go on with: {command}"


def _three_examples(directory: Path) -> Iterable[str]:
    import json

    with (directory / "examples.jsonl").open("rb") as file:
        count = sum(1 for _ in file)
        wanted = {count * part // 6 for part in (1, 3, 5)}
        file.seek(0)
        for line in (line for number, line in enumerate(file) if number in wanted):
            record = json.loads(line)
            yield f"\n{record['id']}"
            for field in ("instruction", "input", "output"):
                yield f"  {field + ':':<13}{_shortened(record[field]) or '(none)'}"


def _shortened(text: str, most: int = 400) -> str:
    text = text if len(text) <= most else text[:most] + " ..."
    return text.replace("\n", "\n" + " " * 15)
