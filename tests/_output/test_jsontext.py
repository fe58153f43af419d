"""JSON is found in the answers of models, at a cost that is bounded by the length of the text."""

import json
import sys

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from declarai_like._output.jsontext import candidates, json_error

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)
CONTAINERS = st.lists(JSON) | st.dictionaries(st.text(), JSON)
PROSE = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="[]{}"))
WORDS = PROSE.filter(lambda text: "```" not in text and "~~~" not in text)
WRITTEN = st.builds(json.dumps, CONTAINERS, indent=st.sampled_from([None, 2]), ensure_ascii=st.booleans())


def same(left, right):
    return json.dumps(left) == json.dumps(right)  # NaN is not equal to itself


@given(JSON, st.sampled_from([None, 1, "\t"]), st.sampled_from(["", " ", "\n\r\t "]))
@settings(deadline=None)
def test_a_text_that_is_json_is_the_only_candidate(value, indent, around):
    text = json.dumps(value, indent=indent)
    assert list(candidates(f"{around}{text}{around}")) == [text]


@given(WORDS, WRITTEN, WORDS)
@example('"', "[]", '"')
@example('He said "', "[1]", '"')
@settings(deadline=None)
def test_json_in_prose_is_found_and_equals_what_json_loads_gives(before, text, after):
    answer = f"{before}{text}{after}"
    assume(not answer.strip().startswith('"') or not is_json(answer))  # between quotes it is a string, and not prose
    (found,) = candidates(answer)
    assert same(json.loads(found), json.loads(text))


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.slow
@given(st.lists(st.tuples(WORDS, WRITTEN), max_size=4))
@settings(deadline=None)
def test_each_of_several_is_found_in_turn_and_no_value_inside_them(parts):
    text = "".join(f"{words} {text}" for words, text in parts) + "."
    assert list(candidates(text)) == [text for _, text in parts]


@given(
    WORDS,
    JSON,
    st.sampled_from(["```", "```json", "``` JSON", "  ```", "~~~"]),
    st.sampled_from(["\n", "\n\n", "\r\n"]),
)
@settings(deadline=None)
def test_any_json_in_a_code_fence_is_found_first(words, value, fence, end):
    text = json.dumps(value, indent=2)
    answer = f'{words}\n{{"a": "draft"}}{end}{fence}{end}{text}{end}{fence.rstrip(" JSONjson")}{end}Done.'
    found = list(candidates(answer))
    assert same(json.loads(found[0]), value)
    assert len(found) == 2 or isinstance(value, str)  # the text in a string may be JSON as well


@given(st.text() | st.text(alphabet='[]{}",:1 `\n\\'))
@settings(deadline=None)
def test_all_that_is_found_is_json_and_part_of_the_text(text):
    for found in candidates(text):
        json.loads(found)
        assert found in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("no JSON", []),
        ("5", ["5"]),
        ("The answer is 5.", []),
        ('[he said] {"a": 1}', ['{"a": 1}']),
        ('[1] says {"a": 1}', ["[1]", '{"a": 1}']),
        ('[1 of 3] {"a": 1}', ['{"a": 1}']),
        ('[true story] {"a": 1}', ['{"a": 1}']),
        ('{name} is {"a": 1}', ['{"a": 1}']),
        ('f(x) = [x {"a": 1}', ['{"a": 1}']),
        ('```json\n{"a": 1}', ['{"a": 1}']),
        ('```{"a": 1}```', ['{"a": 1}']),
        ('```json\n{"a": "```"}\n```', ['{"a": "```"}']),
        ('{"a": "}{"} ]', ['{"a": "}{"}']),
        ("{'a': 1}", []),
        ("[NaN, -Infinity, 1e5, -0.5]", ["[NaN, -Infinity, 1e5, -0.5]"]),
    ],
)
def test_brackets_of_other_kinds_are_prose(text, found):
    assert list(candidates(text)) == found


@pytest.mark.parametrize(
    "broken",
    [
        '{"name": "root", "children": [{"name": "leaf", "children": []}',
        '{"name": "root" "child": {"name": "leaf"}}',
        '{"name": "root", "child": {"name": "leaf"},}',
        '[{"name": "root"}, {"name": "leaf"}',
        '["abc {} ',
        "[[1], [2], 3",
        '{"a": [1, 2], "b": oops}',
    ],
)
def test_of_broken_json_no_part_is_taken_for_the_answer(broken):
    assert list(candidates(broken)) == []
    assert list(candidates(f"Here: {broken}")) == []
    assert "line 1" in (json_error(f"Here: {broken}") or "")


def test_what_comes_after_broken_json_is_found():
    assert list(candidates('First [1, oops] then {"a": [2]}')) == ['{"a": [2]}']


@pytest.mark.parametrize("fence", ["```", "~~~", "```json", " \t```", "  ~~~ js"])
@pytest.mark.parametrize(
    "broken",
    ['{"a": [1, 2', '["never closed', '{"a": "]}', '{"a": oops {"a": 0}', "[[[{", '["\\"', '{"a": "\\', "[1, 2 `` [3]"],
)
def test_broken_json_ends_at_a_fence_at_the_latest(broken, fence):
    (marks,) = {"```", "~~~"} & {fence.strip()[:3]}
    assert list(candidates(f'Draft: {broken}\n{fence}\n{{"a": 1}}\n{marks}')) == ['{"a": 1}']  # where it begins
    assert list(candidates(f'{fence}\n{broken}\n{marks}\nThen {{"a": 1}}.')) == ['{"a": 1}']  # and where it ends


@pytest.mark.parametrize("marks", ["``", "`` `", "x ```", "\\```", "\x0c```", "~~`"])
def test_marks_that_are_not_a_fence_do_not_end_broken_json(marks):
    assert list(candidates(f'Draft: {{"a": [1, 2\n{marks}\n{{"a": 1}}')) == []


def test_a_fence_ends_only_the_broken_json_before_it():
    text = '[1, oops {"a": 0}\n```\n[2, oops {"a": 1}] {"a": 2}\n```\n{"a": 3} [3, oops'
    assert list(candidates(text)) == ['{"a": 2}', '{"a": 3}']


def test_marks_of_a_fence_inside_a_string_of_complete_json_do_not_end_it():
    assert list(candidates('Here: {"a": "```", "b": ["~~~"]}')) == ['{"a": "```", "b": ["~~~"]}']


@pytest.mark.parametrize("word", ['{"a": 0}', "[0]", "[note]", '{"a"', "["])
def test_a_fence_with_json_in_its_own_line_is_not_around_other_json_alone(word):
    text = f'{{"a": 1}}\n```json {word}\n{{"a": 2}}\n```'
    assert next(candidates(text)) == '{"a": 1}'


@pytest.mark.parametrize("words", ["json", "{.json}", "{name}", "json (draft) <1>", "[x]"])
def test_a_fence_with_other_words_in_its_own_line_is_found_first(words):
    assert list(candidates(f'{{"a": 1}}\n```{words}\n{{"a": 2}}\n```')) == ['{"a": 2}', '{"a": 1}']


def test_the_error_of_broken_json_has_its_position():
    assert json_error('Here:\n{"a": 1\n "b": 2}') == "Expecting ',' delimiter at line 3, column 2"
    assert json_error("[" * 100_000) == "it is nested too deeply"
    assert json_error("no JSON") is None
    assert json_error("Here: []") is None


def test_a_number_may_have_any_length():
    text = "[" + "7" * 10_000 + "]"
    assert list(candidates(f"Here: {text}")) == [text]


HOSTILE = ["[", "{", "[[", "[{", '{"a":', '["', '["\\"', "[1,", "[t", "[x", "[1 x]", '["a",x]', "[ ", '"', '\\"', "```\n", "```\n[t\n", "~~~\n```\n", "```\n\n", "{}", "[]x", "[1x\n```\n", "``` [\n"]  # fmt: skip


def work(text):
    """Return the number of calls of the decoder, and the number of candidates."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call" and frame.f_code.co_name == "raw_decode"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = sum(1 for _ in candidates(text))
    finally:
        sys.setprofile(before)
    return calls, found


@pytest.mark.parametrize("start", ["", '["', "```\n", "x"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_not_an_error_and_its_work_is_bounded(hostile, start):
    text = start + hostile * (100_000 // len(hostile))
    calls, found = work(text)
    assert calls - found <= 1002 + text.count("```")  # attempts that failed
    assert found <= len(text)


def test_deep_nesting_is_found_or_passed_over_but_never_an_error():
    assert list(candidates("x" + "[" * 100 + "]" * 100)) == ["[" * 100 + "]" * 100]
    for depth in (900, 1_000, 10_000, 100_000):
        assert len(list(candidates("[" * depth + "]" * depth))) <= 1
    assert list(candidates("[" * 100_000 + "]" * 100_000 + ' {"a": 1}'))[-1] == '{"a": 1}'
