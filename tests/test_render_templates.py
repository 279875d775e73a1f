"""Templates of promptsource, of FLAN and our own, against plain renderings that share no code."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jinja2 import Environment, pass_context

from selfinstruct.errors import UserError
from selfinstruct.records.datasets import Feature
from selfinstruct.templates.limits import Stopped
from selfinstruct.templates.pattern import Pattern, Rendered
from selfinstruct.templates.reading import Named, chosen_for, files_of, patterns_of, text_of
from selfinstruct.templates.rendering import renderer_of
from selfinstruct.templates.rows import Values
from selfinstruct.templates.sandbox import Sandbox

STRATEGIES = Path(__file__).parents[2] / "shared" / "data" / "strategies"
recorded = pytest.mark.skipif(
    not STRATEGIES.is_dir(), reason="recorded data (../shared/data) is not part of a checkout"
)
SANDBOX = Sandbox()
WORDS = "un film ||| très long, about {{ nothing }} {x} 北京 'and' \"more\" | of it <b> & …".split()


def shown(
    pattern: Pattern, row: dict[str, Any], features: list[Feature] | None = None, seed: int = 0
) -> Rendered:
    labels = features or []
    chance = Random(seed)
    values = Values(row, labels, SANDBOX.functions)
    return renderer_of(pattern, SANDBOX, labels).render(values, lambda: chance)


def why_not(pattern: Pattern, row: dict[str, Any], features: list[Feature] | None = None) -> str:
    with pytest.raises(Stopped) as stopped:
        shown(pattern, row, features)
    return stopped.value.reason


def of_promptsource(text: str, choices: str = "null") -> Pattern:
    """A template in promptsource's form, read from its YAML."""
    said = (
        f"dataset: d\ntemplates:\n  a: !Template\n    answer_choices: {choices}\n"
        f"    jinja: {json.dumps(text)}\n    name: n\n"
    )
    (pattern,) = patterns_of(said, "templates.yaml")
    return pattern


# ---------------------------------------------------------------- the recorded templates


def made(fields: dict[str, str], seed: int) -> dict[str, Any]:
    """A row with the fields of a dataset: texts, lists of texts, labels below a number."""
    chance = Random(f"{seed}{sorted(fields)}")

    def text() -> str:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 20)))

    made_as: dict[str, Callable[[], Any]] = {
        "text": text,
        "texts": lambda: [text() for _ in range(chance.randint(1, 4))],
    }
    return {
        name: made_as[kind]() if kind in made_as else chance.randrange(int(kind))
        for name, kind in fields.items()
    }


PAIR = {"sentence1": "text", "sentence2": "text", "label": "2"}
FIELDS = {
    "ag_news": {"text": "text", "label": "4"},
    "anli": {"premise": "text", "hypothesis": "text", "label": "3"},
    "common_gen": {"concepts": "texts", "target": "text"},
    "glue/mrpc": PAIR,
    "glue/rte": PAIR,
    "glue/sst2": {"sentence": "text", "label": "2"},
    "imdb": {"text": "text", "label": "2"},
    "samsum": {"dialogue": "text", "summary": "text"},
    "trec": {"text": "text", "coarse_label": "6", "fine_label": "50"},
}


yaml: Any = import_module("yaml")
PLAINLY: Any = type("Plainly", (yaml.SafeLoader,), {})  # reads promptsource's tags as mappings
PLAINLY.add_multi_constructor(
    "!", lambda loader, _, node: loader.construct_mapping(node, deep=True)
)
CHANCE = [Random(0)]


def plain_environment() -> Environment:
    @pass_context
    def choice(_: Any, items: Any) -> Any:
        return CHANCE[0].choice(items)

    def most_frequent(items: Any) -> Any:
        counts = Counter(items).most_common()
        return [item for item, count in counts if count == counts[0][1]]

    environment = Environment()
    environment.globals["zip"] = zip
    environment.filters |= {
        "choice": choice,
        "most_frequent": most_frequent,
        "highlight": lambda text: f"<span style='color: #F08080'>{text}</span>",
    }
    return environment


compiled = cache(plain_environment().from_string)


def plainly(template: dict[str, Any], row: dict[str, Any], seed: int) -> list[str]:
    """The parts of promptsource's rendering, with separators of data protected on every level."""
    CHANCE[0] = Random(seed)
    hidden = json.loads(json.dumps(row).replace("|||", "\\ue000" * 3))
    if template["answer_choices"]:
        text = compiled(template["answer_choices"]).render(**hidden)
        hidden["answer_choices"] = [part.strip() for part in text.split("|||")]
    parts = compiled(template["jinja"]).render(**hidden).split("|||")
    return [part.strip().replace("\ue000" * 3, "|||") for part in parts]


def recorded_templates() -> Iterator[tuple[str, Pattern, dict[str, Any]]]:
    for path in sorted(STRATEGIES.glob("promptsource/**/templates.yaml")):
        text = path.read_text("utf-8")
        loaded = yaml.load(text, PLAINLY)
        patterns = patterns_of(text, str(path))
        assert len(patterns) == len(loaded["templates"])
        for pattern, template in zip(patterns, loaded["templates"].values(), strict=True):
            yield pattern.dataset, pattern, template


@recorded
def test_promptsources_templates_give_what_a_plain_rendering_gives() -> None:
    rows = {name: [made(fields, seed) for seed in range(4)] for name, fields in FIELDS.items()}
    counts: Counter[str] = Counter()
    for dataset, pattern, template in recorded_templates():
        described = template["metadata"]
        assert (pattern.name, pattern.original_task) == (
            template["name"],
            described["original_task"],
        )
        assert list(pattern.languages) == described["languages"]
        renderer = renderer_of(pattern, SANDBOX)
        for seed, row in enumerate(rows[dataset]):
            prompt, *targets = plainly(template, row, seed)
            chance = Random(seed)
            given = tuple(target for target in targets if target)
            with contextlib.suppress(Stopped):
                found = renderer.render(Values(row, [], SANDBOX.functions), lambda: chance)  # noqa: B023
                assert found == Rendered(prompt, given), pattern.name
                counts["examples"] += 1
                continue
            assert not (prompt and given), (pattern, row)
            counts["nothing"] += 1
    assert counts["examples"] > 200
    assert sum(counts.values()) == 84 * 4


@recorded
def test_flans_patterns_give_what_plain_replacement_gives() -> None:
    groups = json.loads((STRATEGIES / "flan" / "flan2021_templates.json").read_text("utf-8"))
    names = set(re.findall(r"\{(\w+)\}", json.dumps(groups)))
    row = {name: text for name, text in made(dict.fromkeys(names, "text"), 1).items() if text}
    path = STRATEGIES / "flan" / "flan2021_templates.json"
    patterns = patterns_of(text_of(path), str(path))
    assert len(patterns) == 610
    pairs = [pair for group in groups.values() for pair in group]
    for pattern, pair in zip(patterns, pairs, strict=True):
        prompt, target = (re.sub(r"\{(\w+)\}", lambda found: row[found[1]], text) for text in pair)
        assert shown(pattern, row) == Rendered(prompt, (target,))


@recorded
def test_flans_patterns_show_a_recorded_dataset() -> None:
    path = STRATEGIES / "flan" / "flan2021_templates.json"
    offered = [(Named(str(path)), patterns_of(text_of(path), str(path)))]
    patterns = chosen_for(["trivia_qa"], offered)
    assert len(patterns) == 10
    lines = (STRATEGIES / "annotated" / "trivia" / "train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {shown(pattern, row).targets for pattern in patterns for row in rows} == {
        (row["answer"],) for row in rows
    }


# ---------------------------------------------------------------- promptsource's form


def test_separators_in_data_are_data_on_every_level() -> None:
    row = {"text": "a ||| b", "options": [{"name": "c|||d"}, {"name": "e"}], "label": 0}
    pattern = of_promptsource(
        "{{ text }} {{ options[0].name }}|||{{ answer_choices[label] }}",
        '\'{{ options | map(attribute="name") | join(" ||| ") }}\'',
    )
    assert shown(pattern, row) == Rendered("a ||| b c|||d", ("c|||d",))


def test_several_separators_give_several_targets() -> None:
    pattern = of_promptsource("{{ q }} ||| {{ a[0] }} ||| {{ a[1] }} |||")
    assert shown(pattern, {"q": "Q", "a": ["one", "two"]}) == Rendered("Q", ("one", "two"))


def test_choices_are_texts_whatever_yaml_thinks_of_them() -> None:
    pattern = of_promptsource("{{ q }} ||| {{ answer_choices[0] }}", "yes")
    assert shown(pattern, {"q": "Q"}).targets == ("yes",)
    pattern = of_promptsource("{{ q }} ||| {{ answer_choices[label] }}", "no ||| on ||| 1")
    assert [shown(pattern, {"q": "Q", "label": n}).targets[0] for n in range(3)] == [
        "no",
        "on",
        "1",
    ]


def test_a_row_that_gives_nothing_has_its_reason() -> None:
    pattern = of_promptsource("{% if label %}{{ q }} ||| {{ a }}{% endif %}")
    assert why_not(pattern, {"q": "Q", "a": "A", "label": 0}) == "no_text"
    assert why_not(pattern, {"q": "Q", "a": "", "label": 1}) == "empty_target"
    assert why_not(pattern, {"q": " ", "a": "A", "label": 1}) == "empty_prompt"
    assert why_not(pattern, {"q": "Q", "a": None, "label": 1}) == "missing_value"
    assert why_not(pattern, {"q": "Q", "label": 1}) == "unknown_field"
    assert why_not(of_promptsource("{{ q }}"), {"q": "Q"}) == "no_target"
    assert why_not(of_promptsource("{{ q.a.b.c }} ||| x"), {"q": "Q"}) == "undefined"
    assert why_not(of_promptsource("{{ q + 1 }} ||| x"), {"q": "Q"}) == "error"


def test_a_label_that_is_missing_or_has_no_choice_gives_no_example() -> None:
    pattern = of_promptsource("{{ q }} ||| {{ answer_choices[label] }}", "bad ||| good")
    reasons = [why_not(pattern, {"q": "Q", "label": label}) for label in (-1, 2, None, "good")]
    assert set(reasons) == {"no_label"}
    feature = Feature("label", "class_label", ("neg", "pos"))
    assert shown(pattern, {"q": "Q", "label": "pos"}, [feature]).targets == ("good",)
    turned = of_promptsource("{{ q }} ||| not {{ answer_choices[1 - label] }}", "bad ||| good")
    assert why_not(turned, {"q": "Q", "label": -1}, [feature]) == "no_label"


def test_choice_is_drawn_by_the_row_and_not_when_the_template_is_compiled() -> None:
    pattern = of_promptsource('{{ ["a", "b", "c"] | choice }}{{ q }} ||| {{ [1, 2] | random }}')
    seen = {shown(pattern, {"q": "Q"}, seed=seed) for seed in range(40)}
    assert len(seen) == 6
    assert shown(pattern, {"q": "Q"}, seed=3) == shown(pattern, {"q": "Q"}, seed=3)


def test_highlight_and_most_frequent_are_promptsources() -> None:
    pattern = of_promptsource("{{ q | highlight }} ||| {{ a | most_frequent | join('/') }}")
    found = shown(pattern, {"q": "Q", "a": ["x", "y", "x", "y", "z"]})
    assert found == Rendered("<span style='color: #F08080'>Q</span>", ("x/y",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: [", "is no YAML"),
        ("a: b", "has no 'templates'"),
        ("templates: {}", "holds no template"),
        ("templates: [1]", "templates.yaml:1: is no mapping"),
        (
            "templates:\n  a: !Template\n    name: n",
            "templates.yaml:2: template 'a' has no 'jinja'",
        ),
        ("templates:\n  a: !!python/object:os.system\n    jinja: x", "has the tag"),
        ("templates:\n  a:\n    jinja: [x]", "templates.yaml:3: is no text"),
        ("templates: &a\n  b: *a", "template 'b' has no 'jinja'"),
    ],
)
def test_a_broken_file_of_promptsources_is_told_by_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        patterns_of(text, "templates.yaml")
    assert message in str(error.value)


def test_a_refused_template_is_told_by_file_name_and_line() -> None:
    pattern = of_promptsource("Read.\n{{ q.__class__ }} ||| x")
    with pytest.raises(UserError, match=r"templates.yaml:5: template 'n', line 2: reaches for"):
        shown(pattern, {"q": "Q"})
    with pytest.raises(UserError, match="answer_choices: has the filter 'shout'"):
        shown(of_promptsource("{{ q }} ||| x", "'{{ q | shout }}'"), {"q": "Q"})


# ---------------------------------------------------------------- FLAN's form


def test_flans_own_fields_come_from_the_names_of_labels() -> None:
    (pattern,) = patterns_of('{"d": [["{text}\\n{options_}", "{answer}"]]}', "flan.json")
    feature = Feature("label", "class_label", ("no", "yes"))
    found = shown(pattern, {"text": "T", "label": 1}, [feature])
    assert found == Rendered("T\nOPTIONS:\n- no\n- yes", ("yes",))
    found = shown(pattern, {"text": "T", "options": ["u", "v"], "answer": "v"})
    assert found == Rendered("T\nOPTIONS:\n- u\n- v", ("v",))
    assert why_not(pattern, {"text": "T", "answer": "v"}) == "unknown_field"
    assert why_not(pattern, {"text": "T", "label": -1}, [feature]) == "no_label"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "flan.json:1: not JSON"),
        ("[]", "FLAN's templates are"),
        ('{"d": [["a"]]}', "'d', number 1: is no pair"),
        ('{"d": [["a {", "b"]]}', "a brace without its pair"),
        ('{"d": [["{a.__class__}", "b"]]}', "which is no field"),
        ('{"d": [["{}", "b"]]}', "which is no field"),
    ],
)
def test_a_broken_file_of_flans_is_told(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        [shown(pattern, {"a": "A"}) for pattern in patterns_of(text, "flan.json")]
    assert message in str(error.value)


# ---------------------------------------------------------------- our own form


def test_a_plain_text_shows_labels_by_name_and_fields_of_any_name() -> None:
    text = 'Is it good?\n{{ text }}, {{ who.name }}, {{ row["home.dest"] }}\n\n--- target\n\n{{ label }}\n'
    (pattern,) = patterns_of(text, "question.txt")
    feature = Feature("label", "class_label", ("no", "yes"))
    row = {"text": "T", "who": {"name": "Ada"}, "home.dest": "Rome", "label": 1}
    assert shown(pattern, row, [feature]) == Rendered("Is it good?\nT, Ada, Rome", ("yes",))
    assert pattern.name == "question"
    assert why_not(pattern, {**row, "who": {}}, [feature]) == "undefined"
    assert why_not(pattern, {**row, "label": 7}, [feature]) == "no_label"
    assert why_not(pattern, {**row, "who": {"name": None}}, [feature]) == "missing_value"
    assert why_not(pattern, {**row, "text": ["a", "b"]}, [feature]) == "no_text"


@pytest.mark.parametrize("text", ["no target", "a\n--- target\nb\n--- target\nc"])
def test_a_plain_text_has_one_line_before_its_target(text: str) -> None:
    with pytest.raises(UserError, match="exactly one separates"):
        patterns_of(text, "question.txt")


# ---------------------------------------------------------------- files and datasets


def test_templates_find_their_dataset_by_its_name(tmp_path: Path) -> None:
    one = [of_promptsource("a ||| b"), of_promptsource("c ||| d")]
    flan = patterns_of('{"glue_mrpc": [["a", "b"]], "iris": [["c", "d"]]}', "flan.json")
    plain = patterns_of("a\n--- target\nb", "q.txt")
    offered = [(Named("flan.json"), flan), (Named("q.txt"), plain)]
    assert chosen_for(["glue@mrpc", "glue/mrpc"], offered) == [flan[0], *plain]
    assert chosen_for(["other"], offered) == plain
    assert chosen_for(["other"], [(Named("flan.json"), flan)]) == []
    assert chosen_for(["other"], [(Named("t.yaml"), one)]) == one
    assert chosen_for(["other"], [(Named("flan.json", "other", "iris"), flan)]) == [flan[1]]
    assert chosen_for(["x"], [(Named("q.txt", "other"), plain)]) == []
    (tmp_path / "a=b#c.txt").write_text("a\n--- target\nb")
    for word in (f"{tmp_path}/a=b#c.txt", f"data={tmp_path}/a=b#c.txt"):
        assert Named.of(word).path == f"{tmp_path}/a=b#c.txt"
    assert Named.of(f"data={tmp_path}#iris") == Named(str(tmp_path), "data", "iris")
    with pytest.raises(UserError, match="no such file or folder of templates"):
        Named.of("nowhere.txt")
    assert list(files_of(tmp_path)) == ["a=b#c.txt"]
