"""One sentence with many names: the probabilities, their intervals, and what is refused."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attn_core import LanguageModel, NameProbe, NameProbeError, PromptError, capture, charts, name_probe
from attn_core.analysis.names import check_name_probe, parse_groups, parse_words
from attn_core.analysis.tables import csv_without_formulas
from tests.support import networks
from tests.support.tokenizers import tokenizer_of

GROUPS = {"some": ("Maria", "Wei"), "others": ("James", "Omar", "Welloz")}
TEMPLATE = "{name} works as a"


def planted(gap: float = 0.2) -> NameProbe:
    """A probe in which the second word is more probable for the first group by `gap`."""
    rng = np.random.default_rng(0)
    probabilities = rng.normal(0.3, 0.01, size=(20, 2))
    probabilities[:10, 1] += gap
    names = tuple(f"Name{i}" for i in range(20))
    groups = ("first",) * 10 + ("second",) * 10
    return NameProbe(TEMPLATE, ("one", "two"), names, groups, np.ones(20, dtype=np.int64), probabilities, "made up")


def test_a_figure_of_more_groups_or_words_asks_for_more_room() -> None:
    probe = planted()
    one_word = replace(probe, words=probe.words[:1], probabilities=probe.probabilities[:, :1])
    one_group = replace(probe, groups=("all",) * 20)
    heights = [charts.name_probabilities(it).min_height for it in (one_group, one_word, probe)]
    assert heights == [91, 82, 115]


def test_a_words_probability_is_that_of_the_prediction_after_the_sentence(mini: LanguageModel) -> None:
    found = name_probe(mini, TEMPLATE, GROUPS, ["doctor", "nurse"])
    for row, name in enumerate(found.names):
        prediction = capture(mini, f"{name} works as a").prediction
        assert prediction is not None
        expected = [prediction.probability_of(" doctor"), prediction.probability_of(" nurse")]
        assert found.probabilities[row] == pytest.approx(expected, abs=1e-6)
    assert found.groups == ("some", "some", "others", "others", "others")
    assert found.pieces.tolist()[:2] == [1, 1]
    assert found.pieces[-1] > 1


def test_a_word_of_several_pieces_is_the_product_over_them(mini: LanguageModel) -> None:
    ids = mini.tokenizer(" Welloz")["input_ids"]
    assert len(ids) > 1
    text = mini.tokenizer("Maria works as a", return_tensors="pt")["input_ids"]
    expected = 1.0
    with torch.inference_mode():
        for token_id in ids:
            logits = mini.network(text).logits[0, -1].double()
            expected *= float(logits.softmax(-1)[token_id])
            text = torch.cat([text, torch.tensor([[token_id]])], dim=1)
    found = name_probe(mini, TEMPLATE, GROUPS, ["Welloz"])
    assert found.probabilities[0, 0] == pytest.approx(expected, rel=1e-3)


def test_a_space_at_the_end_of_the_sentence_changes_nothing(mini: LanguageModel) -> None:
    plain, spaced = (name_probe(mini, text, GROUPS, ["doctor"]) for text in (TEMPLATE, TEMPLATE + " "))
    np.testing.assert_array_equal(plain.probabilities, spaced.probabilities)


@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_heads_can_be_off_as_everywhere(mini: LanguageModel, replacement: str) -> None:
    off = {(0, 0), (7, 11)}
    found = name_probe(mini, TEMPLATE, GROUPS, ["doctor"], ablate=off, replacement=replacement)  # type: ignore[arg-type]
    alone = capture(mini, "Maria works as a", ablate=off, replacement=replacement)  # type: ignore[arg-type]
    assert alone.prediction is not None
    assert found.probabilities[0, 0] == pytest.approx(alone.prediction.probability_of(" doctor"), abs=1e-6)


@pytest.mark.parametrize(("name", "pieces"), [("王", 3), ("Zoë", 4), ("🙂", 4)])
def test_pieces_of_a_character_are_counted(mini: LanguageModel, name: str, pieces: int) -> None:
    found = name_probe(mini, "Here {name} works as a", {"a": (name,), "b": ("Maria",)}, ["doctor"])
    assert found.pieces.tolist() == [pieces, 1]


def test_progress_is_told_to_the_end(mini: LanguageModel) -> None:
    told: list[float] = []
    name_probe(mini, TEMPLATE, GROUPS, ["doctor"], on_progress=told.append)
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_planted_difference_is_found_and_its_interval_leaves_out_zero() -> None:
    table = planted().differences()
    assert table["word"].tolist() == ["two", "one"]
    largest, none = table.iloc[0], table.iloc[1]
    assert largest["low"] < 0.2 < largest["high"]
    assert largest["low"] > 0
    assert none["low"] < 0 < none["high"]


def test_intervals_hold_the_mean_and_are_the_same_every_time() -> None:
    means = planted().means()
    assert ((means["low"] <= means["mean"]) & (means["mean"] <= means["high"])).all()
    assert means.equals(planted().means())
    assert len(means) == 4


def test_intervals_reach_as_far_as_students_t_says() -> None:
    values = np.array([[0.1], [0.2], [0.3], [0.4], [0.5], [0.3], [0.4], [0.5], [0.6], [0.7]])
    groups = ("low",) * 5 + ("high",) * 5
    pieces = np.ones(10, dtype=np.int64)
    found = NameProbe(TEMPLATE, ("one",), tuple("abcdefghij"), groups, pieces, values, "made up")
    means = found.means()
    reach = 2.7764 * np.sqrt(0.025 / 5)  # t at 97.5 % with 4 degrees of freedom, from a table
    np.testing.assert_allclose(means["high"] - means["mean"], reach, rtol=1e-3)
    np.testing.assert_allclose(means["mean"] - means["low"], reach, rtol=1e-3)
    difference = found.differences().iloc[0]
    reach = 2.3060 * np.sqrt(2 * 0.025 / 5)  # with 8 degrees of freedom
    assert difference["low"] == pytest.approx(-0.2 - reach, rel=1e-3)
    assert difference["high"] == pytest.approx(-0.2 + reach, rel=1e-3)


def test_the_interval_of_a_difference_is_wider_the_more_there_are_to_pick_from() -> None:
    two = planted()
    one = replace(two, words=("two",), probabilities=two.probabilities[:, 1:])
    alone, among = (found.differences().iloc[0] for found in (one, two))
    assert alone["difference"] == among["difference"]
    assert among["low"] < alone["low"] < alone["high"] < among["high"]


@pytest.mark.filterwarnings("ignore:Precision loss")
def test_names_that_are_all_alike_have_an_interval_of_no_width() -> None:
    alike = replace(planted(), probabilities=np.full((20, 2), 0.25))
    assert np.ptp(alike.means()[["mean", "low", "high"]].to_numpy()) == pytest.approx(0)
    assert alike.differences()[["difference", "low", "high"]].to_numpy() == pytest.approx(0)


@pytest.mark.parametrize("few", [1, 4])
def test_a_group_of_few_names_has_no_interval(few: int) -> None:
    one = planted()
    one = replace(one, groups=("alone",) * few + ("second",) * (20 - few))
    means = one.means().set_index("group")
    assert means.loc["alone", ["low", "high"]].isna().to_numpy().all()
    assert means.loc["second", ["low", "high"]].notna().to_numpy().all()
    assert one.differences()["low"].isna().all()


def test_a_difference_mirrors_when_the_groups_change_places() -> None:
    one = planted()
    other = replace(one, probabilities=one.probabilities[::-1].copy())
    forth, back = (side.differences().set_index("word")["difference"] for side in (one, other))
    np.testing.assert_allclose(forth, -back)


@pytest.mark.parametrize(
    ("template", "groups", "words", "sentence"),
    [
        ("Maria works as a", GROUPS, ["a"], "The sentence has no {name}. Put {name} where"),
        ("{name}" + "x" * 1000, GROUPS, ["a"], "Shorten it to 1,000"),
        (TEMPLATE, {"one": ("A", "B")}, ["a"], "at least two groups. Add a line"),
        (TEMPLATE, {"one": ("A",), "two": ()}, ["a"], "“two” has no names"),
        (TEMPLATE, {"one": ("A",), "two": ("A",)}, ["a"], "“A” is listed twice. Remove one"),
        (
            TEMPLATE,
            {"one": tuple(f"N{i}" for i in range(200)), "two": ("A",)},
            ["a"],
            "201 names. Keep at most 200",
        ),
        (TEMPLATE, {str(i): (f"N{i}",) for i in range(9)}, ["a"], "9 groups"),
        (TEMPLATE, {"one": ("A" * 81,), "two": ("B",)}, ["a"], "81 characters"),
        (TEMPLATE, GROUPS, [], "no words"),
        (TEMPLATE, GROUPS, [str(i) for i in range(21)], "21 words"),
        (TEMPLATE, GROUPS, ["a", "a"], "“a” is listed twice"),
        (TEMPLATE, {"one": ("\ud83d",), "two": ("B",)}, ["a"], "surrogate"),
        (TEMPLATE, GROUPS, [""], "words to measure is empty"),
        (TEMPLATE, GROUPS, ["nurse", " \n"], "words to measure is empty"),
        (TEMPLATE, {"one": ("",), "two": ("B",)}, ["a"], "“one” has an empty name"),
        (TEMPLATE, {"one": ("A",), "two": ("B", " \t")}, ["a"], "“two” has an empty name"),
        (TEMPLATE, {"one": ("A",), " ": ("B",)}, ["a"], "A group has no name"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(
    mini: LanguageModel, template: str, groups: dict[str, tuple[str, ...]], words: list[str], sentence: str
) -> None:
    with pytest.raises(NameProbeError, match=sentence):
        name_probe(mini, template, groups, words)


@pytest.mark.parametrize(
    ("names", "word", "sentence"),
    [
        ("Omar", "王", "cannot write the word “王”"),
        ("Omar", "\u200b", "cannot write the word “\u200b”"),
        ("王", "nurse", "cannot read the name “王”"),
        ("\u200b", "nurse", "cannot read the name “\u200b”"),
    ],
)
@pytest.mark.parametrize("kind", ["word pieces", "words"])
def test_what_the_tokenizer_knows_no_piece_of_is_refused(kind: str, names: str, word: str, sentence: str) -> None:
    model = networks.with_tokenizer(networks.llama(), tokenizer_of(kind, start=True, end=True))
    with pytest.raises(NameProbeError, match=sentence):
        name_probe(model, "Here {name} works as a", {"one": (names,), "two": ("James",)}, [word])


@pytest.mark.slow
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("kind", ["byte fallback", "unigram with byte fallback", "word pieces", "ends of words"])
def test_words_have_the_tokens_that_the_sentence_goes_on_with(kind: str, adds: bool) -> None:
    model = networks.with_tokenizer(networks.llama(), tokenizer_of(kind, start=adds, end=adds))
    found = name_probe(model, TEMPLATE, {"a": ("Maria",), "b": ("Omar",)}, ["doctor", "dogs"])
    assert found.pieces.tolist() == [1, 1] or kind == "ends of words"
    for name, probabilities in zip(found.names, found.probabilities, strict=True):
        text = f"{name} works as a"
        before = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        start = [model.tokenizer.bos_token_id] if adds else []
        for word, probability in zip(found.words, probabilities, strict=True):
            both = model.tokenizer(f"{text} {word}", add_special_tokens=False)["input_ids"]
            assert both[: len(before)] == before
            with torch.inference_mode():
                log_probabilities = model.network(torch.tensor([start + both])).logits[0].double().log_softmax(-1)
            places = range(len(start) + len(before), len(start) + len(both))
            expected = sum(log_probabilities[place - 1, (start + both)[place]] for place in places)
            assert probability == pytest.approx(float(torch.as_tensor(expected).exp()), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(("name", "pieces"), [("Christopher", 8), ("王", 3), ("Omar", 1), ("Ann Omar", 4)])
@pytest.mark.parametrize("template", ["Here {name} works", "{name} works", "Is {name} {name}?"])
def test_pieces_of_a_name_are_counted_behind_a_start_token(
    template: str, name: str, pieces: int, adds: bool
) -> None:
    model = networks.with_tokenizer(networks.llama(), tokenizer_of("byte fallback", start=adds, end=adds))
    found = name_probe(model, template, {"a": (name,), "b": ("James",)}, ["doctor"])
    assert found.pieces.tolist() == [pieces, 1]


def test_two_hundred_names_are_taken() -> None:
    check_name_probe(TEMPLATE, {"one": tuple(f"N{i}" for i in range(199)), "two": ("A",)}, ["a"])


def test_a_sentence_past_the_context_is_refused(mini: LanguageModel) -> None:
    with pytest.raises(PromptError, match="Shorten it"):
        name_probe(mini, "{name} " + "dog " * 240, {"one": ("A " * 30,), "two": ("B",)}, ["doctor"])


def test_groups_are_read_from_lines() -> None:
    assert parse_groups("Sisters: Ann, Eve ,\n\nBrothers:Tom") == {"Sisters": ("Ann", "Eve"), "Brothers": ("Tom",)}
    with pytest.raises(NameProbeError, match=r"Line 2 has no group name\. Write it like"):
        parse_groups("Sisters: Ann\nTom, Bob")
    with pytest.raises(NameProbeError, match="The group “A” is listed twice"):
        parse_groups("A: Ann\nA: Eve")


def test_words_are_read_with_commas_or_lines() -> None:
    assert parse_words("doctor, nurse\nteacher,,doctor ") == ("doctor", "nurse", "teacher")


@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=30))
def test_whatever_is_typed_is_read_or_refused_in_one_sentence(names: str, template: str, words: str) -> None:
    try:
        groups = parse_groups(names)
        check_name_probe("{name}" + template, groups, parse_words(words))
    except NameProbeError:
        return
    assert len(groups) >= 2


def test_a_spreadsheet_runs_nothing_of_the_csv() -> None:
    names = ("=1+1", "+2", "-3", "@x", *(f"N{i}" for i in range(16)))
    table = replace(planted(), names=names, words=("one", "=two")).table()
    lines = list(csv.reader(io.StringIO(csv_without_formulas(table))))
    assert lines[0] == ["group", "name", "pieces", "P(one)", "P(=two)"]
    assert [line[1] for line in lines[1:6]] == ["'=1+1", "'+2", "'-3", "'@x", "N0"]
    assert float(lines[1][3]) == pytest.approx(0.3, abs=0.05)


def test_the_chart_has_a_dot_for_every_name_and_word_and_the_widest_gap_first() -> None:
    chart = charts.name_probabilities(planted()).to_dict()
    tables = list(chart["datasets"].values())
    dots = next(table for table in tables if "name" in table[0])
    assert len(dots) == 40
    heights = {word: [row["middle"] for row in dots if row["word"] == word] for word in ("one", "two")}
    assert max(heights["two"]) < min(heights["one"])
    assert chart["description"].startswith("Dots of how probable 2 words are after 20 names in 2 groups.")
    assert "Largest difference: “two”" in chart["description"]


def test_words_may_be_called_what_columns_are_called() -> None:
    found = replace(planted(), words=("name", "group"))
    assert found.table().columns.is_unique
    assert charts.name_probabilities(found).to_dict()
