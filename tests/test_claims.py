"""common/claims: rules, verdicts, measures, what is kept of a run, tables, and the claims of this repository."""

import importlib
import json
import re
import shlex

import numpy as np
import pytest
from conftest import ROOT

from common import options
from common.claims import measures, results, rows, tables, verdicts
from common.claims.__main__ import RUNS, main, trainings
from common.claims.rows import Claim, Rule, parse
from common.errors import UserError


def claim(rule, **values):
    return Claim(**{"id": "x", "claim": "A beats B.", "where": "s", "reported": "by eye", "folder": "hw4_acgan",
                    "measure": "score", "rule": parse(rule)} | values)


# ---- rules and verdicts ----


@pytest.mark.parametrize(("text", "rule"), [
    ("a > b by 0.05", Rule("a", ">", "b", 0.05)), ("a < 0.5 by 0", Rule("a", "<", 0.5, 0.0)),
    ("wgan_gp_text/report ~ b by 2", Rule("wgan_gp_text/report", "~", "b", 2.0)),
    ("a is one image for everything", Rule("a", "is", "one image for everything")),
    ("a > b", None), ("a beats b by 1", None), ("", None)])
def test_rules_from_their_text(text, rule):
    assert parse(text) == rule


def seeds(*values):
    return dict(enumerate(values))


TRUE, FALSE = seeds(0.9, 0.8, 0.85), seeds(0.5, 0.6, 0.55)


@pytest.mark.parametrize(("rule", "a", "b", "word"), [
    ("a > b by 0.1", TRUE, FALSE, "holds"), ("a < b by 0.1", FALSE, TRUE, "holds"),
    ("a > b by 0.1", FALSE, TRUE, "holds not"),
    ("a > b by 0.1", TRUE, seeds(0.88, 0.81, 0.85), "holds not"),             # a tie, and a difference was claimed
    ("a > b by 0.1", seeds(0.9, 0.2, 0.7), seeds(0.3, 0.8, 0.5), "undecided"),  # noise
    ("a > b by 0.4", TRUE, FALSE, "holds not"),                                # one side, but all within what counts
    ("a > b by 0.3", seeds(0.9, 0.8, 0.5), seeds(0.4, 0.6, 0.45), "undecided"),  # one side, the mean within it
    ("a ~ b by 0.1", TRUE, seeds(0.88, 0.81, 0.85), "holds"), ("a ~ b by 0.1", TRUE, FALSE, "holds not"),
    ("a ~ b by 0.1", seeds(0.9, 0.2, 0.7), seeds(0.3, 0.8, 0.5), "undecided"),
    ("a > 0.5 by 0.1", TRUE, {}, "holds"), ("a > 0.5 by 0.1", seeds(0.1, 0.2, 0.3), {}, "holds not"),
    ("a is diverse", seeds(*["diverse"] * 3), {}, "holds"),
    ("a is diverse", seeds(*["collapsed"] * 3), {}, "holds not"),
    ("a is diverse", seeds("diverse", "collapsed", "diverse"), {}, "undecided")])
def test_verdicts(rule, a, b, word):
    assert verdicts.of(claim(rule), {"a": a, "b": b}).word == word


def test_a_verdict_changes_when_a_number_does():
    values = {"a": dict(TRUE), "b": dict(FALSE)}
    assert verdicts.of(claim("a > b by 0.1"), values).word == "holds"
    values["a"][1] = 0.5
    assert verdicts.of(claim("a > b by 0.1"), values).word == "undecided"


def test_differences_are_taken_seed_by_seed_and_seeds_that_one_run_lacks_do_not_count():
    found = verdicts.of(claim("a > b by 0.1"), {"a": {0: 1.0, 2: 3.0, 5: 9.0}, "b": {2: 1.0, 0: 0.5, 1: 7.0}})
    assert (found.word, found.seeds, found.differences) == ("not tested", 2, [0.5, 2.0])
    assert found.why == "2 of 3 seeds were run"
    assert verdicts.of(claim("a > b by 0.1", seeds=2), {"a": {0: 1.0, 2: 3.0}, "b": {2: 1.0, 0: 0.5}}).word == "holds"


@pytest.mark.parametrize(("rule", "values", "word"), [
    ("a > 0.5 by 0.1", TRUE, "holds"),                         # passed already
    ("a > 0.5 by 0.1", seeds(0.1, 0.2, 0.3), "undecided"),      # it may come
    ("a ~ 0.8 by 0.2", TRUE, "undecided"), ("a ~ 0.2 by 0.1", TRUE, "undecided"),  # it may pass by
    ("a is collapsed", seeds(*["collapsed"] * 3), "undecided")])
def test_short_runs_decide_of_the_end_of_a_training_only_that_a_level_is_passed(rule, values, word):
    short = verdicts.of(claim(rule, end=True), {"a": values}, share=0.49)
    assert short.word == word
    assert short.why == ("" if word == "holds" else "the claim is about the end of a training")
    finished, other = (verdicts.of(claim(rule, end=end), {"a": values}, share=share) for end, share in
                       ((True, 0.5), (False, 0.04)))
    assert finished.word == other.word != "undecided"


def test_accuracies_at_chance_decide_nothing():
    low = {"a": seeds(0.08, 0.09, 0.1), "b": seeds(0.08, 0.08, 0.09)}
    found = verdicts.of(claim("a > b by 0.05"), low, chance=0.08)
    assert (found.word, found.why) == ("undecided", "no run is above chance")
    assert verdicts.of(claim("a > b by 0.05"), low | {"a": seeds(0.08, 0.09, 0.12)}, chance=0.08).word == "holds not"
    assert verdicts.of(claim("a > 0.5 by 0.1"), low, chance=0.08).word == "holds not"
    kept = {"metrics": {"condition_accuracy": {"chance": {"hair": 0.08}}, "frechet": {"chance": {"fake": 1.0}}}}
    assert measures.chance(kept, "condition_accuracy.hair") == 0.08
    assert measures.chance(kept, "frechet.fake") is None


def test_a_claim_without_a_rule_is_not_tested_and_says_why():
    found = verdicts.of(claim("", untested="no such data"), {})
    assert (found.word, found.why) == ("not tested", "no such data")


def test_values_in_words():
    found = verdicts.of(claim("a > b by 0.1"), {"a": seeds(1.0, 2.0, 3.0), "b": seeds(0.5, 0.5, 0.5)})
    assert found.here() == "a 2 +- 1, b 0.5 +- 0"
    assert verdicts.spread(["diverse", "collapsed", "diverse"]) == "diverse (2 of 3), collapsed (1 of 3)"


# ---- measures ----


KEPT = {"metrics": {"frechet": {"fake": 0.25, "n": 3}, "diversity": {"verdict": "diverse"}, "flag": True},
        "log": {"step": list(range(10, 310, 10)), "g": [float(k) for k in range(30)], "d": [10.0] * 30},
        "check": {"step": [100, 200], "hair": [0.5, 0.75]}}


@pytest.mark.parametrize(("measure", "value"), [
    ("frechet.fake", 0.25), ("frechet.n", 3.0), ("diversity.verdict", "diverse"), ("frechet", None), ("flag", None),
    ("no.such", None), ("log last: g", 28.0), ("log mean: g > d", 19 / 30), ("log mean: g + 2 * d", 34.5),
    ("log rise: g", 10.0), ("log spread: g", np.std(range(15, 30))), ("log step: g > d", 140.0),  # mean of 9 to 13
    ("log step: g > 100", 301.0), ("log last: other", None), ("check last: hair", 0.75),
    ("check step: hair > 0.6", 200)])
def test_measures_by_hand(measure, value):
    assert measures.value(KEPT, measure) == (value if value is None or isinstance(value, str) else pytest.approx(value))


def test_a_run_without_logs_has_no_measure_of_them():
    assert measures.value({"metrics": {}, "log": {}, "check": {}}, "check last: hair") is None


# ---- what is kept, and the tables ----


CLAIMS = {"runs": {"a": "python hw4_acgan/train.py --preset quick", "b": "python hw4_acgan/train.py --lr 1"},
          "claims": [{"id": "one", "claim": "A | B.", "where": "section 1", "reported": "by eye", "measure": "score",
                      "rule": "a > b by 0.1"},
                     {"id": "two", "claim": "C.", "where": "section 2", "reported": "60%", "untested": "no data"}]}
PAGES = "README.md", "docs/claims.md", "hw4_acgan/README.md"


@pytest.fixture
def root(tmp_path):
    """A repository with two claims and the results of three seeds."""
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text(f"before\n{tables.BEGIN}\n{tables.END}\nafter\n")
    (tmp_path / "hw4_acgan" / "claims.json").write_text(json.dumps(CLAIMS))
    for run, values in (("a", TRUE), ("b", FALSE)):
        for seed, value in values.items():
            keep(tmp_path, run, seed, value)
    return tmp_path


def keep(root, run, seed, value, command=None):
    path = results.place("embedded", "hw4_acgan", run, seed, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"command": command or CLAIMS["runs"][run], "images": 25_600, "share": 0.04,
                                "minutes": 3.0, "metrics": {"score": value}, "log": {}, "check": {}}))


def test_pages_have_the_tables_and_an_edited_verdict_is_noticed(root):
    found = tables.rows(rows.read(root), root=root)
    assert tables.write(found, root, check=True) == [root / page for page in PAGES]
    tables.write(found, root)
    text = (root / "docs" / "claims.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "| one | A &#124; B. | section 1 | by eye | score: a 0.85 +- 0.05, b 0.55 +- 0.05; difference +0.3 " \
           "+- 0.1; to hold: a above b by more than 0.1; n 3 | 3.0 min, 25,600 images, 4.0% of the report's " \
           "| **holds** | `python -m common.claims run one` |" in text
    assert "| two | C. | section 2 | 60% | no data | - | **not tested** |  |" in text
    assert "Of 2 claims: 1 hold, 0 hold not, 0 undecided, 1 not tested." in (root / "README.md").read_text()
    assert tables.write(found, root, check=True) == []
    readme = root / "hw4_acgan" / "README.md"
    readme.write_text(readme.read_text().replace("**holds**", "**holds not**"))
    assert tables.write(found, root, check=True) == [readme]


def test_the_most_surprising_claims_come_first(root):
    for seed, value in TRUE.items():
        keep(root, "b", seed, value + 0.5)
    refuted = tables.rows(rows.read(root), root=root)
    assert [row.claim.id for row in tables.surprising(refuted)] == ["one"]
    assert "**holds not**, after 4.0% of the images" in tables.pages(refuted, root)[root / "README.md"]


def test_a_page_without_marks_is_named(root):
    (root / "docs" / "claims.md").write_text("nothing")
    with pytest.raises(UserError, match=r"docs/claims.md: the marks .* are gone"):
        tables.write(tables.rows(rows.read(root), root=root), root)


def test_a_result_of_another_command_does_not_count(root, capsys):
    keep(root, "b", 2, 0.5, command="python hw4_acgan/train.py --lr 2")
    (one, _) = tables.rows(rows.read(root), root=root)
    assert (one.verdict.word, one.verdict.seeds) == ("not tested", 2)
    assert "seed_2.json does not count: claims.json has another command" in capsys.readouterr().out


@pytest.mark.parametrize(("change", "message"), [
    ({"rule": "a > c by 1"}, "claim one compares c, which is not among the runs"),
    ({"rule": "a > b"}, "its rule is none"),
    ({"measure": ""}, "has no measure"), ({"id": "two"}, "several claims have the id two")])
def test_damaged_claims_are_named(root, change, message):
    changed = json.loads(json.dumps(CLAIMS))
    changed["claims"][0] |= change
    (root / "hw4_acgan" / "claims.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match=message):
        rows.read(root)


def finish(run, command):
    """A finished run folder."""
    run.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps({"steps": 100, "precision": "float32", "score": 1, "judge": {"a": 1}}))
    (run / "config.json").write_text(json.dumps({"pace": {"images_per_step": 16, "steps_per_epoch": 50},
                                                 "data_folder": "embedded", "revisions": ["abc"], "command": command}))
    (run / "log.csv").write_text("step,g\n" + "".join(f"{k},{k % 2}\n" for k in range(1, 601)))
    (run / "timing.csv").write_text("time,step,seconds_per_step,images_per_second\nx,50,0.3,9\nx,100,0.6,9\n")


def test_a_finished_run_is_kept_with_its_budget(tmp_path):
    run, target = tmp_path / "run", tmp_path / "kept" / "seed_0.json"
    assert not results.collect(run, "python hw4_acgan/train.py", target)
    finish(run, "python hw4_acgan/train.py --lr 1 --seed 0 --out x")
    assert results.collect(run, "python hw4_acgan/train.py --lr 1", target)
    kept = json.loads(target.read_text())
    assert (kept["images"], kept["minutes"], kept["metrics"]) == (1600, 1.0, {"steps": 100, "precision": "float32",
                                                                             "score": 1})
    assert kept["share"] == 1600 / (10_000 * 64)  # the report's ACGAN
    assert kept["log"]["step"][:2] == [1.5, 3.5] and kept["log"]["g"] == [0.5] * 300 and kept["check"] == {}
    assert results.is_kept(target, "python hw4_acgan/train.py --lr 1")
    assert not results.is_kept(target, "python hw4_acgan/train.py")
    assert not results.collect(run, "python hw4_acgan/train.py --lr 2", target), "claims.json has changed since"


def test_a_quick_run_of_the_default_seed_counts_too(tmp_path):
    finish(tmp_path / "run", "python hw4_acgan/train.py --preset quick")
    assert results.collect(tmp_path / "run", "python hw4_acgan/train.py --preset quick", tmp_path / "seed_0.json")


@pytest.mark.parametrize(("name", "text"), [("config.json", "{"), ("config.json", "{}"), ("timing.csv", None),
                                            ("metrics.json", '{"steps": 100}'), ("log.csv", "step,g\n1,x\n")])
def test_a_damaged_run_is_named_and_does_not_count(tmp_path, capsys, name, text):
    finish(tmp_path / "run", "python hw4_acgan/train.py --seed 0")
    (tmp_path / "run" / name).unlink()
    if text is not None:
        (tmp_path / "run" / name).write_text(text)
    assert not results.collect(tmp_path / "run", "python hw4_acgan/train.py", tmp_path / "kept.json")
    assert not (tmp_path / "kept.json").exists()
    moved_aside = results.is_of_another_command(tmp_path / "run", "python hw4_acgan/train.py")
    assert moved_aside == (name == "config.json")
    assert moved_aside or "does not count: it cannot be read" in capsys.readouterr().out


def test_an_epoch_is_one_of_the_reports_data():
    pace = {"images_per_step": 16, "steps_per_epoch": 375}
    assert results.images_of_the_report("python wgan_gp_text/train.py --epochs 1", pace) == 500 * 33_431
    assert results.images_of_the_report("python cyclegan_style/train.py", pace) == 10 * 375 * 16


def test_shared_runs_are_made_once_seed_by_seed():
    shared = {"a": ("hw4_acgan", "a", "python a"), "b": ("hw4_acgan", "b", "python b")}
    lines = list(trainings([claim("a > b by 1", runs=shared, seeds=2), claim("a > 1 by 1", runs={"a": shared["a"]})],
                           None, None))
    assert lines == [f"python {run} --seed {seed} --out {RUNS}/embedded/hw4_acgan/{run}/seed_{seed}"
                     for run, seed in (("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2))]


# ---- the claims of this repository ----


def test_every_command_parses_and_names_its_report():
    for folder in rows.REPORTS:
        for name, command in json.loads((ROOT / folder / "claims.json").read_text())["runs"].items():
            script, *words = shlex.split(command.removeprefix("python "))
            module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
            config = options.parse(module.Config, words)
            assert folder == config.FOLDER and re.fullmatch(r"[a-z0-9_]+", name)


@pytest.mark.long
@pytest.mark.parametrize("command", sorted({command for one in rows.read() for *_, command in one.runs.values()}))
def test_every_command_trains_and_draws_its_curves(command, script, tmp_path):
    words = shlex.split(command)[1:]
    short = ["--preset", "smoke", "--steps", 2, "--batch-size", 2, "--sample-every", 1, "--no-evaluate"]
    script(*words, *short, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "curves.png").exists()


def test_there_are_as_many_claims_as_the_reports_make_and_each_run_is_used():
    claims = rows.read()
    assert len(claims) >= 45
    used = {(folder, run) for one in claims for folder, run, _ in one.runs.values()}
    for folder in rows.REPORTS:
        assert {run for place, run in used if place == folder} == \
            set(json.loads((ROOT / folder / "claims.json").read_text())["runs"])


def test_the_tables_are_what_the_results_give(capsys):
    assert main(["table", "--check"]) == 0, capsys.readouterr().out


def test_data_that_would_count_as_embedded_are_refused(tmp_path, capsys):
    assert main(["run", "000-hair", "--data", str(tmp_path / "embedded")]) == 2
    assert "would count as those of the embedded sets; rename it" in capsys.readouterr().err


def test_an_unknown_claim_is_one_line(capsys):
    assert main(["run", "no-such"]) == 2
    assert capsys.readouterr().err.startswith("claims: there is no claim no-such; ")
